import type { TableBuffer } from "../../tables/buffer.ts";
import type { Table } from "../../tables/schema.ts";
import { storedName } from "../sql.ts";
import type { Connection } from "./connection.ts";
import { qualified, SCHEMA } from "./ddl.ts";
import { columnList, copyText } from "./encode.ts";

/** Puts rows into their tables over one connection, within its open transaction. */
export class RowWriter {
  readonly #connection: Connection;
  /** Tables whose policies apply to us: COPY refuses those. */
  readonly #guarded: ReadonlySet<string>;
  readonly #staged: Set<string> = new Set();

  private constructor(connection: Connection, guarded: ReadonlySet<string>) {
    this.#connection = connection;
    this.#guarded = guarded;
  }

  static async create(connection: Connection): Promise<RowWriter> {
    const guarded = await connection.rows(
      `SELECT relname FROM pg_class WHERE relnamespace = '${SCHEMA}'::regnamespace AND relkind IN ('r', 'p')
         AND NOT relispartition AND row_security_active(oid)`,
    );
    return new RowWriter(connection, new Set(guarded.map(({ relname }) => String(relname))));
  }

  /** Writes the buffer's rows of these frames, both ends included. */
  async put(buffer: TableBuffer, recorder: number, from: number, to: number): Promise<void> {
    const { table } = buffer;
    const pieces = copyText(buffer, recorder, from, to);
    // A COPY of nothing is two messages there and back all the same.
    const { value: first, done } = pieces.next();
    if (done === true) return;
    const target = this.#guarded.has(storedName(table)) ? await this.#stage(table) : qualified(storedName(table));
    await this.#connection.copy(`COPY ${target} (${columnList(table)}) FROM STDIN`, chain(first, pieces));
    if (!this.#guarded.has(storedName(table))) return;
    const columns = columnList(table);
    await this.#connection.run([
      `INSERT INTO ${qualified(storedName(table))} (${columns}) SELECT ${columns} FROM ${target}`,
      // Not only at the end of the transaction: a segment's rows come in many pieces.
      `TRUNCATE ${target}`,
    ]);
  }

  /** A temporary table of the same columns; it lives as long as the connection. */
  async #stage(table: Table): Promise<string> {
    const stage = `pg_temp."stage_${table.name}"`;
    if (this.#staged.has(table.name)) return stage;
    await this.#connection.run([
      `CREATE TEMPORARY TABLE IF NOT EXISTS "stage_${table.name}" (LIKE ${qualified(storedName(table))}) ON COMMIT DELETE ROWS`,
    ]);
    return stage;
  }
}

function* chain(first: string, rest: Iterable<string>): Generator<string> {
  yield first;
  yield* rest;
}
