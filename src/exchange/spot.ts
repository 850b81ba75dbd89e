import type { Spot } from "../model/decimal.ts";
import type { Micros } from "../model/time.ts";
import { AdvancedConnection } from "../venues/coinbase/server-advanced.ts";
import { ExchangeConnection } from "../venues/coinbase/server-exchange.ts";
import { RtdsConnection } from "../venues/polymarket_rtds/server.ts";
import type { SpotConnection, SpotHost, SpotMarket, SpotPrint } from "../venues/server.ts";
import type { IndexPrint } from "../venues/kalshi/server-index.ts";
import { Random } from "./random.ts";

/** A source of spot prices at a path of the exchange's port. */
export interface SpotSource {
  readonly venue: string;
  connect(host: SpotHost, now: Micros): SpotConnection;
}

/** The paths under which one port serves them. */
export const SPOT_SOURCES: Readonly<Record<string, SpotSource>> = {
  "/coinbase/advanced": {
    venue: "coinbase",
    connect: (host, now) => new AdvancedConnection(host, now),
  },
  "/coinbase/exchange": {
    venue: "coinbase",
    connect: (host, now) => new ExchangeConnection(host, now),
  },
  "/polymarket/rtds": {
    venue: "polymarket_rtds",
    connect: (host, now) => new RtdsConnection(host, now),
  },
};

const UNITS = 100_000_000;
const CENT = UNITS / 100;
const SECOND = 1_000_000;
const PRINTS_KEPT = 1_000;
/** Dollars of bitcoin where no world says (a capture is played). */
const USUAL = 95_000;

/**
 * Spot trading of two products: what trades when is a function of the seed, at the price that the world's bitcoin has. It
 * takes no random numbers of the world, which therefore plays the same with or without it.
 */
export class SpotFloor {
  readonly markets: ReadonlyMap<string, SpotMarket>;
  readonly #random: Random;
  readonly #bitcoin: () => number | undefined;
  readonly #traded: (market: SpotMarket, print: SpotPrint) => void;
  readonly #published: (print: IndexPrint) => void;
  #next: Micros;
  #publishAt: Micros;
  #index: { readonly at: Micros; readonly value: Spot }[] = [];

  constructor(options: {
    readonly seed: string;
    readonly startAt: Micros;
    readonly bitcoin: () => number | undefined;
    readonly traded: (market: SpotMarket, print: SpotPrint) => void;
    /** Once a second: the index that bitcoin markets settle on. */
    readonly published: (print: IndexPrint) => void;
  }) {
    this.#random = new Random(`${options.seed}/spot`);
    this.#bitcoin = options.bitcoin;
    this.#traded = options.traded;
    this.#published = options.published;
    this.#next = options.startAt;
    this.#publishAt = Math.ceil(options.startAt / SECOND) * SECOND;
    this.markets = new Map(
      ["BTC-USD", "ETH-USD"].map((product, i) => [product, this.#market(product, i, options.startAt)]),
    );
  }

  /** Lets all trades happen that happen up to a time: some eight a second, in bursts. */
  advance(until: Micros): void {
    for (; this.#publishAt <= until; this.#publishAt += SECOND) this.#publish(this.#publishAt);
    const markets = [...this.markets.values()];
    while (this.#next <= until) {
      const market = markets[this.#random.chance(0.7) ? 0 : 1];
      if (market !== undefined) this.#trade(market, this.#next);
      this.#next += Math.max(
        1,
        Math.round(this.#random.exponential() * SECOND * (this.#random.chance(0.5) ? 0.02 : 0.23)),
      );
    }
  }

  #publish(at: Micros): void {
    const value = this.#price("BTC-USD");
    this.#published({ id: "BRTI", at, value, before: this.#index });
    this.#index = [...this.#index.slice(-59), { at, value }];
  }

  #market(product: string, index: number, at: Micros): SpotMarket {
    const first: SpotPrint = {
      id: 1_056_309_463 + index * 7,
      at,
      price: this.#price(product),
      size: UNITS,
      side: "BUY",
    };
    return {
      product,
      bid: first.price - CENT,
      bidSize: UNITS,
      ask: first.price,
      askSize: UNITS,
      volume: 3_974 * UNITS,
      sequence: 1_000 * (index + 1),
      prints: [first],
    };
  }

  #price(product: string): Spot {
    const bitcoin = this.#bitcoin() ?? USUAL;
    return Math.round((product === "BTC-USD" ? bitcoin : bitcoin / 31) * 100) * CENT;
  }

  #size(): Spot {
    return Math.max(1, Math.round(this.#random.exponential() * UNITS * 0.05));
  }

  #trade(market: SpotMarket, at: Micros): void {
    const price = this.#price(market.product);
    const side = this.#random.chance(0.5) ? "BUY" : "SELL";
    const print: SpotPrint = { id: (market.prints.at(-1)?.id ?? 0) + 1, at, price, size: this.#size(), side };
    market.prints.push(print);
    if (market.prints.length > PRINTS_KEPT) market.prints.splice(0, PRINTS_KEPT / 10);
    market.bid = side === "SELL" ? price : price - CENT;
    market.ask = side === "SELL" ? price + CENT : price;
    market.bidSize = this.#size();
    market.askSize = this.#size();
    market.volume += print.size;
    market.sequence += this.#random.int(1, 40);
    this.#traded(market, print);
  }
}
