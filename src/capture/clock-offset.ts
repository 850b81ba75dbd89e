import type { Micros } from "../model/time.ts";

const SECOND: Micros = 1_000_000;

/**
 * How far a venue's clock is ahead of ours, from `Date` headers. One names a whole second and was written between our
 * question and its answer, so it leaves an interval; several narrow it.
 */
export class ClockOffset {
  #low = -Infinity;
  #high = Infinity;
  /** The venue refused our time, and the measurement says why: sign in its time. */
  isWrong = false;

  /** Takes a header with our wall-clock times around it. False where it is no date. */
  measured(date: string | null, asked: Micros, answered: Micros): boolean {
    const venue = date === null ? Number.NaN : Date.parse(date) * 1000;
    if (Number.isNaN(venue) || answered < asked) return false;
    const low = venue - answered;
    const high = venue + SECOND - asked;
    // One of the clocks was set since: what was known is worth nothing.
    const consistent = low <= this.#high && high >= this.#low;
    this.#low = consistent ? Math.max(this.#low, low) : low;
    this.#high = consistent ? Math.min(this.#high, high) : high;
    return true;
  }

  /** Microseconds to add to our time to get the venue's; null before the first measurement. */
  get offset(): Micros | null {
    return this.#low === -Infinity ? null : Math.round((this.#low + this.#high) / 2);
  }

  /** It may be this much more or less. */
  get uncertainty(): Micros {
    return Math.ceil((this.#high - this.#low) / 2);
  }
}
