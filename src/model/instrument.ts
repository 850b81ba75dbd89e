/**
 * One tradable outcome of one market: what an order book belongs to. Interned: within one interpretation there is one
 * object per (venue, market, outcome), so identity and `id` can stand for the three names in the hot path.
 */
export interface Instrument {
  /** Dense number, 0.. in order of first appearance within this interpretation. Never stored. */
  readonly id: number;
  readonly venue: string;
  /** Kalshi ticker, Polymarket condition id. */
  readonly market: string;
  /** `yes` for Kalshi, the token id for Polymarket; null for facts of a whole market. */
  readonly outcome: string | null;
}

/** Interns instruments. */
export class Instruments {
  readonly all: Instrument[] = [];
  readonly #byName = new Map<string, Instrument>();

  get(venue: string, market: string, outcome: string | null): Instrument {
    // A venue's name may hold anything: the length says where the market's ends.
    const name = `${venue}\n${market.length}\n${market}${outcome === null ? "" : `\n${outcome}`}`;
    let instrument = this.#byName.get(name);
    if (instrument === undefined) {
      instrument = { id: this.all.length, venue, market, outcome };
      this.all.push(instrument);
      this.#byName.set(name, instrument);
    }
    return instrument;
  }
}
