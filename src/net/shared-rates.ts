import { Worker } from "node:worker_threads";
import { messageOf } from "../ops/errors.ts";
import type { Booking, RateLimit } from "./rate-limit.ts";
import { OwnRates, type RateStore } from "./rate-store.ts";

/** A question to the thread that owns the database. */
export type RateQuestion = { readonly id: number; readonly limit: RateLimit } & (
  | { readonly type: "book"; readonly tokens: number }
  | { readonly type: "refused"; readonly retryAfterMs: number | null }
);

export type RateAnswer = { readonly id: number } & ({ readonly booking: Booking } | { readonly error: string });

/** A store that does not answer within this is of no use: requests would wait for it. */
const PATIENCE_MS = 2_000;
/** How long this process goes on alone before it tries the store again. */
const ALONE_MS = 60_000;
const MAX_WAITING = 10_000;

/**
 * Buckets in an SQLite file that all processes of this machine share, on a thread of its own, because a transaction can
 * stall its thread for 200 ms. While the file cannot be used, this process keeps buckets of its own, with the same share.
 */
export class SharedRates implements RateStore, AsyncDisposable {
  readonly #path: string;
  readonly #own = new OwnRates();
  readonly #onAlone: (reason: string) => void;
  readonly #waiting = new Map<number, (answer: RateAnswer) => void>();
  #worker: Worker | null = null;
  #ids = 0;
  #aloneUntil = 0;
  #said = false;

  /** `onAlone` hears once why the budget is not shared. */
  constructor(path: string, onAlone: (reason: string) => void) {
    this.#path = path;
    this.#onAlone = onAlone;
  }

  async book(limit: RateLimit, tokens: number): Promise<Booking> {
    return (await this.#ask({ id: ++this.#ids, type: "book", limit, tokens })) ?? this.#own.book(limit, tokens);
  }

  async refused(limit: RateLimit, retryAfterMs: number | null): Promise<number> {
    const own = this.#own.refused(limit, retryAfterMs);
    const shared = await this.#ask({ id: ++this.#ids, type: "refused", limit, retryAfterMs });
    return shared?.factor ?? own;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#aloneUntil = Infinity;
    const worker = this.#worker;
    this.#giveUp("the store is closed");
    await worker?.terminate();
  }

  /** Null where the store cannot say. */
  async #ask(question: RateQuestion): Promise<Booking | null> {
    if (performance.now() < this.#aloneUntil || this.#waiting.size >= MAX_WAITING) return null;
    const worker = (this.#worker ??= this.#start());
    const { promise, resolve } = Promise.withResolvers<RateAnswer>();
    const { id } = question;
    this.#waiting.set(id, resolve);
    const timer = setTimeout(() => resolve({ id, error: `no answer within ${PATIENCE_MS / 1000} s` }), PATIENCE_MS);
    worker.postMessage(question);
    const answer = await promise;
    clearTimeout(timer);
    this.#waiting.delete(id);
    if ("booking" in answer) return answer.booking;
    this.#alone(answer.error);
    return null;
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const worker = new Worker(new URL(`./shared-rates-thread.${extension}`, import.meta.url), {
      workerData: { path: this.#path },
    });
    worker.unref();
    worker.on("message", (answer: RateAnswer) => this.#waiting.get(answer.id)?.(answer));
    worker.on("error", (error) => this.#giveUp(messageOf(error)));
    return worker;
  }

  /** Answers everything that waits; a new thread is started when it is time to try again. */
  #giveUp(error: string): void {
    this.#worker = null;
    for (const [id, resolve] of this.#waiting) resolve({ id, error });
  }

  #alone(reason: string): void {
    if (this.#aloneUntil === Infinity) return;
    this.#aloneUntil = performance.now() + ALONE_MS;
    if (this.#said) return;
    this.#said = true;
    this.#onAlone(reason);
  }
}
