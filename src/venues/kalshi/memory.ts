import type { MarketEvent } from "../../model/events.ts";
import type { Instrument, Instruments } from "../../model/instrument.ts";
import type { MarketStatus } from "../../model/market-status.ts";
import type { Micros } from "../../model/time.ts";
import type { Command } from "./commands.ts";
import { isOver } from "./status.ts";
import { SubscriptionLedger } from "./subscription-ledger.ts";
import { TickerTable } from "./ticker-table.ts";

/** What is known of one market over all connections. */
export interface Market {
  /** The YES side, in whose terms the book is stated. */
  readonly instrument: Instrument;
  listener: string | null;
  status: MarketStatus | null;
  result: string | null;
  /** The feed whose book messages came last. */
  book: Feed | null;
  /** The venue pushed an empty book in place of a full one and nothing followed: what it does after a close. */
  emptied: boolean;
  /** Digest of the facts last emitted, so that a poll which brings nothing new makes no row. */
  facts: number;
  /** Last trade print without an id of the venue's, and how often it was repeated. */
  print: string | null;
  prints: number;
}

/** One subscription id on one connection: one channel, one sequence of numbers. */
export interface Feed {
  readonly sid: number;
  channel: string | null;
  /** NO levels come as YES prices already. */
  useYesPrice: boolean;
  /** Last sequence number taken. 0: the next must be 1. -1: the recording began later, any is the first. */
  seq: number;
  /** Receive time of the last good frame. */
  at: Micros | null;
  /** Number of unreadable frames that its connection had had when its last good frame came. */
  malformed: number;
  acknowledgedAt: Micros | null;
  ended: boolean;
  /** Markets that the venue acknowledged or sent data of. */
  readonly members: Set<Market>;
  /** Markets it sent data of. */
  readonly seen: Set<Market>;
}

/** A gap that ends when data flows again on its stream; with a channel, when that channel's data does. */
export interface Hole {
  readonly key: string;
  readonly channel: string | null;
}

/** Connections that succeed each other. */
export interface Stream {
  readonly name: string;
  holes: Hole[];
}

/** An unreadable frame that no sequence number has accounted for yet. */
export interface Unread {
  readonly n: number;
  readonly at: Micros | null;
  readonly reason: string;
}

export class Connection {
  readonly epoch: number;
  readonly stream: Stream;
  /** What an import was told, or null. */
  readonly useYesPrice: boolean | null;
  /** We do not have its beginning: sequence numbers start anywhere. */
  readonly resumed: boolean;
  readonly connectedAt: Micros | null;
  readonly feeds = new Map<number, Feed>();
  readonly commands = new Map<number, Command>();
  readonly subscriptions: SubscriptionLedger;
  /** Markets that another connection takes over: to leave them here is no end of what is wanted. */
  readonly moved = new Set<string>();
  /** Receive times of the last frame and of the last frame with market data. */
  frameAt: Micros | null = null;
  dataAt: Micros | null = null;
  hasData = false;
  malformed = 0;
  unread: Unread[] = [];

  constructor(
    epoch: number,
    stream: Stream,
    options: { useYesPrice: boolean | null; resumed: boolean; connectedAt: Micros | null },
    emit: (event: MarketEvent) => void,
  ) {
    this.epoch = epoch;
    this.stream = stream;
    this.useYesPrice = options.useYesPrice;
    this.resumed = options.resumed;
    this.connectedAt = options.connectedAt;
    this.subscriptions = new SubscriptionLedger(epoch, emit);
  }

  /** `at` of a command or an answer. Those read again from a preamble were said before it, at a time not known. */
  controlTime(at: Micros | null): Micros | null {
    return this.resumed && !this.hasData ? null : at;
  }

  /** The feed of this sid, made when its first frame or acknowledgement comes. */
  feed(sid: number): Feed {
    let feed = this.feeds.get(sid);
    if (feed === undefined) {
      feed = {
        sid,
        channel: null,
        useYesPrice: this.useYesPrice ?? false,
        seq: -1,
        at: null,
        malformed: this.malformed,
        acknowledgedAt: null,
        ended: false,
        members: new Set(),
        seen: new Set(),
      };
      this.feeds.set(sid, feed);
    }
    return feed;
  }
}

