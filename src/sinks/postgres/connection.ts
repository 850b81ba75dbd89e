import { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
// The only imports of the client.
import { Client, type QueryResult } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { databaseName } from "./database-name.ts";
import { ConnectionLostError, storageError } from "./errors.ts";

export type SqlRow = Readonly<Record<string, unknown>>;

const CONNECT_MS = 5_000;
/** Of one statement, on the server; and how long it waits for another session's lock. */
const STATEMENT_MS = 60_000;
const LOCK_MS = 5_000;
/** A network that swallows packets says nothing: then this ends the wait. Longer than the server's own limit. */
const SILENCE_MS = 75_000;
const CLOSE_MS = 2_000;

/** Not left to the server's or a role's settings. Only what a session pooler passes on too. */
const SETTINGS = [
  `SET statement_timeout = ${STATEMENT_MS}`,
  `SET lock_timeout = ${LOCK_MS}`,
  // A process that hangs in the middle of a transaction must not hold its locks for ever.
  `SET idle_in_transaction_session_timeout = ${SILENCE_MS}`,
  "SET standard_conforming_strings = on",
  "SET TimeZone = 'UTC'",
];

/**
 * One connection to a PostgreSQL server. Every error is a `StorageError`; `ConnectionLostError` where a new connection
 * may do better. Nothing waits for ever.
 */
export class Connection implements AsyncDisposable {
  readonly database: string;
  readonly #client: Client;
  readonly #socket: Socket;
  #isLost = false;

  private constructor(url: string) {
    this.database = databaseName(url);
    this.#socket = new Socket();
    this.#client = new Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      application_name: "foretape",
      stream: () => this.#socket,
    });
    const lost = (): void => {
      this.#isLost = true;
    };
    this.#client.on("error", lost);
    this.#client.on("end", lost);
  }

  /** The client reads the address, and the files of certificates that it names. */
  static #of(url: string): Connection {
    try {
      return new Connection(url);
    } catch (error) {
      throw storageError(error, databaseName(url), false);
    }
  }

  /** Connects within five seconds, or until `signal` aborts. `url` names the database and holds the password. */
  static async open(url: string, signal?: AbortSignal): Promise<Connection> {
    const connection = Connection.#of(url);
    const abandon = (): void => connection.abandon();
    signal?.addEventListener("abort", abandon);
    try {
      signal?.throwIfAborted();
      await connection.#client.connect();
      await connection.run(SETTINGS);
      return connection;
    } catch (error) {
      connection.#socket.destroy();
      // What has no code of the server's happened on the way to it.
      const isLost = !(error instanceof Error && "severity" in error);
      throw storageError(error, connection.database, isLost);
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  /** The rows of one statement, `$1` … being the values. */
  async rows(sql: string, ...values: readonly unknown[]): Promise<readonly SqlRow[]> {
    const { rows } = await this.#answer(this.#client.query<Record<string, unknown>>(sql, [...values]));
    return rows;
  }

  /** Sends statements without values in one message; the number of rows that each of them changed. */
  async run(statements: readonly string[]): Promise<readonly number[]> {
    const results = (await this.#answer(this.#client.query(statements.join(";\n")))) as QueryResult | QueryResult[];
    return [results].flat().map(({ rowCount }) => rowCount ?? 0);
  }

  /** Sends pieces of COPY's text format to a `COPY … FROM STDIN`. */
  async copy(sql: string, pieces: Iterable<string>): Promise<void> {
    await this.#answer(pipeline(Readable.from(pieces), this.#client.query(copyFrom(sql))));
  }

  async #answer<T>(work: Promise<T>): Promise<T> {
    const silence = setTimeout(() => this.abandon(), SILENCE_MS);
    try {
      return await work;
    } catch (error) {
      throw storageError(error, this.database, this.#isLost);
    } finally {
      clearTimeout(silence);
    }
  }

  /** Rolls an open transaction back, so that the connection can go on. Throws `ConnectionLostError` where it cannot. */
  async rollback(): Promise<void> {
    if (this.#isLost) throw new ConnectionLostError(`the connection to ${this.database} is lost`);
    await this.run(["ROLLBACK"]);
  }

  /** Cuts the connection; the server rolls back what was under way. */
  abandon(): void {
    this.#isLost = true;
    this.#socket.destroy();
  }

  /** Ends within two seconds, whatever the server does. */
  async [Symbol.asyncDispose](): Promise<void> {
    const late = setTimeout(() => this.abandon(), CLOSE_MS);
    try {
      if (!this.#isLost) await this.#client.end();
    } catch {
      // It is gone, which is what was asked for.
    } finally {
      clearTimeout(late);
      this.#socket.destroy();
    }
  }
}
