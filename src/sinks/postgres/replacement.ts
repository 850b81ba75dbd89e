import type { Table } from "../../tables/schema.ts";
import type { JournalIdentity, RowBatch } from "../sink.ts";
import { storedName } from "../sql.ts";
import type { Connection } from "./connection.ts";
import { literal, qualified, SCHEMA } from "./ddl.ts";
import type { Partitions } from "./partitions.ts";
import type { Session } from "./session.ts";
import type { Transaction, Writing } from "./transaction.ts";

/** Where a journal's rows lie: a table, or one partition of it, and the first and last frame there. */
interface Extent {
  /** Schema and table, for SQL. */
  readonly table: string;
  /** A condition that names the partition, so that the others are neither looked at nor locked. */
  readonly where: string;
  readonly firstFrame: number;
  readonly lastFrame: number;
}

/** Batches that take the place of what the tables hold of their frames, in one transaction per segment. */
export class Replacement {
  readonly #session: Session;
  readonly #partitions: Partitions;
  readonly #identity: JournalIdentity;
  readonly #range: { readonly firstFrame: number; readonly lastFrame: number };
  readonly #extents: readonly Extent[];
  #transaction: Transaction | null = null;

  private constructor(
    session: Session,
    partitions: Partitions,
    identity: JournalIdentity,
    range: { readonly firstFrame: number; readonly lastFrame: number },
    extents: readonly Extent[],
  ) {
    this.#session = session;
    this.#partitions = partitions;
    this.#identity = identity;
    this.#range = range;
    this.#extents = extents;
  }

  static async begin(
    session: Session,
    partitions: Partitions,
    { identity, tables }: Writing,
    range: { readonly firstFrame: number; readonly lastFrame: number },
  ): Promise<Replacement> {
    let extents: readonly Extent[] = [];
    await session.attempt(async ({ connection }) => {
      extents = await extentsOf(connection, tables, identity.recorder);
    });
    return new Replacement(session, partitions, identity, range, extents);
  }

  async write(batch: RowBatch): Promise<void> {
    const firstFrame = Math.max(batch.firstFrame, this.#range.firstFrame);
    const lastFrame = Math.min(batch.lastFrame, this.#range.lastFrame);
    try {
      // A batch without records is only the end of its segment.
      if (batch.firstFrame !== 0 && firstFrame <= lastFrame) await this.#take(batch, firstFrame, lastFrame);
      if (batch.last) await this.#commit();
    } catch (error) {
      this.#transaction = null;
      await this.#session.abort(error);
      throw error;
    }
  }

  async #take(batch: RowBatch, firstFrame: number, lastFrame: number): Promise<void> {
    await this.#partitions.ensure(batch.tables);
    const transaction = (this.#transaction ??= await this.#session.begin());
    const known = transaction.checkpoint;
    if (known !== null && firstFrame > known.frame) transaction.firstMissing(firstFrame);
    // A batch that is cut short has no CRC of its last frame here.
    const leadsOn = lastFrame === batch.lastFrame && (known === null || known.frame < lastFrame);
    const next = leadsOn ? { journal: this.#identity.journal, frame: lastFrame, crc: batch.lastCrc } : null;
    await transaction.take({ firstFrame, lastFrame, interpreter: batch.interpreter }, next);
    const held = this.#extents.filter((extent) => extent.firstFrame <= lastFrame && extent.lastFrame >= firstFrame);
    if (held.length > 0)
      await transaction.run(
        held.map(
          ({ table, where }) =>
            `DELETE FROM ${table} WHERE ${where} AND recorder = ${this.#identity.recorder} AND frame BETWEEN ${firstFrame} AND ${lastFrame}`,
        ),
      );
    for (const buffer of batch.tables) await transaction.put(buffer, { firstFrame, lastFrame });
  }

  async end(): Promise<void> {
    await this.#commit();
  }

  async #commit(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = null;
    if (transaction !== null) await this.#session.commit(transaction);
  }
}

/** Where the tables hold rows of a recorder. */
async function extentsOf(connection: Connection, tables: readonly Table[], recorder: number): Promise<Extent[]> {
  const partitions = await connection.rows(
    `SELECT parent.relname AS parent, pg_get_expr(part.relpartbound, part.oid) AS bound
     FROM pg_inherits JOIN pg_class AS parent ON parent.oid = inhparent JOIN pg_class AS part ON part.oid = inhrelid
     WHERE parent.relnamespace = '${SCHEMA}'::regnamespace AND parent.relkind = 'p'`,
  );
  const extents: Extent[] = [];
  for (const table of tables.map(storedName)) {
    const bounds = partitions.filter(({ parent }) => parent === table).map(({ bound }) => String(bound));
    for (const where of bounds.length > 0 ? bounds.map(dateCondition) : ["true"]) {
      const [row] = await connection.rows(
        `SELECT min(frame) AS first, max(frame) AS last FROM ${qualified(table)} WHERE ${where} AND recorder = ${recorder}`,
      );
      if (row === undefined || row["first"] === null) continue;
      const [firstFrame, lastFrame] = [Number(row["first"]), Number(row["last"])];
      extents.push({ table: qualified(table), where, firstFrame, lastFrame });
    }
  }
  return extents;
}

/** `FOR VALUES FROM ('2026-11-21') TO ('2026-11-22')` as a condition on `date`. */
function dateCondition(bound: string): string {
  const [low, high] = [...bound.matchAll(/'([^']+)'/g)].map(([, date]) => date ?? "");
  if (low === undefined || high === undefined) throw new Error(`a partition has the bound ${bound}`);
  return `date >= ${literal(low)} AND date < ${literal(high)}`;
}
