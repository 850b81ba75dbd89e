import { formatMillionths } from "../model/decimal.ts";
import type {
  BookDelta,
  BookSnapshot,
  BookWitness,
  Levels,
  Lifecycle,
  MarketEvent,
  Side,
  Subscription,
} from "../model/events.ts";
import type { Instrument, Instruments } from "../model/instrument.ts";
import type { Micros } from "../model/time.ts";
import type { BookRow, BookState } from "./book-row.ts";
import { CrossedBooks } from "./crossed-books.ts";
import { GapLedger } from "./gap-ledger.ts";
import { OrderBook } from "./order-book.ts";
import { type Agreement, type Dispute, TopAgreement } from "./top-agreement.ts";
import { type SavedBook, TrackedBook } from "./tracked-book.ts";
import { TrackedBooks } from "./tracked-books.ts";

/** A book whose snapshot has not come a day after data flowed again will not come: its market went unnoticed. */
const PATIENCE = 24 * 3_600_000_000;
const SWEEP_EVERY = 3_600_000_000;

/** A book that changed is stored at least this often, if segments are. */
const STORED_EVERY = 60_000_000;

/** Statuses after which no book of a market can come any more. */
const OVER: ReadonlySet<string | null> = new Set(["determined", "settled", "voided"]);

export interface BooksOptions {
  /** Takes each row in order and returns the ordinal it got within its table and frame. */
  readonly emit: (row: BookRow) => number;
  readonly instruments: Instruments;
  /** What `save` gave earlier. */
  readonly saved?: unknown;
}

/** What is known of one book. `ts`, `at`, `seq`: of its last change. */
export interface BookView {
  readonly instrument: Instrument;
  readonly book: Pick<OrderBook, "bestBid" | "bestAsk" | "depth" | "isCrossed" | "sizeAt" | "levels">;
  readonly state: BookState;
  readonly ts: Micros | null;
  readonly at: Micros | null;
  readonly seq: number | null;
  readonly epoch: number;
  readonly agreement: Readonly<Agreement>;
}

/** Counts for health pages, since the beginning of this interpretation. */
export interface BookCounts {
  /** Times a book became crossed or locked, nearly always for moments. */
  crossings: number;
  /** Snapshots that came while the book was live, and how many of them equalled it. */
  audited: number;
  equal: number;
  /** Books over REST that came while the book was live, and how many of them equalled it in that moment. */
  witnessed: number;
  witnessEqual: number;
}

/**
 * The stage between the interpreters and the rows: keeps every book with its certainty, fills in what the venue left to
 * arithmetic, turns holes into `gaps` rows and compares the books with the venue's own top of book. A pure function of
 * the events and their receive times.
 */
export class Books {
  readonly counts: BookCounts = { crossings: 0, audited: 0, equal: 0, witnessed: 0, witnessEqual: 0 };
  readonly #emit: (row: BookRow) => number;
  readonly #gaps: GapLedger;
  readonly #tops = new TopAgreement();
  readonly #books = new TrackedBooks();
  readonly #crossed = new CrossedBooks();
  readonly #incoming = new OrderBook();
  #sweepDue: Micros = 0;

  constructor({ emit, instruments, saved }: BooksOptions) {
    this.#emit = emit;
    this.#gaps = new GapLedger(emit);
    if (saved !== undefined) this.#restore(saved as ReturnType<Books["save"]>, instruments);
  }

  /**
   * Passes the event on to `emit`, completed, followed by the gap rows that it implies. `at` is the receive time of
   * the record with number `frame`, null only in imports without one; timers rest then.
   */
  apply(event: MarketEvent, at: Micros | null, frame: number): void {
    switch (event.type) {
      case "book_delta":
        return this.#delta(event, at, frame);
      case "book_snapshot":
        return this.#snapshot(event, at);
      case "top_of_book": {
        const tracked = this.#books.get(event.instrument);
        if (tracked?.state === "live") this.#tops.compare(tracked, event, at);
        return;
      }
      case "book_witness":
        return this.#witness(event, at);
      case "gap_opened":
        for (const instrument of event.books) this.#doubt(this.#books.track(instrument));
        return this.#gaps.open(event, at, frame);
      case "gap_closed":
        return this.#gaps.close(event, at);
      case "subscription":
        this.#emit(event);
        if (event.endedAt !== null || event.reason !== null) this.#ended(event, at);
        return;
      case "lifecycle":
        this.#emit(event);
        if (OVER.has(event.toStatus)) this.#over(event, at);
        return;
      default:
        this.#emit(event);
    }
  }

