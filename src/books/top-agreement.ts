import type { Millionths } from "../model/decimal.ts";
import type { TopOfBook } from "../model/events.ts";
import type { Micros } from "../model/time.ts";
import type { TrackedBook } from "./tracked-book.ts";

/** How often the venue's own best bid and ask equalled those of our live book. */
export interface Agreement {
  compared: number;
  /** Equal in the very moment. */
  exact: number;
  /** Equal to what our book showed at some time between one second before and a quarter of a second after. */
  settled: number;
}

/**
 * Venues state their top of book in coalesced messages that come a moment late, at times a moment early: on a busy
 * Kalshi book every tenth ticker differs from the replayed book at that instant (capture of KXBTC15M, 2026-05-14).
 */
const BEFORE = 1_000_000;
const AFTER = 250_000;

/**
 * A disagreement is a loss when the venue's exact statements differ so often in a row, over so long. Each such verdict
 * on a book doubles the time for the next: a venue that is wrong about its own top must not keep us resyncing.
 */
const DISPUTES = 3;
const DISPUTED_FOR = 2_000_000;
const MOST_DOUBTS = 10;

/** Comparisons kept waiting at once over all books; one more settles the oldest. */
const WAITING = 4_096;

export function noAgreement(): Agreement {
  return { compared: 0, exact: 0, settled: 0 };
}

interface Comparison {
  readonly tracked: TrackedBook;
  readonly bid: Millionths | null;
  readonly ask: Millionths | null;
  readonly due: Micros;
  readonly exact: boolean;
}

/** The venue's top of book goes on contradicting ours. */
export interface Dispute {
  readonly tracked: TrackedBook;
  readonly bid: Millionths | null;
  readonly ask: Millionths | null;
  readonly disputes: number;
}

/** Compares the venue's own top of book with ours. A rate, never a verdict: one disagreement proves nothing. */
export class TopAgreement {
  readonly venues = new Map<string, Agreement>();
  #waiting: Comparison[] = [];
  #disputes: Dispute[] = [];

  /** When the next waiting comparison must be settled; infinite when none waits. */
  get due(): Micros {
    return this.#waiting[0]?.due ?? Infinity;
  }

