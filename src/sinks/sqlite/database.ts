import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
// The only import of `node:sqlite`: its class is about to be renamed (deprecation DEP0210).
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { messageOf, StorageError } from "../../ops/errors.ts";

export type SqlValue = SQLInputValue;
export type SqlRow = Record<string, SQLOutputValue>;
export type Statement = StatementSync;

/** How long another program's lock is waited for, in milliseconds. */
const BUSY_MS = 5_000;

/** What to do about the errors that users really meet; SQLite's primary result codes. */
const HINTS: Readonly<Record<number, string>> = {
  5: "another program holds the database; close it, or wait for its transaction",
  8: "the file or its directory cannot be written by this user",
  10: "the disk reported an error; the journal is not affected",
  11: "the database is damaged; move it away and `foretape replay` makes it again from the journal",
  13: "the disk is full; the journal goes on, and this database catches up when there is room",
  14: "check that the directory exists and can be written",
  26: "this file is no SQLite database; give the sink another path",
};

/** A SQLite database: WAL, synchronous FULL, so that a commit that returned survives a power cut. */
export class Database implements Disposable {
  readonly path: string;
  readonly #sqlite: DatabaseSync;

  /**
   * Opens or creates the file and its directory. `applicationId` marks whose it is (SQLite's `application_id`): a
   * database with tables and another mark is refused before anything is written. Throws `StorageError`.
   */
  constructor(path: string, applicationId: number) {
    this.path = path;
    try {
      if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
      this.#sqlite = new DatabaseSync(path, { timeout: BUSY_MS });
    } catch (error) {
      throw this.#failure(error);
    }
    try {
      const [mark] = this.all("PRAGMA application_id");
      const [count] = this.all("SELECT count(*) AS tables FROM sqlite_schema");
      if (count?.["tables"] !== 0 && mark?.["application_id"] !== applicationId) {
        throw new StorageError(`${path} is a database of another program`, { hint: "give the sink a path of its own" });
      }
      this.run("PRAGMA journal_mode = WAL");
      this.run("PRAGMA synchronous = FULL");
      // 64 MB: with SQLite's default of 2 MB the indexes' leaves are read back again and again.
      this.run("PRAGMA cache_size = -65536");
      this.run(`PRAGMA application_id = ${applicationId}`);
    } catch (error) {
      this.#sqlite.close();
      throw error;
    }
  }

  /** Runs statements that return nothing. */
  run(sql: string): void {
    this.attempt(() => this.#sqlite.exec(sql));
  }

  prepare(sql: string): Statement {
    return this.attempt(() => this.#sqlite.prepare(sql));
  }

  all(sql: string, ...values: readonly SqlValue[]): SqlRow[] {
    return this.attempt(() => this.#sqlite.prepare(sql).all(...values));
  }

  /** Runs one statement and returns the number of rows that it changed. */
  change(sql: string, ...values: readonly SqlValue[]): number {
    return this.attempt(() => Number(this.#sqlite.prepare(sql).run(...values).changes));
  }

  get inTransaction(): boolean {
    return this.#sqlite.isTransaction;
  }

  /** Runs `body` in a transaction of its own; nothing of it is visible when it throws. */
  transaction<T>(body: () => T): T {
    this.run("BEGIN IMMEDIATE");
    try {
      const result = body();
      this.run("COMMIT");
      return result;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  rollback(): void {
    if (this.#sqlite.isTransaction) this.run("ROLLBACK");
  }

  /** Runs `body` with SQLite's errors turned into `StorageError`. */
  attempt<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw error instanceof StorageError ? error : this.#failure(error);
    }
  }

  [Symbol.dispose](): void {
    this.#sqlite.close();
  }

  #failure(error: unknown): StorageError {
    const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
    const hint = HINTS[code];
    return new StorageError(`SQLite database ${this.path}: ${messageOf(error)}`, {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