  /** The timers: call it with the receive time and number of each record, before the record's events. */
  wake(now: Micros, frame: number): void {
    if (this.#tops.due <= now) for (const dispute of this.#tops.wake(now)) this.#disputed(dispute, now, frame);
    if (this.#sweepDue <= now) {
      this.#gaps.forget(now - PATIENCE);
      this.#sweepDue = now + SWEEP_EVERY;
    }
    if (this.#crossed.due > now) return;
    for (const [tracked, since] of this.#crossed.wake(now)) {
      const from = Math.max(tracked.snapshotAt ?? since, tracked.agreedAt ?? 0);
      this.#contradiction(tracked, Math.min(from, since), now, frame, {
        contradiction: "crossed",
        bid: price(tracked.bid),
        ask: price(tracked.ask),
        for_us: now - since,
      });
    }
  }

  /**
   * Emits one snapshot, trigger `segment`, of every active book; its `ts` and `seq` are those of the last change. Call
   * it when a segment opens, with its receive time. Active is a book that changed since its last stored snapshot; but
   * where segments follow each other within a minute, one that changed fewer times than it has levels waits for its
   * minute, because its changes are smaller than itself. Books that nothing will feed any more are forgotten.
   */
  snapshotActive(now: Micros | null): void {
    for (const tracked of this.#books) {
      if (tracked.changes > 0 && tracked.known && (tracked.ended || isWorthStoring(tracked, now))) {
        const { instrument, book, ts, seq, epoch, sid, state } = tracked;
        const bids = book.levels("bid");
        const asks = book.levels("ask");
        const origin = { instrument, trigger: "segment", ts, seq, epoch, sid, venueHash: null } as const;
        this.#emit({ type: "book_snapshot", ...origin, bids, asks, bookState: state });
        tracked.changes = 0;
        tracked.storedAt = now;
      }
      if (tracked.ended && !this.#gaps.awaits(tracked.instrument)) {
        this.#doubt(tracked);
        this.#books.forget(tracked);
      }
    }
  }

  /** What is known of this instrument's book; undefined when nothing is. */
  book(instrument: Instrument): BookView | undefined {
    return this.#books.get(instrument);
  }

  /** Every book, in order of first appearance. */
  books(): Iterable<BookView> {
    return this.#books;
  }

  /** Books that an open gap waits for: a fresh snapshot of each is wanted. */
  awaited(): Instrument[] {
    return this.#gaps.awaited();
  }

  get openGaps(): number {
    return this.#gaps.size;
  }

  /** Agreement with the venue's own top of book, per venue. */
  agreement(): ReadonlyMap<string, Readonly<Agreement>> {
    return this.#tops.venues;
  }

  /** Everything it remembers as plain JSON values, for `saved`. */
  save() {
    const books = [...this.#books];
    const numbers = new Map(books.map((tracked, i) => [tracked, i]));
    const indexOf = (tracked: TrackedBook): number => numbers.get(tracked) ?? -1;
    return {
      counts: { ...this.counts },
      sweepDue: this.#sweepDue,
      books: books.map((tracked) => tracked.save()),
      crossed: this.#crossed.save(indexOf),
      gaps: this.#gaps.save(),
      tops: this.#tops.save(indexOf),
    };
  }

  #restore(saved: ReturnType<Books["save"]>, instruments: Instruments): void {
    Object.assign(this.counts, saved.counts);
    this.#sweepDue = saved.sweepDue;
    const books = saved.books.map((book: SavedBook) =>
      this.#books.add(TrackedBook.restore(instruments.get(...book.instrument), book)),
    );
    this.#crossed.restore(saved.crossed, books);
    this.#gaps.restore(saved.gaps, instruments);
    this.#tops.restore(saved.tops, books);
  }