  /** Takes the venue's word on a live book. `at` null (imports without receive times): nothing to wait for. */
  compare(tracked: TrackedBook, { bid, ask, exact: isExact }: TopOfBook, at: Micros | null): void {
    const exact = isExact === true;
    if (tracked.bid === bid && tracked.ask === ask) {
      this.#count(tracked, true, true);
      if (exact) settle(tracked);
      tracked.agreedAt = at;
    } else if (at === null) this.#count(tracked, false, false);
    else if (tracked.recent.showed(bid, ask, at - BEFORE)) {
      this.#count(tracked, false, true);
      tracked.agreedAt = at;
      if (exact) settle(tracked);
    } else {
      this.#waiting.push({ tracked, bid, ask, due: at + AFTER, exact });
      tracked.pending++;
      if (this.#waiting.length > WAITING) this.#settleOldest();
    }
  }

  /** The best prices of a live book are others than before: settles what waited for them. */
  changed(tracked: TrackedBook, at: Micros | null): void {
    if (tracked.pending === 0) return;
    this.#waiting = this.#waiting.filter((comparison) => {
      if (comparison.tracked !== tracked) return true;
      if (comparison.bid !== tracked.bid || comparison.ask !== tracked.ask) return true;
      tracked.pending--;
      this.#count(tracked, false, true);
      tracked.agreedAt = at;
      if (comparison.exact) settle(tracked);
      return false;
    });
  }

  /** The book is not certain any more: what waits will not be compared. */
  withdraw(tracked: TrackedBook): void {
    tracked.recent.clear();
    settle(tracked);
    if (tracked.pending === 0) return;
    this.#waiting = this.#waiting.filter((comparison) => comparison.tracked !== tracked);
    tracked.pending = 0;
  }

  /** Settles the comparisons whose time is over. Gives the books whose disagreement with the venue lasts. */
  wake(now: Micros): readonly Dispute[] {
    while (this.due <= now) this.#settleOldest();
    const found = this.#disputes;
    if (found.length > 0) this.#disputes = [];
    return found;
  }

  /** Plain JSON values for `restore`; `indexOf` numbers the books. */
  save(indexOf: (tracked: TrackedBook) => number) {
    return {
      venues: [...this.venues].map(([venue, agreement]) => [venue, { ...agreement }] as const),
      waiting: this.#waiting.map(({ tracked, ...rest }) => ({ book: indexOf(tracked), ...rest })),
    };
  }

  /** Takes over what `save` gave, with the books in the order of those numbers. */
  restore(saved: ReturnType<TopAgreement["save"]>, books: readonly TrackedBook[]): void {
    for (const [venue, agreement] of saved.venues) this.venues.set(venue, { ...agreement });
    for (const { book, ...rest } of saved.waiting) {
      const tracked = books[book]!;
      this.#waiting.push({ tracked, ...rest });
      tracked.pending++;
    }
  }

  #settleOldest(): void {
    const oldest = this.#waiting.shift();
    if (oldest === undefined) return;
    const { tracked, bid, ask, due, exact } = oldest;
    tracked.pending--;
    this.#count(tracked, false, false);
    if (!exact) return;
    tracked.disputes++;
    tracked.disputedSince ??= due;
    const patience = DISPUTED_FOR * 2 ** Math.min(MOST_DOUBTS, tracked.doubts);
    if (tracked.disputes < DISPUTES || due - tracked.disputedSince < patience) return;
    this.#disputes.push({ tracked, bid, ask, disputes: tracked.disputes });
    tracked.doubts++;
    settle(tracked);
  }

  #count(tracked: TrackedBook, exact: boolean, settled: boolean): void {
    const { venue } = tracked.instrument;
    let ofVenue = this.venues.get(venue);
    if (ofVenue === undefined) this.venues.set(venue, (ofVenue = noAgreement()));
    for (const agreement of [ofVenue, tracked.agreement]) {
      agreement.compared++;
      if (exact) agreement.exact++;
      if (settled) agreement.settled++;
    }
  }
}

function settle(tracked: TrackedBook): void {
  tracked.disputes = 0;
  tracked.disputedSince = null;
}

/** Numbers of one entry of `RecentTops`: bid, ask, until. */
const ENTRY = 3;
const MOST = 64;
/** Stands for an empty side among prices, which are never negative. */
const NONE = -1;

/**
 * The last best prices that one book showed, and until when: at most 64, whatever the rate. One flat list of numbers,
 * because objects for ten thousand books would keep the garbage collector busy.
 */
export class RecentTops {
  #tops: number[] = [];
  /** Where the oldest entry begins. */
  #oldest = 0;

  /** The book showed these prices until `until`. */
  add(bid: Millionths | null, ask: Millionths | null, until: Micros): void {
    const tops = this.#tops;
    const at = this.#oldest;
    // A slot is used again when it is too old to matter, so that a quiet book keeps few of them.
    if (at < tops.length && (tops.length === MOST * ENTRY || tops[at + 2]! < until - BEFORE)) {
      tops[at] = bid ?? NONE;
      tops[at + 1] = ask ?? NONE;
      tops[at + 2] = until;
    } else tops.splice(at, 0, bid ?? NONE, ask ?? NONE, until);
    this.#oldest = at + ENTRY === tops.length ? 0 : at + ENTRY;
  }

  /** True when the book showed these prices at `since` or later. */
  showed(bid: Millionths | null, ask: Millionths | null, since: Micros): boolean {
    const tops = this.#tops;
    for (let at = 0; at < tops.length; at += ENTRY) {
      if (tops[at + 2]! >= since && tops[at] === (bid ?? NONE) && tops[at + 1] === (ask ?? NONE)) return true;
    }
    return false;
  }

  clear(): void {
    this.#tops = [];
    this.#oldest = 0;
  }

  /** Plain JSON values for `restore`. */
  save() {
    return { tops: [...this.#tops], oldest: this.#oldest };
  }

  static restore(saved: ReturnType<RecentTops["save"]>): RecentTops {
    const recent = new RecentTops();
    recent.#tops = [...saved.tops];
    recent.#oldest = saved.oldest;
    return recent;
  }
}