/** Markets, and events and series, that are remembered before old ones are forgotten. */
const MARKET_LIMIT = 200_000;
const GROUP_LIMIT = 100_000;

/** Everything the interpreter knows. `saved.ts` turns it into JSON values and back. */
export class Memory {
  readonly instruments: Instruments;
  readonly emit: (event: MarketEvent) => void;
  readonly markets = new Map<string, Market>();
  readonly streams = new Map<string, Stream>();
  readonly connections = new Map<number, Connection>();
  readonly events = new Map<string, GroupMemory>();
  readonly series = new Map<string, GroupMemory>();
  /** Digests of what was last said of the whole exchange, and of announced fee changes. */
  readonly bulletins = new Map<string, number>();
  /** Number of markets at which to look for some to forget. */
  forgetAt = MARKET_LIMIT;
  /** The same markets as `markets`, those that book changes named. */
  readonly #byBytes = new TickerTable<Market>();

  constructor(instruments: Instruments, emit: (event: MarketEvent) => void) {
    this.instruments = instruments;
    this.emit = emit;
  }

  market(ticker: string): Market {
    let market = this.markets.get(ticker);
    if (market === undefined) {
      if (this.markets.size >= this.forgetAt) this.#forgetMarkets();
      market = {
        instrument: this.instruments.get("kalshi", ticker, "yes"),
        listener: null,
        status: null,
        result: null,
        book: null,
        emptied: false,
        facts: 0,
        print: null,
        prints: 0,
      };
      this.markets.set(ticker, market);
    }
    return market;
  }

  /** The market whose ticker, plain ASCII, is at `bytes[from, to)`. */
  marketAt(bytes: Buffer, from: number, to: number): Market {
    const known = this.#byBytes.get(bytes, from, to);
    if (known !== undefined) return known;
    const market = this.market(bytes.toString("latin1", from, to));
    this.#byBytes.add(bytes, from, to, market);
    return market;
  }

  /** Remembers an event or a series; beyond the limit the one known longest is forgotten. */
  group(groups: Map<string, GroupMemory>, id: string, facts: GroupMemory): void {
    groups.set(id, facts);
    const [oldest] = groups.keys();
    if (groups.size > GROUP_LIMIT && oldest !== undefined) groups.delete(oldest);
  }

  stream(name: string): Stream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = { name, holes: [] };
      this.streams.set(name, stream);
    }
    return stream;
  }

  /** Forgets the older half of the markets that are over and that no connection carries. */
  #forgetMarkets(): void {
    const carried = new Set<Market>();
    for (const { feeds } of this.connections.values()) {
      for (const feed of feeds.values()) for (const market of feed.members) carried.add(market);
    }
    const over = [...this.markets].filter(([, market]) => isOver(market.status) && !carried.has(market));
    for (const [ticker] of over.slice(0, Math.ceil(over.length / 2))) this.markets.delete(ticker);
    this.#byBytes.clear();
    this.forgetAt = Math.max(MARKET_LIMIT, Math.ceil(this.markets.size * 1.25));
  }

  /** The connection of an epoch; one that was never announced is one whose beginning we do not have. */
  connection(epoch: number): Connection {
    let connection = this.connections.get(epoch);
    if (connection === undefined) {
      const options = { useYesPrice: null, resumed: true, connectedAt: null };
      connection = new Connection(epoch, this.stream(`epoch/${epoch}`), options, this.emit);
      this.connections.set(epoch, connection);
    }
    return connection;
  }
}

/** What later facts need of an event or a series that was seen. */
export interface GroupMemory {
  readonly eventId: string | null;
  readonly seriesId: string | null;
  readonly title: string | null;
  readonly subtitle: string | null;
  readonly category: string | null;
  readonly strikeDate: Micros | null;
  readonly strikePeriod: string | null;
  readonly mutuallyExclusive: boolean | null;
  readonly feeType: string | null;
  readonly feeMultiplier: number | null;
  readonly frequency: string | null;
  readonly settlementSource: string | null;
  readonly cadence: string | null;
  /** Digest of the facts last emitted. */
  readonly facts: number;
}
