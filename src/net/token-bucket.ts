import { sleep } from "./sleep.ts";

/**
 * A token bucket with continuous refill. Callers are served in order: each one books its tokens at once, in advance
 * where the bucket is empty, and waits until they are there. So the budget holds however many callers there are.
 */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #capacity: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(options: { readonly perSecond: number; readonly capacity: number; readonly nowMs?: () => number }) {
    this.#perSecond = options.perSecond;
    this.#capacity = Math.max(1, options.capacity);
    this.#now = options.nowMs ?? (() => performance.now());
    this.#tokens = this.#capacity;
    this.#at = this.#now();
  }

  /** Books tokens and gives the milliseconds to wait before using them. */
  book(tokens = 1): number {
    const now = this.#now();
    if (now > this.#at) {
      this.#tokens = Math.min(this.#capacity, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000);
      this.#at = now;
    }
    this.#tokens -= tokens;
    const owed = this.#tokens < 0 ? (-this.#tokens * 1000) / this.#perSecond : 0;
    return Math.ceil(owed + Math.max(0, this.#at - now));
  }

  /** Nobody gets a token for this long: the other side said that it had enough. */
  pause(ms: number): void {
    this.#tokens = Math.min(this.#tokens, 0);
    this.#at = Math.max(this.#at, this.#now() + ms);
  }

  /** Waits for tokens. Rejects when the signal is aborted. */
  async take(tokens: number, signal: AbortSignal): Promise<void> {
    const wait = this.book(tokens);
    if (wait > 0) await sleep(wait, signal);
    signal.throwIfAborted();
  }
}
