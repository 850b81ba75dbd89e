import type { MarketEvent, SpotTick } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import { canonical } from "./products.ts";
import type { SavedLedger } from "./subscriptions.ts";
import { SubscriptionLedger } from "./subscriptions.ts";

/** What is known of one product over all connections. */
export interface Product {
  readonly name: string;
  listener: string | null;
  /** Its last tick, and whether it was marked stale since. */
  tick: SpotTick | null;
  stale: boolean;
  /** The highest trade id, by channel, and when it came. Ids of a product are dense. */
  readonly trades: Record<string, { id: number; at: Micros | null }>;
  /** The Exchange feed: last number per type of message; the last trade that a heartbeat named. */
  readonly sequences: Record<string, { readonly epoch: number; readonly sequence: number }>;
  heartbeat: { readonly tradeId: number; readonly at: Micros | null } | null;
}

/** Connections that succeed each other. */
export interface Stream {
  readonly name: string;
  /** Key of the gap that is open because no data arrives. */
  hole: string | null;
}

export class Connection {
  readonly epoch: number;
  readonly stream: Stream;
  /** We have its beginning: Advanced Trade's first number is 0. */
  whole: boolean;
  readonly resumed: boolean;
  readonly connectedAt: Micros | null;
  readonly ledger: SubscriptionLedger;
  /** Products that data came of. */
  readonly products = new Set<string>();
  /** The same by channel: `matches BTC-USD`. */
  readonly seen = new Set<string>();
  /** Advanced Trade: the last number; -1 before the first. */
  sequence = -1;
  /** The venue's own time of the newest numbered frame. */
  newest: Micros | null = null;
  /** Receive times of the last readable frame and of the last one with data. */
  frameAt: Micros | null = null;
  dataAt: Micros | null = null;
  holes = 0;
  /** Frames that could not be read since the last number. */
  unread: { count: number; readonly at: Micros | null; until: Micros | null; readonly reason: string } | null = null;
  malformed = 0;

  constructor(
    epoch: number,
    stream: Stream,
    options: { readonly resumed: boolean; readonly connectedAt: Micros | null; readonly ledger: SubscriptionLedger },
  ) {
    this.epoch = epoch;
    this.stream = stream;
    this.resumed = options.resumed;
    this.whole = false;
    this.connectedAt = options.connectedAt;
    this.ledger = options.ledger;
  }

  /** `at` of a command or an answer. Those read again from a preamble were said before it, at a time not known. */
  controlTime(at: Micros | null): Micros | null {
    return this.resumed && this.frameAt === null ? null : at;
  }
}

interface SavedConnection extends Pick<
  Connection,
  | "epoch"
  | "whole"
  | "resumed"
  | "connectedAt"
  | "sequence"
  | "newest"
  | "frameAt"
  | "dataAt"
  | "holes"
  | "unread"
  | "malformed"
> {
  readonly stream: string;
  readonly products: readonly string[];
  readonly seen: readonly string[];
  readonly ledger: SavedLedger;
}

interface Saved {
  readonly streams: readonly Stream[];
  readonly products: readonly Product[];
  readonly connections: readonly SavedConnection[];
}

/** Products kept in mind; Coinbase lists some eight hundred. */
const PRODUCT_LIMIT = 10_000;

/** Everything that the interpreter knows. */
export class Memory {
  readonly emit: (event: MarketEvent) => void;
  readonly products = new Map<string, Product>();
  readonly streams = new Map<string, Stream>();
  readonly connections = new Map<number, Connection>();

  constructor(emit: (event: MarketEvent) => void, saved?: unknown) {
    this.emit = emit;
    if (saved !== undefined) this.#restore(saved as Saved);
  }

  product(name: string): Product {
    const key = canonical(name);
    let product = this.products.get(key);
    if (product === undefined) {
      product = { name: key, listener: null, tick: null, stale: false, trades: {}, sequences: {}, heartbeat: null };
      this.products.set(key, product);
      const [oldest] = this.products.keys();
      if (this.products.size > PRODUCT_LIMIT && oldest !== undefined) this.products.delete(oldest);
    }
    return product;
  }

  stream(name: string): Stream {
    let stream = this.streams.get(name);
    if (stream === undefined) {
      stream = { name, hole: null };
      this.streams.set(name, stream);
    }
    return stream;
  }

  open(epoch: number, stream: string, resumed: boolean, connectedAt: Micros | null): Connection {
    const ledger = new SubscriptionLedger(epoch, this.emit, (product) => this.products.get(product)?.listener ?? null);
    const connection = new Connection(epoch, this.stream(stream), { resumed, connectedAt, ledger });
    this.connections.set(epoch, connection);
    return connection;
  }

  /** The connection of an epoch; one that was never announced is one whose beginning we do not have. */
  connection(epoch: number): Connection {
    return this.connections.get(epoch) ?? this.open(epoch, `epoch/${epoch}`, true, null);
  }

  quarantine(reason: string, detail: string, product: string | null = null): void {
    this.emit({ type: "quarantine", venue: "coinbase", market: product, outcome: null, reason, detail });
  }

  save(): unknown {
    const saved: Saved = {
      streams: [...this.streams.values()],
      products: [...this.products.values()],
      connections: [...this.connections.values()].map(({ stream, products, seen, ledger, ...plain }) => ({
        ...plain,
        stream: stream.name,
        products: [...products],
        seen: [...seen],
        ledger: ledger.save(),
      })),
    };
    return saved;
  }

  #restore({ streams, products, connections }: Saved): void {
    for (const stream of streams) this.streams.set(stream.name, { ...stream });
    for (const product of products) {
      const { trades, sequences, ...rest } = product;
      this.products.set(product.name, { ...rest, trades: structuredClone(trades), sequences: { ...sequences } });
    }
    for (const { epoch, stream, products: names, seen, ledger, resumed, connectedAt, ...state } of connections) {
      const connection = this.open(epoch, stream, resumed, connectedAt);
      Object.assign(connection, structuredClone(state));
      for (const name of names) connection.products.add(name);
      for (const each of seen) connection.seen.add(each);
      connection.ledger.restore(ledger);
    }
  }
}
