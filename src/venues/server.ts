import type { Millionths, Spot } from "../model/decimal.ts";
import type { Micros } from "../model/time.ts";

/**
 * What a venue's server side is told by whatever plays the market behind it (the built-in exchange's world, or a
 * tape that is replayed). Server sides are pure: what happens and what clients say goes in, frames come out.
 */
export interface TradedMarket {
  /** Kalshi ticker or Polymarket condition id. */
  readonly id: string;
  /** Resting orders in terms of the first outcome (YES). An ask at P is a bid for the other outcome at 1 − P. */
  readonly bids: Levels;
  readonly asks: Levels;
  /** The price grid in force. */
  ticks: readonly PriceRange[];
  stage: Stage;
  readonly createdAt: Micros;
  updatedAt: Micros;
  /** When the book last changed. */
  bookAt: Micros;
  openAt: Micros;
  closeAt: Micros;
  determinedAt: Micros | null;
  settledAt: Micros | null;
  /** Which outcome won: 0 is the first; null until determined. */
  winner: 0 | 1 | null;
  /** Last trade, in terms of the first outcome, and the outcome whose order book the taker named. */
  last: { readonly price: Millionths; readonly size: Millionths; readonly outcome: 0 | 1 } | null;
  volume: Millionths;
  openInterest: Millionths;
}

export type Stage = "unopened" | "open" | "paused" | "closed" | "determined" | "settled";

export interface PriceRange {
  readonly start: Millionths;
  readonly end: Millionths;
  readonly step: Millionths;
}

/** One side of a book, read only: parallel arrays, ascending price. */
export interface Levels {
  readonly prices: readonly Millionths[];
  readonly sizes: readonly Millionths[];
}

/** One level after a change. */
export interface LevelChange {
  readonly side: "bid" | "ask";
  readonly price: Millionths;
  /** Total at the level after it, 0 where the level is gone. */
  readonly size: Millionths;
  /** Signed difference. */
  readonly change: Millionths;
}

export interface Trade {
  readonly id: string;
  readonly at: Micros;
  /** In terms of the first outcome. */
  readonly price: Millionths;
  readonly size: Millionths;
  /** The outcome that the taker bought. */
  readonly taker: 0 | 1;
  /** The outcome whose order book the taker named (Polymarket prints the trade there). */
  readonly outcome: 0 | 1;
  readonly hash: string;
}

/** One thing that happened to a market. The market is already in the state after it. */
export type Happening<M extends TradedMarket> = { readonly at: Micros; readonly market: M } & (
  | { readonly kind: "change"; readonly changes: readonly LevelChange[]; readonly entered: 0 | 1 }
  /** A match; its level changes came just before it. */
  | { readonly kind: "trade"; readonly trade: Trade }
  /** The same match as it is reported late, by venues that do so. */
  | { readonly kind: "print"; readonly trade: Trade }
  /** About once a second for a market whose quote or volume moved. */
  | { readonly kind: "quote" }
  | { readonly kind: "created"; readonly newEvent: boolean }
  | { readonly kind: "opened" }
  | { readonly kind: "described" }
  /** Trading stops for a while; orders rest. When it goes on they are cancelled first. */
  | { readonly kind: "paused" }
  | { readonly kind: "resumed" }
  | { readonly kind: "closed" }
  /** The venue empties the book some time after the close. */
  | { readonly kind: "cleared" }
  | { readonly kind: "determined" }
  | { readonly kind: "settled" }
  | { readonly kind: "regridded"; readonly before: readonly PriceRange[] }
);

/** What a server side may look up. */
export interface Exhibit<M extends TradedMarket> {
  /** In the order of creation. */
  readonly markets: ReadonlyMap<string, M>;
  /** The latest trades, oldest first; bounded. */
  readonly trades: readonly { readonly market: M; readonly trade: Trade }[];
}

/** A frame on its way to one client. */
export interface Outgoing {
  readonly text: string;
  /** `data` is what faults may suppress; `control` answers the client. */
  readonly kind: "data" | "control";
  /** It carries a sequence number of its subscription. */
  readonly sequenced: boolean;
  /** Of a market that was muted: it has no number and never reaches the socket. */
  readonly muted?: true;
  /** Levels after a change frame, outcome by outcome in the venue's own terms, for the ground truth. */
  readonly after?: readonly LevelTruth[];
}

export interface LevelTruth {
  readonly market: string;
  /** `yes`, `no` or a token id. */
  readonly outcome: string;
  readonly side: "bid" | "ask";
  /** Decimal text. */
  readonly price: string;
  readonly size: string;
}

export type Send = (frame: Outgoing) => void;

/** One client's connection, server side. */
export interface ServerConnection<M extends TradedMarket> {
  /** A text frame from the client. Answers may wait for `settle`. */
  receive(text: string, now: Micros): void;
  /** Once per turn of the host: answers what was received since. */
  settle(now: Micros): void;
  happened(happening: Happening<M>): void;
  /** Ends the subscriptions with a venue's terminal error, where the protocol has one. */
  fail(code: number, now: Micros): void;
  /** From now on nothing of these markets is sent, as if nothing happened there; null ends it. */
  mute(isMuted: ((market: string) => boolean) | null): void;
}

/** A spot product as a venue's server side sees it. */
export interface SpotMarket {
  readonly product: string;
  bid: Spot;
  bidSize: Spot;
  ask: Spot;
  askSize: Spot;
  /** Over the last day. */
  volume: Spot;
  /** Numbers every change of the product. */
  sequence: number;
  /** The latest trades, oldest first; bounded, never empty. */
  readonly prints: SpotPrint[];
}

export interface SpotPrint {
  /** Dense within the product. */
  readonly id: number;
  readonly at: Micros;
  readonly price: Spot;
  readonly size: Spot;
  readonly side: "BUY" | "SELL";
}

/** One client's connection to a source of spot prices, server side. */
export interface SpotConnection {
  receive(text: string, now: Micros): void;
  /** Once per turn of the host: answers, heartbeats, batches, and the end of connections that say nothing. */
  settle(now: Micros): void;
  /** A trade happened; the market is already in the state after it. */
  traded(market: SpotMarket, print: SpotPrint): void;
  /** Says that something is wrong, where the protocol can. */
  fail(code: number, now: Micros): void;
}

/** What a spot server side needs of whoever runs it. */
export interface SpotHost {
  readonly markets: ReadonlyMap<string, SpotMarket>;
  readonly send: Send;
  /** Closes the connection with a code. */
  readonly hangUp: (code: number, reason: string) => void;
}

export interface ServerRequest {
  readonly method: string;
  /** Path from the venue's base URL, `/markets`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

export interface ServerResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}
