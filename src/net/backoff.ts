/** Waits between attempts: capped exponential growth with full jitter, so that many clients do not return in step. */
export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** In [0, 1). */
  readonly random?: () => number;
}

export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor(options: BackoffOptions) {
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random ?? Math.random;
  }

  /** Attempts since the last `reset`. */
  get attempts(): number {
    return this.#attempts;
  }

  /**
   * Milliseconds to wait before the next attempt: uniform in [min, min(max, min·2ⁿ)], never below `min`, so that a
   * venue that refuses at once is not asked in a hot loop.
   */
  next(): number {
    const ceiling = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#attempts, 30));
    this.#attempts++;
    return Math.round(this.#minMs + (ceiling - this.#minMs) * this.#random());
  }

  /** Things went well for long enough: start again from the shortest wait. */
  reset(): void {
    this.#attempts = 0;
  }
}
