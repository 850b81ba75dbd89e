import type { TableBuffer } from "../../tables/buffer.ts";
import { dayOf } from "../../model/time.ts";
import type { Table } from "../../tables/schema.ts";
import { storedName } from "../sql.ts";
import { Connection } from "./connection.ts";
import { literal, SCHEMA } from "./ddl.ts";
import { dateText, partitionUnit } from "./partitioning.ts";

/**
 * Sees to it that rows find the partition of their day: a day ahead for those that come, before its rows for an earlier
 * day. Partitions are made on a connection of its own, so that what this locks is locked for a moment only.
 */
export class Partitions {
  readonly #url: string;
  readonly #signal: AbortSignal;
  readonly #tables: readonly Table[];
  /** Days whose partition is there, by table. */
  readonly #known: Map<string, Set<number>> = new Map();

  constructor({ url, signal }: { readonly url: string; readonly signal: AbortSignal }, tables: readonly Table[]) {
    this.#url = url;
    this.#signal = signal;
    this.#tables = tables.filter((table) => partitionUnit(table) !== null);
  }

  /** The partitions of a day and the next one, for all tables, on a connection without a transaction. `now` in milliseconds. */
  async ahead(connection: Connection, now: number): Promise<void> {
    const today = dayOf(now * 1_000);
    await this.#ensure(
      connection,
      this.#tables.map((table) => [storedName(table), [today, today + 1]]),
    );
  }

  /** The partitions of the buffers' rows. */
  async ensure(buffers: Iterable<TableBuffer>): Promise<void> {
    const missing: [string, number[]][] = [];
    for (const { table, day, length } of buffers) {
      if (!this.#tables.includes(table)) continue;
      const stored = storedName(table);
      const known = this.#known.get(stored);
      const days = new Set<number>();
      for (let row = 0; row < length; row++) if (known?.has(day[row]!) !== true) days.add(day[row]!);
      if (days.size === 0) continue;
      // At midnight the next day's partition is there before its first row.
      const newest = Math.max(...days);
      if (newest > Math.max(...(known ?? []))) days.add(newest + 1);
      missing.push([stored, [...days]]);
    }
    if (missing.length === 0) return;
    await using connection = await Connection.open(this.#url, this.#signal);
    await this.#ensure(connection, missing);
  }

  /** Somebody may have dropped partitions: look again. */
  forget(): void {
    this.#known.clear();
  }

  async #ensure(connection: Connection, wanted: readonly (readonly [string, readonly number[]])[]): Promise<void> {
    const calls = wanted.flatMap(([stored, days]) =>
      days.map((day) => `SELECT ${SCHEMA}.ensure_partition(${literal(stored)}, '${dateText(day)}')`),
    );
    // One transaction each: a lock is held for one partition.
    for (const call of calls) await connection.run([call]);
    for (const [stored, days] of wanted) {
      const known = this.#known.get(stored) ?? new Set();
      for (const day of days) known.add(day);
      this.#known.set(stored, known);
    }
  }
}
