import type { Millionths } from "../model/decimal.ts";
import type { Levels } from "../model/events.ts";
import type { Instrument } from "../model/instrument.ts";
import type { Micros } from "../model/time.ts";
import type { BookState } from "./book-row.ts";
import { OrderBook } from "./order-book.ts";
import { noAgreement, type Agreement, RecentTops } from "./top-agreement.ts";

/** One book and everything that is known about its certainty. */
export class TrackedBook {
  readonly instrument: Instrument;
  readonly book = new OrderBook();
  state: BookState = "uncertain";
  /** A snapshot was seen, so that signed changes mean something. */
  known = false;
  /** The subscription that fed it has ended, or the market has. */
  ended = false;
  /** Changes since its last stored snapshot, and when that was received or stored. */
  changes = 0;
  storedAt: Micros | null = null;
  #ts: Micros = Number.NaN;
  #at: Micros = Number.NaN;
  /** Of the last change: sequence number, connection, subscription. */
  seq: number | null = null;
  epoch = 0;
  sid: number | null = null;
  /** Receive times of the last snapshot, and of the last time when the venue's own top of book equalled ours. */
  snapshotAt: Micros | null = null;
  agreedAt: Micros | null = null;
  /** Best prices as last looked at. */
  bid: Millionths | null = null;
  ask: Millionths | null = null;
  /** Since when the live book has been crossed or locked. */
  crossedSince: Micros | null = null;
  /** Exact statements of the venue's in a row that our book never showed, since when, and gaps that came of it. */
  disputes = 0;
  disputedSince: Micros | null = null;
  doubts = 0;
  /** Comparisons that may still turn out well. */
  pending = 0;
  recent = new RecentTops();
  agreement: Agreement = noAgreement();

  constructor(instrument: Instrument) {
    this.instrument = instrument;
  }

  /**
   * Venue's time and receive time of the last change. Kept as numbers always, which V8 changes in place: a field that may be
   * null gets a new number on the heap with each change, and those of ten thousand books all survive to be collected.
   */
  get ts(): Micros | null {
    return Number.isNaN(this.#ts) ? null : this.#ts;
  }

  set ts(ts: Micros | null) {
    this.#ts = ts ?? Number.NaN;
  }

  get at(): Micros | null {
    return Number.isNaN(this.#at) ? null : this.#at;
  }

  set at(at: Micros | null) {
    this.#at = at ?? Number.NaN;
  }

  save(): SavedBook {
    const { instrument, book, recent, agreement } = this;
    return {
      state: this.state,
      known: this.known,
      ended: this.ended,
      changes: this.changes,
      storedAt: this.storedAt,
      ts: this.ts,
      at: this.at,
      seq: this.seq,
      epoch: this.epoch,
      sid: this.sid,
      snapshotAt: this.snapshotAt,
      agreedAt: this.agreedAt,
      bid: this.bid,
      ask: this.ask,
      crossedSince: this.crossedSince,
      disputes: this.disputes,
      disputedSince: this.disputedSince,
      doubts: this.doubts,
      agreement: { ...agreement },
      instrument: [instrument.venue, instrument.market, instrument.outcome],
      bids: book.levels("bid"),
      asks: book.levels("ask"),
      recent: recent.save(),
    };
  }

  static restore(instrument: Instrument, saved: SavedBook): TrackedBook {
    const { instrument: _, bids, asks, recent, agreement, ...rest } = saved;
    const tracked = new TrackedBook(instrument);
    Object.assign(tracked, rest, { agreement: { ...agreement } });
    tracked.book.replace(bids, asks);
    tracked.recent = RecentTops.restore(recent);
    return tracked;
  }
}

/** A tracked book as plain JSON values. */
export interface SavedBook extends Omit<TrackedBook, "instrument" | "book" | "recent" | "pending" | "save"> {
  readonly instrument: readonly [venue: string, market: string, outcome: string | null];
  readonly bids: Levels;
  readonly asks: Levels;
  readonly recent: ReturnType<RecentTops["save"]>;
}
