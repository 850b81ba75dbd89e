import type { Instrument } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";
import { HashedLevels } from "./hashed-levels.ts";
import { TradeIds } from "./trade-id.ts";

/** One token on one connection. */
export interface TokenStream {
  readonly token: string;
  /** Null until its market is known. */
  instrument: Instrument | null;
  /** Null where we asked for none: a subscription to one token also brings its counterpart's changes. */
  subscription: SubscriptionState | null;
  /** Its complete book arrived on this connection. */
  live: boolean;
  /** We asked for its book again. */
  resync: boolean;
  levels: HashedLevels | null;
  /** Index of its last entry in the message at hand. */
  lastEntry: number;
}

/** A subscription whose `endedAt` is null is in force. */
export interface SubscriptionState {
  readonly requestedAt: Micros | null;
  acknowledgedAt: Micros | null;
  firstDataAt: Micros | null;
  readonly listener: string | null;
  /** Data of it arrived, with or without a known time. */
  hasData: boolean;
  /** Its row was emitted, which needs its market. */
  stated: boolean;
}

/** A stream is served by one connection after the other; a hole lasts until the next data on any of them. */
export interface Stream {
  readonly name: string;
  /** Key of the gap that is open because no data arrives. */
  hole: string | null;
}

/** Tokens kept in `left`; a connection has at most 500 in force. */
const LEFT = 1000;

/** What is known of one connection. */
export class Connection {
  readonly epoch: number;
  readonly stream: Stream;
  readonly tokens = new Map<string, TokenStream>();
  /** Tokens that we left last: to subscribe again is how a fresh book is asked for. */
  readonly left = new Set<string>();
  /** Markets that another connection takes over: to leave them here is no end of what is wanted. */
  readonly moved = new Set<string>();
  trades = new TradeIds();
  /** Receive time of the last message about a book or a trade, or of the first subscription. */
  lastGood: Micros | null = null;
  /** We were seen asking for tokens on it. */
  asked = false;
  /** Something was asked for or received: its end is a hole. */
  used = false;
  holes = 0;
  malformed = 0;
  /** Nothing but unreadable frames since this time: they are one gap. */
  garbledSince: Micros | null = null;

  constructor(epoch: number, stream: Stream) {
    this.epoch = epoch;
    this.stream = stream;
  }

  token(token: string): TokenStream {
    let state = this.tokens.get(token);
    if (state === undefined) {
      state = { token, instrument: null, subscription: null, live: false, resync: false, levels: null, lastEntry: -1 };
      this.tokens.set(token, state);
    }
    return state;
  }

  /** Our subscription to this token is over; its counterparts that came with it are no longer expected either. */
  leave(token: string, counterparts: readonly string[]): void {
    this.tokens.delete(token);
    for (const other of counterparts) if (this.tokens.get(other)?.subscription === null) this.tokens.delete(other);
    this.left.add(token);
    if (this.left.size <= LEFT) return;
    for (const oldest of this.left) return void this.left.delete(oldest);
  }

  /** The next book of these markets or tokens is one that we asked for. */
  expectAgain(names: readonly string[]): void {
    if (names.length === 0) return;
    const wanted = new Set(names);
    for (const stream of this.tokens.values()) {
      if (wanted.has(stream.token) || wanted.has(stream.instrument?.market ?? "")) stream.resync = true;
    }
  }

  /** Books that are complete on this connection, of one market or of all. */
  books(market: string | null, isOver: (market: string) => boolean): Instrument[] {
    const books: Instrument[] = [];
    for (const { live, instrument } of this.tokens.values()) {
      if (!live || instrument === null || isOver(instrument.market)) continue;
      if (market === null || instrument.market === market) books.push(instrument);
    }
    return books;
  }

  save(): unknown {
    return {
      epoch: this.epoch,
      stream: this.stream.name,
      lastGood: this.lastGood,
      asked: this.asked,
      used: this.used,
      holes: this.holes,
      malformed: this.malformed,
      garbledSince: this.garbledSince,
      left: [...this.left],
      moved: [...this.moved],
      trades: this.trades.save(),
      tokens: [...this.tokens.values()].map(({ token, instrument, subscription, live, resync, levels }) => ({
        token,
        market: instrument?.market ?? null,
        subscription: subscription === null ? null : { ...subscription },
        live,
        resync,
        levels: levels?.save() ?? null,
      })),
    };
  }

  static restore(
    saved: SavedConnection,
    streamOf: (name: string) => Stream,
    instrumentOf: (market: string, token: string) => Instrument,
  ): Connection {
    const connection = new Connection(saved.epoch, streamOf(saved.stream));
    connection.lastGood = saved.lastGood;
    connection.asked = saved.asked;
    connection.used = saved.used;
    connection.holes = saved.holes;
    connection.malformed = saved.malformed;
    connection.garbledSince = saved.garbledSince;
    for (const token of saved.left) connection.left.add(token);
    for (const market of saved.moved) connection.moved.add(market);
    connection.trades = TradeIds.restore(saved.trades);
    for (const { token, market, subscription, live, resync, levels } of saved.tokens) {
      connection.tokens.set(token, {
        token,
        instrument: market === null ? null : instrumentOf(market, token),
        subscription: subscription === null ? null : { ...subscription },
        live,
        resync,
        levels: levels === null ? null : HashedLevels.restore(levels),
        lastEntry: -1,
      });
    }
    return connection;
  }
}

export interface SavedConnection {
  readonly epoch: number;
  readonly stream: string;
  readonly lastGood: Micros | null;
  readonly asked: boolean;
  readonly used: boolean;
  readonly holes: number;
  readonly malformed: number;
  readonly garbledSince: Micros | null;
  readonly left: readonly string[];
  readonly moved: readonly string[];
  readonly trades: unknown;
  readonly tokens: readonly {
    readonly token: string;
    readonly market: string | null;
    readonly subscription: SubscriptionState | null;
    readonly live: boolean;
    readonly resync: boolean;
    readonly levels: unknown;
  }[];
}
