import { totalmem } from "node:os";
import type { DuckDBConnection } from "@duckdb/node-api";
import { messageOf } from "../../ops/errors.ts";

const MB = 1024 * 1024;

/**
 * DuckDB's memory limit: small at first, because it takes what it may before it spills to disk, and doubled whenever
 * that does not do: what a COPY pins cannot spill, and a segment with many deep books pins much. It stays where it was
 * needed once.
 */
export class GrowingMemory {
  readonly #connection: DuckDBConnection;
  readonly #most: number;
  #megabytes: number;

  /** `connection` is used for nothing else, and closed with this. Half of the machine's memory is the most by default. */
  constructor(connection: DuckDBConnection, megabytes: number, most: number = Math.floor(totalmem() / 2 / MB)) {
    this.#connection = connection;
    this.#megabytes = megabytes;
    this.#most = most;
  }

  /** Does `work`, again and again with more memory as long as that is what it lacks. Anything else it throws rises. */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        await this.grow(error);
      }
    }
  }

  /** Gives more memory after `error`; throws it where it tells of something else, or there is no more to give. */
  async grow(error: unknown): Promise<void> {
    // However it is worded ("failed to pin block of size…"), the advice is the same.
    if (!messageOf(error).includes("memory_limit")) throw error;
    const next = Math.min(this.#megabytes * 2, this.#most);
    if (next <= this.#megabytes) throw error;
    this.#megabytes = next;
    await this.#connection.run(`SET memory_limit = '${next}MB'`);
  }

  [Symbol.dispose](): void {
    this.#connection.closeSync();
  }
}
