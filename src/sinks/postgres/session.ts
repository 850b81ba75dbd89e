import { setTimeout as sleep } from "node:timers/promises";
import type { Checkpoint } from "../sink.ts";
import { Connection } from "./connection.ts";
import { ConnectionLostError } from "./errors.ts";
import { RowWriter } from "./row-writer.ts";
import { movedByAnother, readCheckpoint, Transaction, type Writing } from "./transaction.ts";

/** How long a lost connection is tried again, in milliseconds. */
export const PATIENCE_MS = 5_000;
/** The first and the longest pause between. */
const PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export interface SessionOptions {
  readonly url: string;
  /** How long a lost connection is tried again. */
  readonly patienceMs: number;
  /** Ends the trying. */
  readonly signal: AbortSignal;
}

interface Line {
  readonly connection: Connection;
  readonly writer: RowWriter;
}

/**
 * One journal's place in one database: the connection that writes, and the checkpoint. A lost connection is made again,
 * and the checkpoint then says whether the transaction that was under way had been committed.
 */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #writing: Writing;
  #line: Line | null;
  #committed: Checkpoint | null;
  /** Where the checkpoint is if the commit that was sent last went through and its answer was lost. */
  #pending: Checkpoint | null = null;

  private constructor(options: SessionOptions, writing: Writing, line: Line, committed: Checkpoint | null) {
    this.#options = options;
    this.#writing = writing;
    this.#line = line;
    this.#committed = committed;
  }

  /** Takes the connection over, on which the journal was registered. */
  static async open(options: SessionOptions, writing: Writing, connection: Connection): Promise<Session> {
    const committed = await readCheckpoint(connection, writing.identity);
    return new Session(
      options,
      writing,
      { connection, writer: await RowWriter.create(connection, writing.tables) },
      committed,
    );
  }

  /** As committed. */
  get checkpoint(): Checkpoint | null {
    return this.#committed;
  }

  /**
   * Runs `work` until it is done. Where the connection is lost it is made again and `work` begins anew, from the
   * checkpoint as it is then, for as long as patience lasts. Throws `StorageError`.
   */
  async attempt(work: (transaction: Transaction) => Promise<void>): Promise<void> {
    let lostAt: number | null = null;
    for (let pause = PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        await work(await this.begin());
        return;
      } catch (error) {
        await this.abort(error);
        if (!(error instanceof ConnectionLostError) || this.#options.signal.aborted) throw error;
        lostAt ??= performance.now();
        if (performance.now() - lostAt + pause > this.#options.patienceMs) throw error;
        await sleep(pause);
      }
    }
  }

  /** A transaction, on a new connection where the last one was lost. One at a time; it ends with `commit` or `abort`. */
  async begin(): Promise<Transaction> {
    const { connection, writer } = (this.#line ??= await this.#reconnect());
    return new Transaction(connection, writer, this.#writing, this.#committed);
  }

  async commit(transaction: Transaction): Promise<void> {
    this.#pending = transaction.checkpoint;
    await transaction.commit();
    this.#committed = transaction.checkpoint;
  }

  /** Rolls back what is open. A connection that is whole goes on, any other is given up. */
  async abort(cause: unknown): Promise<void> {
    const connection = this.#line?.connection;
    if (connection === undefined) return;
    try {
      if (cause instanceof ConnectionLostError) throw cause;
      await connection.rollback();
    } catch {
      // The error that is told is the first one.
      this.#line = null;
      connection.abandon();
    }
  }

  async #reconnect(): Promise<Line> {
    const { identity, tables } = this.#writing;
    const connection = await Connection.open(this.#options.url, this.#options.signal);
    try {
      const found = await readCheckpoint(connection, identity);
      if (!isSame(found, this.#committed) && !isSame(found, this.#pending)) throw movedByAnother(connection, identity);
      this.#committed = found;
      return { connection, writer: await RowWriter.create(connection, tables) };
    } catch (error) {
      connection.abandon();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = this.#line?.connection;
    this.#line = null;
    await connection?.[Symbol.asyncDispose]();
  }
}

function isSame(a: Checkpoint | null, b: Checkpoint | null): boolean {
  return a?.journal === b?.journal && a?.frame === b?.frame && a?.crc === b?.crc;
}
