import type { Micros } from "../../src/model/time.ts";
import { type Complain, strict } from "./tally.ts";
import type { Conserved, Matched } from "./conservation.ts";
import type { GapSeen } from "./gaps.ts";
import type { RecordedJournal } from "./journal.ts";
import { rowsByFrame } from "./rows.ts";
import {
  bookKey,
  booksTouched,
  endsSubscription,
  levelOf,
  millionths,
  soundChanges,
  statedBooks,
  type TrueBook,
} from "./true-books.ts";
import type { TrueFrame } from "./truth.ts";

interface DeltaRow {
  readonly frame: number;
  readonly venue: string;
  readonly market: string;
  readonly outcome: string;
  readonly side: "bid" | "ask";
  readonly price: number;
  readonly size: number | null;
}

interface SnapshotRow {
  readonly frame: number;
  readonly venue: string;
  readonly market: string;
  readonly outcome: string;
  readonly trigger: string;
  readonly state: string;
  readonly bids: readonly { readonly price: number; readonly size: number }[];
  readonly asks: readonly { readonly price: number; readonly size: number }[];
}

const scaled = (of: string): string => `CAST(CAST(${of} AS DECIMAL(30,6)) * 1000000 AS DOUBLE)`;
const levels = (name: string): string =>
  `list_transform(${name}, lambda l: {price: ${scaled("l.price")}, size: ${scaled("l.size")}}) AS ${name}`;

/**
 * Follows the recorded rows frame by frame beside the exchange's own books. Throws `Failure` at the first level or book
 * that differs, and at the first unknown size outside a gap, unless `complain` counts them. Gives the numbers of levels and whole books compared.
 */
export async function compareBooks(
  tape: string,
  journal: RecordedJournal,
  conserved: Conserved,
  gaps: readonly GapSeen[],
  complain: Complain = strict,
): Promise<{ levels: number; books: number; unknown: number; keys: number }> {
  const identity = `CAST(frame AS DOUBLE) AS frame, venue, market_id AS market, outcome_id AS outcome`;
  const deltas = await rowsByFrame<DeltaRow>(
    tape,
    ["orderbook_deltas"],
    `SELECT ${identity}, side, ${scaled("price")} AS price, ${scaled("size")} AS size FROM orderbook_deltas ORDER BY frame, n`,
  );
  const snapshots = await rowsByFrame<SnapshotRow>(
    tape,
    ["orderbook_snapshots"],
    `SELECT ${identity}, "trigger", book_state AS state, ${levels("bids")}, ${levels("asks")} FROM orderbook_snapshots ORDER BY frame, n`,
  );
  // Between leaving a subscription and its first book again nothing is claimed of a book.
  const left = await rowsByFrame<Omit<DeltaRow, "side" | "price" | "size">>(
    tape,
    ["subscriptions"],
    `SELECT ${identity} FROM subscriptions WHERE ended_at IS NOT NULL`,
  );
  const judge = new BookJudge(gaps, complain);
  const walks = new Map(
    conserved.connections.flatMap((matched) =>
      matched.recorded === null ? [] : [[matched.recorded.epoch, new Walk(matched)]],
    ),
  );
  const connectionOf = new Map(journal.received.map(({ frame, epoch }) => [frame, epoch]));
  for (let frame = 1; frame <= journal.lastFrame; frame++) {
    const at = journal.times[frame] ?? 0;
    const epoch = connectionOf.get(frame);
    const walk = epoch === undefined ? undefined : walks.get(epoch);
    const origin = conserved.origin.get(frame);
    if (walk !== undefined && origin !== undefined) {
      for (const lost of walk.lostBefore(origin)) judge.lost(walk.venue, lost);
      judge.happened(walk, origin, frame);
    }
    for (const row of left.get(frame) ?? []) judge.left(row);
    const isUnread = origin !== undefined && isUnreadable(origin);
    for (const row of deltas.get(frame) ?? []) judge.delta(row, at, isUnread);
    for (const row of snapshots.get(frame) ?? []) judge.snapshot(row, at, origin?.fault === "replay");
    if (walk !== undefined && origin !== undefined)
      judge.mustBeComplete(walk.venue, origin, deltas.get(frame) ?? [], frame);
    for (const ended of walks.values()) if (ended.endsAt(frame, journal)) judge.gone(ended.venue);
  }
  judge.end();
  return judge.figures;
}

/** What a frame says was changed on its way, or was said before: no level of it is the exchange's own now. */
function isUnreadable({ original, fault }: TrueFrame): boolean {
  return original !== null || fault === "replay";
}

/** One field is not as it should be; the frame is JSON all the same. */
function isPartlyReadable({ fault }: TrueFrame): boolean {
  return fault === "renamed_field" || fault === "retyped_field";
}

/** A connection's true frames in order, taken up to the one that was recorded last. */
class Walk {
  readonly venue: string;
  readonly #matched: Matched;
  #at = 0;
  #ended = false;
  #first: { readonly n: number; readonly books: ReadonlySet<string> } | null = null;