  #delta(event: BookDelta, at: Micros | null, frame: number): void {
    const tracked = this.#books.track(event.instrument);
    const { book } = tracked;
    const { side, price: level, size, change } = event;
    let wrong = false;
    if (tracked.state === "live") {
      if (size !== null) {
        wrong = size < 0;
        const before = book.apply(side, level, size);
        if (change === null && !wrong) event.change = size - before;
      } else if (change !== null) {
        const after = book.add(side, level, change);
        wrong = after < 0;
        if (!wrong) event.size = after;
      }
    } else if (size !== null) book.apply(side, level, size);
    else if (change !== null && tracked.known && book.add(side, level, change) < 0) book.apply(side, level, 0);
    // Changes on top of a book that came over REST: some of them are in it already.
    if (tracked.state === "stale" && tracked.epoch === 0) tracked.state = "uncertain";
    tracked.changes++;
    tracked.ts = event.ts;
    tracked.at = at;
    tracked.seq = event.seq;
    tracked.epoch = event.epoch;
    tracked.sid = event.sid;
    if (tracked.bid !== book.bestBid || tracked.ask !== book.bestAsk) this.#topChanged(tracked, at);
    this.#emit(event);
    if (wrong) {
      this.#contradiction(tracked, tracked.snapshotAt, at, frame, {
        contradiction: "negative level",
        side,
        price: price(level),
        had: price(book.sizeAt(side, level)),
        change: price(change),
        size: price(size),
      });
      book.apply(side, level, 0);
      this.#topChanged(tracked, at);
    }
  }

  #snapshot(event: BookSnapshot, at: Micros | null): void {
    const { instrument } = event;
    const tracked = this.#books.track(instrument);
    const { book } = tracked;
    if (tracked.state === "live") {
      this.#incoming.replace(event.bids, event.asks);
      this.counts.audited++;
      if (this.#incoming.equals(book)) this.counts.equal++;
    }
    book.replace(event.bids, event.asks);
    if (tracked.state !== "live") {
      tracked.bid = book.bestBid;
      tracked.ask = book.bestAsk;
    }
    tracked.state = "live";
    tracked.known = true;
    tracked.ended = false;
    tracked.changes = 0;
    tracked.storedAt = at;
    tracked.ts = event.ts;
    tracked.at = at;
    tracked.seq = event.seq;
    tracked.epoch = event.epoch;
    tracked.sid = event.sid;
    tracked.snapshotAt = at;
    this.#topChanged(tracked, at);
    const bids = positive(event.bids, book, "bid");
    const asks = positive(event.asks, book, "ask");
    this.#emit({ ...event, bids, asks, bookState: "live" });
    this.#gaps.release(instrument, at);
  }

  /**
   * A book over REST is evidence about a live book, and replaces one that is not live unless that may be newer. It is
   * never live itself: whatever changes next is seen at the next look only.
   */
  #witness(event: BookWitness, at: Micros | null): void {
    const { instrument, bids, asks, ts } = event;
    const known = this.#books.get(instrument);
    if (known?.state === "live") {
      this.#incoming.replace(bids, asks);
      this.counts.witnessed++;
      if (this.#incoming.equals(known.book)) this.counts.witnessEqual++;
      const top = { bid: this.#incoming.bestBid, ask: this.#incoming.bestAsk };
      return this.#tops.compare(known, { type: "top_of_book", instrument, ...top }, at);
    }
    if (known !== undefined && known.at !== null && event.askedAt < known.at) return;
    if (known !== undefined && ts !== null && known.ts !== null && ts < known.ts) return;
    const tracked = this.#books.track(instrument);
    // Nobody feeds a book that was not known before: it is forgotten when the next segment opens.
    if (known === undefined) tracked.ended = true;
    tracked.book.replace(bids, asks);
    tracked.bid = tracked.book.bestBid;
    tracked.ask = tracked.book.bestAsk;
    const origin = { ts, seq: null, epoch: 0, sid: null } as const;
    Object.assign(tracked, { ...origin, at, state: "stale", known: true, changes: 0, storedAt: at });
    const levels = { bids: positive(bids, tracked.book, "bid"), asks: positive(asks, tracked.book, "ask") };
    const { venueHash } = event;
    this.#emit({
      type: "book_snapshot",
      instrument,
      trigger: "resync",
      ...origin,
      venueHash,
      ...levels,
      bookState: "stale",
    });
  }

  #topChanged(tracked: TrackedBook, at: Micros | null): void {
    const { book } = tracked;
    const live = tracked.state === "live";
    if (live && at !== null) tracked.recent.add(tracked.bid, tracked.ask, at);
    tracked.bid = book.bestBid;
    tracked.ask = book.bestAsk;
    if (!live) return;
    this.#tops.changed(tracked, at);
    if (this.#crossed.changed(tracked, at)) this.counts.crossings++;
  }

  /** The venue's best prices, which come with its changes, go on contradicting this book: it lacks one. */
  #disputed({ tracked, bid, ask, disputes }: Dispute, now: Micros, frame: number): void {
    if (tracked.state !== "live") return;
    const from = Math.max(tracked.snapshotAt ?? 0, tracked.agreedAt ?? 0);
    this.#contradiction(tracked, from === 0 ? null : from, now, frame, {
      contradiction: "top of book",
      bid: price(tracked.bid),
      ask: price(tracked.ask),
      venue_bid: price(bid),
      venue_ask: price(ask),
      disagreements: disputes,
    });
  }

  /** The book cannot be right: something since `from` was lost. */
  #contradiction(
    { instrument, epoch, sid }: TrackedBook,
    from: Micros | null,
    at: Micros | null,
    frame: number,
    evidence: Readonly<Record<string, unknown>>,
  ): void {
    const { venue, market, outcome } = instrument;
    const key = `book/${venue}/${market}/${outcome ?? ""}`;
    const where = { venue, market, outcome, epoch, sid, channel: "book" };
    const what = { from, to: null, cause: "sequence", confidence: "inferred", evidence, books: [instrument] } as const;
    this.apply({ type: "gap_opened", key, ...where, ...what }, at, frame);
  }

  #doubt(tracked: TrackedBook): void {
    tracked.state = "uncertain";
    this.#crossed.withdraw(tracked);
    this.#tops.withdraw(tracked);
  }

  /**
   * The stream that fed these books (same connection, same subscription) brings no more. Where we gave it up ourselves,
   * also on a later connection that has not sent the book yet, its gaps end here: from now on nobody listens.
   */
  #ended({ venue, market, outcome, epoch, sid, reason }: Subscription, at: Micros | null): void {
    for (const tracked of this.#books.of(venue, market)) {
      if (outcome !== null && tracked.instrument.outcome !== outcome) continue;
      const given = reason === "unsubscribed";
      if ((tracked.epoch !== epoch || tracked.sid !== sid) && !(given && epoch > tracked.epoch)) continue;
      const live = tracked.state === "live";
      this.#doubt(tracked);
      if (live) tracked.state = "stale";
      tracked.ended = true;
      if (given) this.#gaps.release(tracked.instrument, at);
    }
  }

  #over({ instrument }: Lifecycle, at: Micros | null): void {
    for (const tracked of this.#books.of(instrument.venue, instrument.market)) {
      tracked.ended = true;
      this.#gaps.release(tracked.instrument, at);
    }
  }
}

function price(value: number | null): string | null {
  return value === null ? null : formatMillionths(value);
}

/** The levels as sent, or, where some had no size, as the book kept them. */
function positive(levels: Levels, book: OrderBook, side: Side): Levels {
  return levels.sizes.every((size) => size > 0) ? levels : book.levels(side);
}

function isWorthStoring({ book, changes, storedAt }: TrackedBook, now: Micros | null): boolean {
  if (now === null || storedAt === null || now - storedAt >= STORED_EVERY) return true;
  return changes >= book.depth;
}
