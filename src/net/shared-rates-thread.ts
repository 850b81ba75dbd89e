import { DatabaseSync, type StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../ops/errors.ts";
import { adjust, book, type Booking, type Bucket, fullBucket, refused } from "./rate-limit.ts";
import { machineMs } from "./rate-store.ts";
import type { RateAnswer, RateQuestion } from "./shared-rates.ts";

/*
 * The thread that owns the database of shared budgets. Each question is one short transaction; nothing is synced to the
 * disk, because a budget that a power cut takes away heals by itself.
 */
const LOCK_WAIT_MS = 1_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS rate_budgets (
    name TEXT PRIMARY KEY, per_second REAL NOT NULL, capacity REAL NOT NULL, learned INTEGER NOT NULL,
    tokens REAL NOT NULL, at_ms REAL NOT NULL, factor REAL NOT NULL, halved_at_ms REAL NOT NULL
  ) STRICT, WITHOUT ROWID`;

const { path } = workerData as { readonly path: string };
const port = parentPort;
if (port === null) throw new Error("shared-rates-thread.ts runs as a worker");

class Store {
  readonly #db: DatabaseSync;
  readonly #read: StatementSync;
  readonly #write: StatementSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: LOCK_WAIT_MS });
    try {
      this.#db.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; ${SCHEMA}`);
      this.#read = this.#db.prepare(
        `SELECT per_second AS perSecond, capacity, learned, tokens, at_ms AS at, factor, halved_at_ms AS halvedAt
         FROM rate_budgets WHERE name = ?`,
      );
      this.#write = this.#db.prepare("REPLACE INTO rate_budgets VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }

  answer(question: RateQuestion): Booking {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const { name } = question.limit;
      const now = machineMs();
      const row = this.#read.get(name);
      const bucket =
        row === undefined ? fullBucket(question.limit, now) : ({ ...row, learned: row["learned"] === 1 } as Bucket);
      adjust(bucket, question.limit);
      if (question.type === "refused") refused(bucket, question.retryAfterMs, now);
      const booking = book(bucket, question.type === "book" ? question.tokens : 0, now);
      const { perSecond, capacity, learned, tokens, at, factor, halvedAt } = bucket;
      this.#write.run(name, perSecond, capacity, learned ? 1 : 0, tokens, at, factor, halvedAt);
      this.#db.exec("COMMIT");
      return booking;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}

let store: Store | null = null;

/** Processes that start together may be in each other's way while one of them makes the file. */
function open(): Store {
  for (let attempt = 1; ; attempt++) {
    try {
      return new Store(path);
    } catch (error) {
      if (attempt === 3 || !messageOf(error).includes("locked")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}

/** A file that cannot be used is opened anew at the next question: it may have been repaired or removed. */
function answer(question: RateQuestion): RateAnswer {
  const { id } = question;
  try {
    store ??= open();
    return { id, booking: store.answer(question) };
  } catch (error) {
    try {
      store?.close();
    } catch {
      // What is wrong with the file was said already.
    }
    store = null;
    return { id, error: messageOf(error) };
  }
}

port.on("message", (question: RateQuestion) => port.postMessage(answer(question)));
