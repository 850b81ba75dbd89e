import type { GapCause, GapOpened } from "../../model/events.ts";
import type { Instrument } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";
import type { Defect } from "./defect.ts";
import type { Connection, Feed, Hole, Market, Memory, Unread } from "./memory.ts";
import { isOver } from "./status.ts";

/** Unreadable frames kept in mind per connection; older ones then stay gaps of their own. */
const UNREAD_LIMIT = 1_000;

/** Channel whose messages change a book. */
export const BOOK_CHANNEL = "orderbook_delta";

/**
 * Finds what was lost: jumps in the sequence numbers of a sid, unreadable frames, connections that ended. Every frame
 * with a `seq` on a sid counts up by one, whatever its type (seen on the wire, captures of April to August 2026:
 * snapshots, deltas and `ok` acknowledgements share the counter; `ticker` has none).
 */
export class Sequence {
  readonly #memory: Memory;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** Takes a frame's number. False: a repetition or a step back, not to be applied. */
  advance(connection: Connection, feed: Feed, seq: number, at: Micros | null): boolean {
    if (feed.seq >= 0 && seq !== feed.seq + 1) {
      if (seq <= feed.seq) {
        this.quarantine({ reason: "duplicate_sequence", detail: `sid ${feed.sid} had ${feed.seq} and sent ${seq}` });
        return false;
      }
      this.#jump(connection, feed, seq, at);
    }
    feed.seq = seq;
    this.good(connection, feed, at);
    return true;
  }

  /** A frame of this feed was read. */
  good(connection: Connection, feed: Feed, at: Micros | null): void {
    feed.at = at;
    feed.malformed = connection.malformed;
    if (connection.unread.length > 0) this.#settleUnread(connection);
  }

  /** Market data came: closes the gaps of its stream that waited for it. */
  flows(connection: Connection, channel: string | null, at: Micros | null): void {
    connection.dataAt = at ?? connection.dataAt;
    connection.hasData = true;
    if (connection.stream.holes.length > 0 && at !== null)
      this.#closeHoles(connection, at, (hole) => hole.channel === null || hole.channel === channel);
  }

