import type { Millionths, Spot } from "./decimal.ts";
import type { Instrument } from "./instrument.ts";
import type { MarketStatus } from "./market-status.ts";
import type { Micros } from "./time.ts";

/**
 * What a venue's interpreter says happened: a closed union of flat, plain values. The receive time, the recorder, the
 * frame number and the row's ordinal are not in it; whoever drives the interpreter adds them. Prices are dollars per
 * contract, sizes contracts or shares, both in millionths (10⁻⁶), never floats. `ts` is the venue's time or null,
 * never a guess. Books are stated from the point of view of one outcome: Kalshi in YES terms, Polymarket per token.
 */
export type MarketEvent =
  | BookDelta
  | BookSnapshot
  | Quote
  | Trade
  | Lifecycle
  | MarketFacts
  | EventFacts
  | SeriesFacts
  | GapOpened
  | GapClosed
  | Subscription
  | TopOfBook
  | BookWitness
  | SpotTick
  | SpotTrade
  | Quarantine;

export type Side = "bid" | "ask";

/** Price levels, best first, as two parallel lists; sizes are positive. */
export interface Levels {
  readonly prices: readonly Millionths[];
  readonly sizes: readonly Millionths[];
}

/**
 * One level of one book changed. The venue sends either the level's new total or the signed change; the interpreter
 * fills that one and leaves the other null, and the books stage fills it in while the book is certain.
 */
export interface BookDelta {
  readonly type: "book_delta";
  readonly instrument: Instrument;
  readonly ts: Micros | null;
  readonly seq: number | null;
  /** Connection number in this journal: one subscription's life on one connection. */
  readonly epoch: number;
  readonly sid: number | null;
  readonly side: Side;
  readonly price: Millionths;
  size: Millionths | null;
  change: Millionths | null;
  readonly venueHash: string | null;
}

/** A complete book, as the venue sent it (`venue`, or `resync` where we asked for it). Replaces whatever was known. */
export interface BookSnapshot {
  readonly type: "book_snapshot";
  readonly instrument: Instrument;
  readonly trigger: "venue" | "resync" | "segment";
  readonly ts: Micros | null;
  readonly seq: number | null;
  readonly epoch: number;
  readonly sid: number | null;
  readonly venueHash: string | null;
  readonly bids: Levels;
  readonly asks: Levels;
}

/** The venue's own summary of a market: `market_snapshots`. Placeholders (bid 0, ask 1 without size) are null. */
export interface Quote {
  readonly type: "quote";
  readonly instrument: Instrument;
  readonly trigger: "tick" | "poll";
  readonly ts: Micros | null;
  readonly bid: Millionths | null;
  readonly bidSize: Millionths | null;
  readonly ask: Millionths | null;
  readonly askSize: Millionths | null;
  readonly lastPrice: Millionths | null;
  readonly lastSize: Millionths | null;
  readonly volume: Millionths | null;
  readonly volumeUsd: Millionths | null;
  readonly openInterest: Millionths | null;
  readonly liquidityUsd: Millionths | null;
}

/** A trade print. `tradeId` is the venue's, or one derived from the print's own content where the venue has none. */
export interface Trade {
  readonly type: "trade";
  readonly instrument: Instrument;
  readonly tradeId: string;
  readonly ts: Micros | null;
  /** Null only when `priceReported` holds text with more than six decimals. */
  readonly price: Millionths | null;
  readonly size: Millionths;
  /** The taker bought or sold this outcome; null where the venue did not say. */
  readonly takerSide: "buy" | "sell" | null;
  readonly source: "stream" | "history";
  readonly isBlock: boolean | null;
  readonly isAggregate: boolean | null;
  readonly transactionHash: string | null;
  readonly priceReported: string | null;
}

/** A step in the life of a market. `detail` is the venue's own message as JSON text. */
export interface Lifecycle {
  readonly type: "lifecycle";
  readonly instrument: Instrument;
  readonly ts: Micros | null;
  readonly fromStatus: MarketStatus | null;
  readonly toStatus: MarketStatus | null;
  /** The venue's word for what happened. */
  readonly kind: string;
  readonly detail: string;
}

/** Everything a venue said of a market at one time. Absent facts are null; `raw` is the venue's own object as JSON text. */
export interface MarketFacts {
  readonly type: "market";
  readonly venue: string;
  readonly market: string;
  readonly eventId: string | null;
  readonly seriesId: string | null;
  readonly slug: string | null;
  readonly title: string | null;
  readonly subtitle: string | null;
  readonly status: MarketStatus | null;
  readonly venueStatus: string | null;
  readonly openAt: Micros | null;
  readonly closeAt: Micros | null;
  readonly expectedExpirationAt: Micros | null;
  readonly latestExpirationAt: Micros | null;
  readonly settledAt: Micros | null;
  readonly result: string | null;
  readonly settlementValue: Millionths | null;
  readonly expirationValue: string | null;
  readonly settlementSource: string | null;
  readonly strikeType: string | null;
  readonly floorStrike: Millionths | null;
  readonly capStrike: Millionths | null;
  readonly strikePeriod: string | null;
  /** JSON: `[{"start":"0","end":"1","step":"0.01"}]`. */
  readonly tickSizes: string | null;
  /** JSON, the venue's own fee fields. */
  readonly fee: string | null;
  /** JSON: `[{"outcome_id":"yes","name":"85° or above"}]`. */
  readonly outcomes: string | null;
  readonly volume: Millionths | null;
  readonly openInterest: Millionths | null;
  readonly liquidityUsd: Millionths | null;
  readonly rules: string | null;
  readonly raw: string;
}

