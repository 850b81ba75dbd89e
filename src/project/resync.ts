import type { Books } from "../books/books.ts";
import type { Micros } from "../model/time.ts";

/** A book waits this long for the snapshot that capture asks for by itself, before project asks too. */
const PATIENCE: Micros = 5_000_000;
/** And is asked for again no sooner than this. */
const REPEAT: Micros = 30_000_000;

/** Decides which uncertain books need a fresh snapshot: those that have waited, each once in a while. */
export class ResyncRequests {
  readonly #waiting = new Map<number, { since: Micros; asked: Micros }>();

  /** Markets to ask for now, by venue. */
  due(books: Books, now: Micros): ReadonlyMap<string, readonly string[]> {
    const awaited = books.awaited();
    const ids = new Set(awaited.map(({ id }) => id));
    for (const id of this.#waiting.keys()) if (!ids.has(id)) this.#waiting.delete(id);
    const due = new Map<string, string[]>();
    for (const { id, venue, market } of awaited) {
      let entry = this.#waiting.get(id);
      if (entry === undefined) this.#waiting.set(id, (entry = { since: now, asked: -REPEAT }));
      if (now - entry.since < PATIENCE || now - entry.asked < REPEAT) continue;
      entry.asked = now;
      const markets = due.get(venue) ?? [];
      if (!markets.includes(market)) markets.push(market);
      due.set(venue, markets);
    }
    return due;
  }
}