  /** A frame that cannot be read at all: which sid it belonged to, only a later jump can tell. */
  unreadable(connection: Connection, defect: Defect, size: number, at: Micros | null): void {
    this.quarantine(defect);
    const n = ++connection.malformed;
    const unread = { n, at, reason: defect.reason };
    // It stays open while a sequence can still claim it: see `#settleUnread`.
    const claimable = [...connection.feeds.values()].some(isSequenced);
    this.#open(connection, {
      key: unreadKey(connection, unread),
      from: at,
      to: claimable ? null : at,
      cause: "malformed",
      confidence: "inferred",
      evidence: { reason: defect.reason, bytes: size },
    });
    if (!claimable) return;
    connection.unread.push(unread);
    if (connection.unread.length > UNREAD_LIMIT) this.#closeUnread(connection, connection.unread.splice(0, 1));
  }

  /** A message whose number is known but whose content is not: on the book channel that book is uncertain. */
  unusable(
    connection: Connection,
    feed: Feed,
    seq: number | null,
    market: Market | null,
    defect: Defect,
    at: Micros | null,
  ): void {
    this.quarantine(defect, market);
    if (seq === null && feed.channel !== BOOK_CHANNEL) return;
    const books =
      feed.channel !== BOOK_CHANNEL ? [] : market === null ? instruments(feed.members) : [market.instrument];
    this.#open(connection, {
      key: `kalshi/${connection.epoch}/sid/${feed.sid}/${seq ?? `after/${feed.seq}`}/content`,
      feed,
      market,
      from: at,
      to: at,
      cause: "malformed",
      confidence: "proven",
      evidence: { seq, reason: defect.reason, detail: defect.detail },
      books,
    });
  }

  /**
   * The venue ended a subscription with an error; `goodAt` is the time of its last good frame. One that is asked for
   * again and ends again before any data is still the same hole.
   */
  broken(connection: Connection, feed: Feed | null, code: number, goodAt: Micros | null, at: Micros | null): void {
    const { epoch, stream } = connection;
    const cause = code === 25 ? "overflow" : "venue_error";
    if (feed === null) {
      const key = `kalshi/${epoch}/error/${connection.frameAt ?? 0}`;
      const books = this.#books(connection);
      this.#open(connection, { key, from: at, to: at, cause, confidence: "inferred", evidence: { code }, books });
      return;
    }
    const { sid, channel, seq } = feed;
    if (feed.seen.size === 0 && stream.holes.some((hole) => hole.channel === null || hole.channel === channel)) return;
    const key = `kalshi/${epoch}/sid/${sid}/error/${seq}`;
    const books = channel === BOOK_CHANNEL ? instruments(feed.seen) : [];
    const confidence = "proven";
    this.#open(connection, { key, feed, from: goodAt, to: null, cause, confidence, evidence: { code }, books });
    stream.holes.push({ key, channel });
  }

  /**
   * A channel that had ended was granted again. From then on the venue sends what happens, so where no book has to come
   * first the hole is over, however long a quiet channel says nothing.
   */
  granted(connection: Connection, channel: string, at: Micros | null): void {
    if (channel !== BOOK_CHANNEL && at !== null) this.#closeHoles(connection, at, (hole) => hole.channel === channel);
  }

  /** Nothing arrives any more. Opens one gap per hole: none where the stream already waits for its first data. */
  interrupted(connection: Connection, cause: GapCause, from: Micros | null, evidence: GapOpened["evidence"]): void {
    const key = `kalshi/${connection.epoch}`;
    const { holes } = connection.stream;
    if (holes.some((hole) => hole.key === key)) return;
    if (!connection.hasData && holes.some((hole) => hole.channel === null)) return;
    const books = this.#books(connection);
    this.#open(connection, { key, from, to: null, cause, confidence: "proven", evidence, books });
    holes.push({ key, channel: null });
  }

  /** The recorder judged that the venue withholds one market: its book is uncertain until a snapshot. */
  withheld(connection: Connection, market: Market, evidence: GapOpened["evidence"], at: Micros | null): void {
    const { since } = evidence;
    const books =
      market.book !== null && connection.feeds.get(market.book.sid) === market.book ? [market.instrument] : [];
    this.#open(connection, {
      key: `kalshi/${connection.epoch}/market/${market.instrument.market}`,
      market,
      from: typeof since === "number" ? since : at,
      // Without a book nothing tells its end: the next verdict covers what follows.
      to: books.length > 0 ? null : at,
      cause: "stall",
      confidence: "inferred",
      evidence,
      books,
    });
  }

  /** The connection is over: no later frame of it can account for its unreadable ones. */
  finish(connection: Connection): void {
    this.#closeUnread(connection, connection.unread.splice(0));
  }

  quarantine({ reason, detail }: Defect, market: Market | null = null): void {
    const { market: ticker, outcome } = market?.instrument ?? { market: null, outcome: null };
    this.#memory.emit({ type: "quarantine", venue: "kalshi", market: ticker, outcome, reason, detail });
  }

  #jump(connection: Connection, feed: Feed, seq: number, at: Micros | null): void {
    const expected = feed.seq + 1;
    const lost = seq - expected;
    const hole = {
      feed,
      from: feed.at ?? feed.acknowledgedAt,
      to: at,
      confidence: "proven" as const,
      books: feed.channel === null || feed.channel === BOOK_CHANNEL ? instruments(feed.members) : [],
    };
    const candidates = connection.unread.filter((unread) => unread.n > feed.malformed);
    if (lost > candidates.length) {
      const key = `kalshi/${connection.epoch}/sid/${feed.sid}/${seq}`;
      this.#open(connection, { ...hole, key, cause: "sequence", evidence: { expected, got: seq, lost } });
      return;
    }
    // The lost frames did arrive, unreadable: their gaps get the place and the bounds that the sequence proves.
    for (const unread of candidates.slice(0, lost)) {
      const evidence = { expected, got: seq, lost, reason: unread.reason };
      this.#open(connection, { ...hole, key: unreadKey(connection, unread), cause: "malformed", evidence });
      connection.unread.splice(connection.unread.indexOf(unread), 1);
    }
  }

  /** Once every sequence has gone on without a jump, an unreadable frame belonged to none of them. */
  #settleUnread(connection: Connection): void {
    let reached = connection.malformed;
    for (const feed of connection.feeds.values()) {
      if (isSequenced(feed)) reached = Math.min(reached, feed.malformed);
    }
    const settled = connection.unread.filter((unread) => unread.n <= reached);
    if (settled.length === 0) return;
    connection.unread = connection.unread.filter((unread) => unread.n > reached);
    this.#closeUnread(connection, settled);
  }

  #closeUnread(connection: Connection, unread: readonly Unread[]): void {
    for (const one of unread) {
      if (one.at === null) continue;
      this.#memory.emit({ type: "gap_closed", key: unreadKey(connection, one), to: one.at, repair: "none" });
    }
  }

  #closeHoles({ stream }: Connection, to: Micros, ends: (hole: Hole) => boolean): void {
    const over = stream.holes.filter(ends);
    if (over.length === 0) return;
    stream.holes = stream.holes.filter((hole) => !over.includes(hole));
    for (const { key } of over) this.#memory.emit({ type: "gap_closed", key, to, repair: "none" });
  }

  /** Books that this connection fed last and that can still change. */
  #books(connection: Connection): Instrument[] {
    const books: Instrument[] = [];
    for (const feed of connection.feeds.values()) {
      if (feed.ended || feed.channel !== BOOK_CHANNEL) continue;
      for (const market of feed.seen) {
        if (market.book === feed && !market.emptied && !isOver(market.status)) books.push(market.instrument);
      }
    }
    return books;
  }

  #open(
    { epoch }: Connection,
    gap: Pick<GapOpened, "key" | "from" | "to" | "cause" | "confidence" | "evidence"> & {
      readonly feed?: Feed | null;
      readonly market?: Market | null;
      readonly books?: readonly Instrument[];
    },
  ): void {
    const { feed = null, market = null, books = [], ...known } = gap;
    this.#memory.emit({
      type: "gap_opened",
      venue: "kalshi",
      market: market?.instrument.market ?? null,
      outcome: market?.instrument.outcome ?? null,
      epoch,
      sid: feed?.sid ?? null,
      channel: feed?.channel ?? null,
      books,
      ...known,
    });
  }
}

function isSequenced(feed: Feed): boolean {
  return !feed.ended && feed.channel !== "ticker";
}

function unreadKey({ epoch }: Connection, { n }: Unread): string {
  return `kalshi/${epoch}/malformed/${n}`;
}

function instruments(markets: Iterable<Market>): Instrument[] {
  return Array.from(markets, (market) => market.instrument);
}