/** Everything a venue said of an event (a group of markets) at one time. */
export interface EventFacts extends GroupFacts {
  readonly type: "event";
  readonly eventId: string;
}

/** Everything a venue said of a series (a recurring family of events) at one time. */
export interface SeriesFacts extends GroupFacts {
  readonly type: "series";
  readonly seriesId: string;
}

interface GroupFacts {
  readonly venue: string;
  readonly eventId: string | null;
  readonly seriesId: string | null;
  readonly title: string | null;
  readonly subtitle: string | null;
  readonly category: string | null;
  readonly strikeDate: Micros | null;
  readonly strikePeriod: string | null;
  readonly mutuallyExclusive: boolean | null;
  readonly feeType: string | null;
  readonly feeMultiplier: Millionths | null;
  readonly frequency: string | null;
  readonly raw: string;
}

export type GapCause =
  | "sequence"
  | "disconnect"
  | "stall"
  | "malformed"
  | "overflow"
  | "venue_error"
  | "recorder_down"
  | "oversize"
  | "storage";

/**
 * Something was, or may have been, lost between `from` and `to`. Opens at most one `gaps` row per hole; a later
 * `GapClosed` with the same `key`, or the books stage when every book in `books` has a fresh snapshot, resolves it.
 */
export interface GapOpened {
  readonly type: "gap_opened";
  /** Unique within the journal's open gaps, for example `kalshi/3/sid/2`. Opening an open key again updates that gap. */
  readonly key: string;
  readonly venue: string;
  readonly market: string | null;
  readonly outcome: string | null;
  readonly epoch: number | null;
  readonly sid: number | null;
  readonly channel: string | null;
  /** Receive time of the last thing known to be good. */
  readonly from: Micros | null;
  /** Receive time of the first thing after the hole; null while it is still open. */
  readonly to: Micros | null;
  readonly cause: GapCause;
  readonly confidence: "proven" | "inferred";
  /** Plain facts that show the hole, for example `{"expected":17,"got":19}`. */
  readonly evidence: Readonly<Record<string, unknown>>;
  /** Books that are uncertain from here until a snapshot. Empty: nothing to wait for. */
  readonly books: readonly Instrument[];
}

/** The gap `key` is over: data flows again from `to`. Books still waiting for their snapshot stay uncertain. */
export interface GapClosed {
  readonly type: "gap_closed";
  readonly key: string;
  readonly to: Micros;
  readonly repair: "none" | "partial" | "full";
}

/** The state of one market's subscription to one channel on one connection, whole, whenever it changes. */
export interface Subscription {
  readonly type: "subscription";
  readonly venue: string;
  readonly market: string | null;
  readonly outcome: string | null;
  readonly listener: string | null;
  readonly epoch: number;
  readonly sid: number | null;
  readonly channel: string;
  readonly requestedAt: Micros | null;
  readonly acknowledgedAt: Micros | null;
  readonly firstDataAt: Micros | null;
  readonly endedAt: Micros | null;
  readonly reason: string | null;
}

/**
 * The venue's own best bid and ask for a book, to be compared with ours. Makes no row (a `Quote` does); it feeds the
 * agreement rate. Null is an empty side.
 */
export interface TopOfBook {
  readonly type: "top_of_book";
  readonly instrument: Instrument;
  readonly bid: Millionths | null;
  readonly ask: Millionths | null;
  /** It is the top after this very message: where it disagrees with ours and goes on to, a change was lost. */
  readonly exact?: true;
}

/**
 * A whole book that the venue gave over REST. It may be older than what the stream has said since it was asked for, so it
 * is compared with a live book and takes the place of one only where no stream feeds it.
 */
export interface BookWitness {
  readonly type: "book_witness";
  readonly instrument: Instrument;
  readonly ts: Micros | null;
  /** When the request went out: the book is not older than this. */
  readonly askedAt: Micros;
  readonly venueHash: string | null;
  readonly bids: Levels;
  readonly asks: Levels;
}

/**
 * The price of something that markets settle on or track, as a spot venue or an index publishes it: `spot_ticks`. Prices
 * and sizes are in 10⁻⁸. What the source does not say is null.
 */
export interface SpotTick {
  readonly type: "spot_tick";
  readonly venue: string;
  /** The venue's own id, for example `BTC-USD`. */
  readonly product: string;
  readonly ts: Micros | null;
  readonly price: Spot;
  readonly bid: Spot | null;
  readonly bidSize: Spot | null;
  readonly ask: Spot | null;
  readonly askSize: Spot | null;
  readonly volume24h: Spot | null;
  /** The source's own number of this message, where it has one. */
  readonly sequence: number | null;
  /** The last known price once more: nothing has come since that would confirm it. */
  readonly isStale: boolean;
}

/** A trade on a spot venue: `spot_trades`. Price and size are in 10⁻⁸. */
export interface SpotTrade {
  readonly type: "spot_trade";
  readonly venue: string;
  readonly product: string;
  readonly tradeId: string;
  readonly ts: Micros | null;
  readonly price: Spot;
  /** Null only where the venue's number has more than 90 million units. */
  readonly size: Spot | null;
  /** The venue's word as sent: whose side it is differs between feeds. */
  readonly side: string | null;
}

/** A frame, or part of one, that became no row. `reason` is a stable word, `detail` says what exactly, in words. */
export interface Quarantine {
  readonly type: "quarantine";
  readonly venue: string;
  readonly market: string | null;
  readonly outcome: string | null;
  readonly reason: string;
  readonly detail: string;
}
