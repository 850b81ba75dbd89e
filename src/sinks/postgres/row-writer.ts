import type { TableBuffer } from "../../tables/buffer.ts";
import type { Table } from "../../tables/schema.ts";
import { storedName } from "../sql.ts";
import type { Connection } from "./connection.ts";
import { qualified, SCHEMA } from "./ddl.ts";
import { columnList, copyText } from "./encode.ts";

/**
 * Puts rows into their tables over one connection. COPY refuses a table whose policies apply to who writes: such rows
 * are copied into a temporary table of the connection's, and go on from there before the transaction is committed.
 */
export class RowWriter {
  readonly #connection: Connection;
  /** Tables that have a temporary one before them. */
  readonly #guarded: ReadonlySet<Table>;
  /** Those of them that rows were copied for. One of a transaction that failed does no harm: its rows are gone. */
  readonly #staged: Set<Table> = new Set();

  private constructor(connection: Connection, guarded: ReadonlySet<Table>) {
    this.#connection = connection;
    this.#guarded = guarded;
  }

  /** The connection has no transaction open. */
  static async create(connection: Connection, tables: readonly Table[]): Promise<RowWriter> {
    const found = await connection.rows(
      `SELECT relname FROM pg_class WHERE relnamespace = '${SCHEMA}'::regnamespace AND relkind IN ('r', 'p')
         AND NOT relispartition AND row_security_active(oid)`,
    );
    const names = new Set(found.map(({ relname }) => String(relname)));
    const guarded = tables.filter((table) => names.has(storedName(table)));
    const statements = guarded.map(
      (table) =>
        `CREATE TEMPORARY TABLE "${stageName(table)}" (LIKE ${qualified(storedName(table))}) ON COMMIT DELETE ROWS`,
    );
    if (statements.length > 0) await connection.run(statements);
    return new RowWriter(connection, new Set(guarded));
  }

  /** Sends the buffer's rows of these frames, both ends included. */
  async put(buffer: TableBuffer, recorder: number, from: number, to: number): Promise<void> {
    const { table } = buffer;
    const pieces = copyText(buffer, recorder, from, to);
    // A COPY of nothing is two messages there and back all the same.
    const { value: first, done } = pieces.next();
    if (done === true) return;
    const isGuarded = this.#guarded.has(table);
    const target = isGuarded ? `pg_temp."${stageName(table)}"` : qualified(storedName(table));
    await this.#connection.copy(`COPY ${target} (${columnList(table)}) FROM STDIN`, chain(first, pieces));
    if (isGuarded) this.#staged.add(table);
  }

  /** What is left to do before the transaction is committed. */
  finish(): string[] {
    const statements = [...this.#staged].map((table) => {
      const columns = columnList(table);
      return `INSERT INTO ${qualified(storedName(table))} (${columns}) SELECT ${columns} FROM pg_temp."${stageName(table)}"`;
    });
    this.#staged.clear();
    return statements;
  }
}

function stageName(table: Table): string {
  return `stage_${table.name}`;
}

function* chain(first: string, rest: Iterable<string>): Generator<string> {
  yield first;
  yield* rest;
}
