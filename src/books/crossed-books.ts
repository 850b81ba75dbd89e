import type { Micros } from "../model/time.ts";
import type { TrackedBook } from "./tracked-book.ts";

/**
 * A book that stays crossed or locked for this long has lost a change. Shorter crossings are normal while an exchange
 * matches (seen on the wire, Kalshi captures of 2026-05-14).
 */
const CROSSED_FOR = 1_000_000;

/** Live books whose best bid is at or above their best ask. */
export class CrossedBooks {
  readonly #books = new Set<TrackedBook>();
  /** When `wake` has something to look at. */
  due: Micros = Infinity;

  /** The top of a live book changed; true where that crossed it. Without a time (`at` null) it is not watched. */
  changed(tracked: TrackedBook, at: Micros | null): boolean {
    if (!tracked.book.isCrossed) {
      this.withdraw(tracked);
      return false;
    }
    if (this.#books.has(tracked)) return false;
    if (at !== null) {
      tracked.crossedSince = at;
      this.#watch(tracked, at);
    }
    return true;
  }

  withdraw(tracked: TrackedBook): void {
    tracked.crossedSince = null;
    this.#books.delete(tracked);
  }

  /** The books that have been crossed for too long, and since when. */
  wake(now: Micros): (readonly [tracked: TrackedBook, since: Micros])[] {
    const found: (readonly [TrackedBook, Micros])[] = [];
    this.due = Infinity;
    for (const tracked of this.#books) {
      const since = tracked.crossedSince;
      if (since === null) continue;
      if (since + CROSSED_FOR > now) this.due = Math.min(this.due, since + CROSSED_FOR);
      else found.push([tracked, since]);
    }
    return found;
  }

  /** Plain JSON values for `restore`; `indexOf` numbers the books. */
  save(indexOf: (tracked: TrackedBook) => number): number[] {
    return [...this.#books].map(indexOf);
  }

  /** Takes over what `save` gave, with the books in the order of those numbers. */
  restore(saved: readonly number[], books: readonly TrackedBook[]): void {
    for (const index of saved) this.#watch(books[index]!, books[index]!.crossedSince ?? 0);
  }

  #watch(tracked: TrackedBook, since: Micros): void {
    this.#books.add(tracked);
    this.due = Math.min(this.due, since + CROSSED_FOR);
  }
}