  constructor(matched: Matched) {
    this.#matched = matched;
    this.venue = matched.truth.venue;
  }

  /** Frames that were kept back between the last one and this one. */
  lostBefore(frame: TrueFrame): TrueFrame[] {
    const lost: TrueFrame[] = [];
    const { frames } = this.#matched.truth;
    for (let next = frames[this.#at++]; next !== undefined && next !== frame; next = frames[this.#at++])
      lost.push(next);
    return lost;
  }

  /** Of two frames in a row that changed places: the books that both speak of; none at the first one. */
  swapped({ n }: TrueFrame, books: readonly string[]): readonly string[] {
    const first = this.#first?.n === n - 1 ? this.#first : null;
    this.#first = first === null ? { n, books: new Set(books) } : null;
    return first === null ? [] : books.filter((key) => first.books.has(key));
  }

  endsAt(frame: number, journal: RecordedJournal): boolean {
    const { recorded } = this.#matched;
    const closedAt = recorded?.closedAt ?? null;
    if (this.#ended || closedAt === null || recorded?.closed?.by === "stopped") return false;
    this.#ended = (journal.times[frame] ?? 0) >= closedAt;
    return this.#ended;
  }
}

class BookJudge {
  readonly figures = { levels: 0, books: 0, unknown: 0, keys: 0 };
  readonly #gaps: readonly GapSeen[];
  readonly #true = new Map<string, TrueBook>();
  readonly #recorded = new Map<string, TrueBook>();
  /** Books of which a frame was lost: what they are is known again with the venue's next complete book. */
  readonly #doubtful = new Set<string>();
  /** The same where nothing on the wire shows it: Polymarket's changes have no number. */
  readonly #unseen = new Set<string>();
  readonly #left = new Set<string>();
  /** Books that came again on a new connection, until the venue's next one. */
  readonly #replayed = new Set<string>();

  readonly #complain: Complain;

  constructor(gaps: readonly GapSeen[], complain: Complain) {
    this.#complain = complain;
    this.#gaps = gaps;
  }

  lost(venue: string, frame: TrueFrame): void {
    const books = frame.fault === "drop" ? this.#unseen : this.#doubtful;
    for (const key of booksTouched(venue, frame)) books.add(key);
  }

  left({ venue, market, outcome }: Pick<DeltaRow, "venue" | "market" | "outcome">): void {
    this.#left.add(bookKey(venue, market, outcome));
  }

  gone(venue: string): void {
    for (const key of this.#true.keys()) if (key.startsWith(`${venue}/`)) this.#doubtful.add(key);
  }

  /** A frame that was recorded: the exchange's books are as after it. */
  happened(walk: Walk, frame: TrueFrame, number: number): void {
    const { venue } = walk;
    if (frame.original !== null) {
      // Of a list of books those that the damage did not reach are as they were sent.
      const read = isPartlyReadable(frame) ? statedBooks(venue, { ...frame, original: null }) : [];
      const stated = statedBooks(venue, frame).filter(({ key, book }) =>
        read.some((other) => other.key === key && differenceOf(other.book, book) === null),
      );
      const changes = isPartlyReadable(frame) && venue === "polymarket" ? soundChanges(frame) : [];
      const changed = new Set(changes.map(({ key }) => key));
      for (const { key, side, price, size } of changes) put(this.#book(this.#true, key), side, price, size);
      for (const key of booksTouched(venue, frame)) if (!changed.has(key)) this.#doubtful.add(key);
      for (const { key, book } of stated) this.#state(key, book);
      return;
    }
    if (frame.fault === "duplicate" || frame.fault === "replay") return;
    if (endsSubscription(venue, frame)) return this.gone(venue);
    for (const level of frame.after) {
      const { side, price } = levelOf(venue, level);
      put(this.#book(this.#true, bookKey(venue, level.market, level.outcome)), side, price, millionths(level.size));
    }
    for (const { key, book, isNew } of statedBooks(venue, frame)) {
      const known = this.#true.get(key);
      if (
        known !== undefined &&
        !isNew &&
        frame.fault !== "reorder" &&
        !this.#doubtful.has(key) &&
        !this.#unseen.has(key)
      )
        this.#mustEqual(`frame ${number}: the exchange's own ${key}`, book, known);
      this.#state(key, book);
    }
    // Of two that changed places the later one to come speaks of an earlier book, where both speak of the same.
    if (frame.fault === "reorder") {
      const books = venue === "kalshi" ? this.#doubtful : this.#unseen;
      for (const key of walk.swapped(frame, booksTouched(venue, frame))) books.add(key);
    }
  }

  #state(key: string, book: TrueBook): void {
    this.#true.set(key, { bid: new Map(book.bid), ask: new Map(book.ask) });
    this.#doubtful.delete(key);
    this.#unseen.delete(key);
    this.#replayed.delete(key);
  }

  delta(row: DeltaRow, at: Micros, isUnread: boolean): void {
    const key = bookKey(row.venue, row.market, row.outcome);
    if (row.size === null) {
      this.figures.unknown++;
      this.#must(
        "corrupt",
        this.#inGap(row.venue, at),
        () => `frame ${row.frame}: a level of ${key} has no size outside any gap`,
      );
      return;
    }
    put(this.#book(this.#recorded, key), row.side, row.price, row.size);
    if (isUnread) return;
    if (this.#doubtful.has(key) && row.venue === "kalshi" && this.#inGap(row.venue, at)) return;
    const size = this.#book(this.#true, key)[row.side].get(row.price) ?? 0;
    this.figures.levels++;
    this.#must(
      "corrupt",
      size === row.size,
      () => `frame ${row.frame}: ${key} ${row.side} at ${row.price} is ${row.size}, the exchange has ${size}`,
    );
  }

  snapshot(row: SnapshotRow, at: Micros, isReplayed: boolean): void {
    const key = bookKey(row.venue, row.market, row.outcome);
    const of = (side: SnapshotRow["bids"]) => new Map(side.map(({ price, size }) => [price, size]));
    const book = { bid: of(row.bids), ask: of(row.asks) };
    this.#recorded.set(key, { bid: new Map(book.bid), ask: new Map(book.ask) });
    if (row.state !== "live") {
      const known = this.#left.has(key) || this.#inGap(row.venue, at);
      this.#must("corrupt", known, () => `frame ${row.frame}: ${key} is ${row.state} outside any gap`);
      return;
    }
    this.#left.delete(key);
    // A book that comes again on a new connection looks like any first book there: even its time may be an older one.
    if (isReplayed) {
      this.#replayed.add(key);
      return;
    }
    // The same book once more, as a segment began.
    if (row.trigger === "segment" && this.#replayed.has(key)) return;
    if (this.#doubtful.has(key)) {
      this.#must(
        "silent",
        this.#inGap(row.venue, at),
        () => `frame ${row.frame}: ${key} is called live and frames of it were lost`,
      );
      return;
    }
    this.figures.books++;
    this.#mustEqual(`frame ${row.frame}: ${key} (${row.trigger})`, book, this.#book(this.#true, key));
  }

  /** Every level that a sound frame changed has its row. */
  mustBeComplete(venue: string, frame: TrueFrame, found: readonly DeltaRow[], number: number): void {
    // Of several changes in one frame those that can be read may be told.
    if (isPartlyReadable(frame)) return;
    if (frame.original !== null)
      return this.#must("spurious", found.length === 0, () => `frame ${number} is damaged and made rows`);
    if (frame.fault === "duplicate" || frame.fault === "replay" || frame.fault === "reorder") return;
    for (const level of frame.after) {
      const { side, price } = levelOf(venue, level);
      const key = bookKey(venue, level.market, level.outcome);
      const is = (row: DeltaRow) =>
        row.side === side && row.price === price && bookKey(row.venue, row.market, row.outcome) === key;
      this.#must(
        "corrupt",
        found.some(is),
        () => `frame ${number}: no row says that ${key} ${side} at ${price} changed`,
      );
    }
  }

  end(): void {
    for (const [key, book] of this.#true) {
      this.figures.keys++;
      if (this.#doubtful.has(key) || this.#isOpenGap(key)) continue;
      this.#mustEqual(`at the end, ${key}`, this.#book(this.#recorded, key), book);
    }
  }

  #must(kind: Parameters<Complain>[0], condition: boolean, what: () => string): void {
    if (!condition) this.#complain(kind, what());
  }

  #mustEqual(what: string, found: TrueBook, expected: TrueBook): void {
    const difference = differenceOf(found, expected);
    this.#must("corrupt", difference === null, () => `${what}: ${difference}`);
  }

  /** The tape itself says that this book is not known to its end. */
  #isOpenGap(key: string): boolean {
    const [venue, market] = key.split("/");
    return this.#gaps.some(
      (gap) => gap.venue === venue && gap.resolvedAt === null && (gap.market === null || gap.market === market),
    );
  }

  #inGap(venue: string, at: Micros): boolean {
    return this.#gaps.some(
      (gap) => gap.venue === venue && (gap.from ?? 0) <= at && (gap.resolvedAt === null || gap.resolvedAt >= at),
    );
  }

  #book(books: Map<string, TrueBook>, key: string): TrueBook {
    let book = books.get(key);
    if (book === undefined) books.set(key, (book = { bid: new Map(), ask: new Map() }));
    return book;
  }
}

function put(book: TrueBook, side: "bid" | "ask", price: number, size: number): void {
  if (size === 0) book[side].delete(price);
  else book[side].set(price, size);
}

function differenceOf(found: TrueBook, expected: TrueBook): string | null {
  for (const side of ["bid", "ask"] as const) {
    for (const price of new Set([...found[side].keys(), ...expected[side].keys()])) {
      const [has, wants] = [found[side].get(price), expected[side].get(price)];
      if (has !== wants) return `${side} at ${price} is ${has ?? "not there"}, the exchange has ${wants ?? "nothing"}`;
    }
  }
  return null;
}
