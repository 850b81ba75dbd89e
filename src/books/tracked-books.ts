import type { Instrument } from "../model/instrument.ts";
import { TrackedBook } from "./tracked-book.ts";

/** All tracked books: by instrument, by market, and in order of first appearance. */
export class TrackedBooks {
  /** By `Instrument.id`. */
  readonly #byId: (TrackedBook | undefined)[] = [];
  readonly #inOrder = new Set<TrackedBook>();
  readonly #byMarket = new Map<string, TrackedBook[]>();

  get(instrument: Instrument): TrackedBook | undefined {
    return this.#byId[instrument.id];
  }

  /** The instrument's book, a new and uncertain one where none is tracked. */
  track(instrument: Instrument): TrackedBook {
    return this.#byId[instrument.id] ?? this.add(new TrackedBook(instrument));
  }

  /** Every book of a market, or of the venue for a null market. */
  *of(venue: string, market: string | null): Iterable<TrackedBook> {
    if (market !== null) yield* this.#byMarket.get(marketKey(venue, market)) ?? [];
    else for (const tracked of this.#inOrder) if (tracked.instrument.venue === venue) yield tracked;
  }

  [Symbol.iterator](): Iterator<TrackedBook> {
    return this.#inOrder.values();
  }

  add(tracked: TrackedBook): TrackedBook {
    const { id, venue, market } = tracked.instrument;
    // An array filled without holes stays an array inside; one written far beyond its end becomes a slow dictionary.
    while (this.#byId.length < id) this.#byId.push(undefined);
    this.#byId[id] = tracked;
    this.#inOrder.add(tracked);
    const key = marketKey(venue, market);
    this.#byMarket.set(key, [...(this.#byMarket.get(key) ?? []), tracked]);
    return tracked;
  }

  forget(tracked: TrackedBook): void {
    const { id, venue, market } = tracked.instrument;
    this.#byId[id] = undefined;
    this.#inOrder.delete(tracked);
    const key = marketKey(venue, market);
    const others = (this.#byMarket.get(key) ?? []).filter((other) => other !== tracked);
    if (others.length === 0) this.#byMarket.delete(key);
    else this.#byMarket.set(key, others);
  }
}

function marketKey(venue: string, market: string): string {
  return `${venue}\n${market}`;
}
