import { type Millionths, ONE } from "../model/decimal.ts";
import type { Micros } from "../model/time.ts";
import type { KalshiMarket } from "../venues/kalshi/server-market.ts";
import type { PolymarketMarket } from "../venues/polymarket/server-market.ts";
import type { Exhibit, Happening, Trade, TradedMarket } from "../venues/server.ts";
import type { Actor, Audience } from "./actor.ts";
import { Agenda } from "./agenda.ts";
import { KALSHI_GRIDS, uniformGrid } from "./grid.ts";
import { bitcoinWindow, listKalshi } from "./kalshi-listing.ts";
import type { Play } from "./play.ts";
import { listPolymarket, upDownWindow } from "./polymarket-listing.ts";
import { Random } from "./random.ts";
import { setStage, type Stage } from "./stage.ts";
import { act, fillBook, type Floor, strip } from "./trading.ts";

export interface WorldOptions {
  readonly seed: string;
  /** Virtual time of the beginning, microseconds. */
  readonly startAt: Micros;
  readonly kalshiMarkets: number;
  readonly polymarketMarkets: number;
  /** Book changes and trades per virtual second, both venues together. */
  readonly rate: number;
  /** When, after the start, a market is created, opens, changes its grid, is paused, closes. Microseconds. */
  readonly script: Script;
}

export interface Script {
  readonly createdAfter: Micros;
  readonly opensAfter: Micros;
  readonly regridAfter: Micros;
  readonly pausesAfter: Micros;
  readonly closesAfter: Micros;
}

const SECOND = 1_000_000;
const WINDOW = 900 * SECOND;
const TRADES_KEPT = 20_000;

export const DEFAULT_SCRIPT: Script = {
  createdAfter: 5 * SECOND,
  opensAfter: 12 * SECOND,
  regridAfter: 20 * SECOND,
  pausesAfter: 24 * SECOND,
  closesAfter: 30 * SECOND,
};

type Fact = Happening<TradedMarket> extends infer H ? (H extends unknown ? Omit<H, "at" | "market"> : never) : never;

/**
 * The market behind the built-in exchange. What happens, and when in virtual time, is a function of the options
 * alone: it does not matter in which steps time is advanced or who listens. It knows no wall clock.
 */
export class World implements Play {
  readonly kalshi: Exhibit<KalshiMarket>;
  readonly polymarket: Exhibit<PolymarketMarket>;
  /** Virtual time up to which everything has happened. */
  now: Micros;
  readonly #kalshiMarkets = new Map<string, KalshiMarket>();
  readonly #kalshiTrades: { market: KalshiMarket; trade: Trade }[] = [];
  readonly #polymarketMarkets = new Map<string, PolymarketMarket>();
  readonly #polymarketTrades: { market: PolymarketMarket; trade: Trade }[] = [];
  readonly #audience: Audience;
  readonly #rate: number;
  readonly #random: Random;
  readonly #stage: Stage;
  readonly #agenda = new Agenda();
  readonly #moved = new Set<Actor>();
  #trading: Actor[] = [];
  #weights: number[] = [];
  #weight = 0;

  constructor(options: WorldOptions, audience: Audience) {
    this.kalshi = { markets: this.#kalshiMarkets, trades: this.#kalshiTrades };
    this.polymarket = { markets: this.#polymarketMarkets, trades: this.#polymarketTrades };
    this.#audience = audience;
    this.#rate = options.rate;
    this.#random = new Random(`${options.seed}/world`);
    this.#stage = setStage(this.#random, options.startAt);
    this.now = options.startAt;
    const { script, startAt } = options;
    const closesAt = startAt + script.closesAfter;
    const kalshi = listKalshi(this.#stage, options.kalshiMarkets, closesAt);
    const polymarket = listPolymarket(this.#stage, options.polymarketMarkets, closesAt);
    for (const actor of [...kalshi, ...polymarket]) this.#enter(actor);
    for (const make of [bitcoinWindow, upDownWindow]) {
      this.#agenda.add(startAt + script.createdAfter, () =>
        this.#create(make, startAt + script.opensAfter, closesAt + WINDOW),
      );
    }
    const regridded = [kalshi.at(-1), polymarket[1]].filter((actor) => actor !== undefined);
    this.#agenda.add(startAt + script.regridAfter, () => regridded.forEach((actor) => this.#regrid(actor)));
    const paused = kalshi[3];
    if (paused !== undefined) this.#agenda.add(startAt + script.pausesAfter, () => this.#pause(paused));
    this.#agenda.add(startAt + SECOND, () => this.#pulse());
    this.#agenda.add(startAt + 1, () => this.#burst());
  }

  /** Dollars that a bitcoin costs now. */
  get bitcoin(): number {
    return this.#stage.bitcoin.value;
  }

  /** Lets everything happen that happens up to a virtual time. */
  advance(until: Micros): void {
    for (let due = this.#agenda.take(until); due !== null; due = this.#agenda.take(until)) {
      this.now = Math.max(this.now, due.at);
      due.run();
    }
    this.now = Math.max(this.now, until);
  }

  #tell(actor: Actor, fact: Fact): void {
    // One object per happening: the market's type follows from the venue, which TypeScript cannot see in a spread.
    if (actor.venue === "kalshi") this.#audience.kalshi({ at: this.now, market: actor.market, ...fact });
    else this.#audience.polymarket({ at: this.now, market: actor.market, ...fact });
  }

  /** Lists a market that exists when the session begins. */
  #enter(actor: Actor): void {
    if (actor.venue === "kalshi") this.#kalshiMarkets.set(actor.market.id, actor.market);
    else this.#polymarketMarkets.set(actor.market.id, actor.market);
    if (actor.market.openAt <= this.now) {
      actor.market.stage = "open";
      actor.onOpen?.();
      fillBook(actor, this.now, this.#random, null);
      actor.market.bookAt = this.now;
      actor.market.last = { price: actor.bids.prices.at(-1) ?? ONE / 2, size: 10 * ONE, outcome: 0 };
      this.#setTrading([...this.#trading, actor]);
      actor.market.openInterest = this.#random.int(100, 400_000) * ONE;
      actor.market.volume = actor.market.openInterest * 2;
    } else this.#agenda.add(actor.market.openAt, () => this.#open(actor));
    this.#agenda.add(actor.market.closeAt, () => this.#close(actor));
  }

  #create(make: typeof bitcoinWindow, openAt: Micros, closeAt: Micros): void {
    const actor = make(this.#stage, { createdAt: this.now, openAt, closeAt });
    this.#enter(actor);
    this.#tell(actor, { kind: "created", newEvent: true });
  }

  #open(actor: Actor): void {
    this.#walk();
    actor.market.stage = "open";
    this.#tell(actor, { kind: "opened" });
    actor.onOpen?.();
    actor.market.updatedAt = this.now;
    if (actor.onOpen !== null) this.#tell(actor, { kind: "described" });
    this.#setTrading([...this.#trading, actor]);
    fillBook(actor, this.now, this.#random, this.#floor(actor));
  }

  #close(actor: Actor): void {
    const random = this.#random;
    this.#walk();
    this.#setTrading(this.#trading.filter((other) => other !== actor));
    // On Kalshi orders may still be there when the venue empties the book (seen on the wire, May 2026).
    strip(actor, this.#floor(actor), actor.venue === "kalshi" && random.chance(0.2) ? 5 : 0);
    actor.market.stage = "closed";
    this.#tell(actor, { kind: "closed" });
    const clear = () => {
      actor.bids.clear();
      actor.asks.clear();
      actor.market.bookAt = this.now;
      this.#tell(actor, { kind: "cleared" });
    };
    const clearedAt = this.now + random.int(5, 12) * SECOND + random.int(0, SECOND);
    this.#agenda.add(clearedAt, clear);
    if (random.chance(0.5)) this.#agenda.add(clearedAt + random.int(1, 12) * SECOND, clear);
    this.#agenda.add(this.now + random.int(14, 20) * SECOND, () => this.#determine(actor));
    if (!actor.recurring) return;
    const make = actor.venue === "kalshi" ? bitcoinWindow : upDownWindow;
    this.#agenda.add(this.now + WINDOW / 2, () =>
      this.#create(make, actor.market.closeAt + WINDOW, actor.market.closeAt + 2 * WINDOW),
    );
  }

  #determine(actor: Actor): void {
    actor.market.stage = "determined";
    actor.market.winner = actor.decide();
    actor.market.determinedAt = this.now;
    actor.market.updatedAt = this.now;
    if (actor.venue === "kalshi") actor.market.expirationValue = actor.valueText();
    this.#tell(actor, { kind: "determined" });
    this.#agenda.add(this.now + this.#random.int(3, 6) * SECOND, () => {
      actor.market.stage = "settled";
      actor.market.settledAt = this.now;
      this.#tell(actor, { kind: "settled" });
    });
  }

  /** Kalshi cancels all resting orders when a market that was deactivated is activated again. */
  #pause(actor: Actor): void {
    if (actor.market.stage !== "open") return;
    actor.market.stage = "paused";
    this.#setTrading(this.#trading.filter((other) => other !== actor));
    this.#tell(actor, { kind: "paused" });
    this.#agenda.add(this.now + 3 * SECOND, () => {
      if (actor.market.stage !== "paused") return;
      strip(actor, this.#floor(actor), 0);
      actor.market.stage = "open";
      this.#tell(actor, { kind: "resumed" });
      this.#setTrading([...this.#trading, actor]);
      this.#walk();
      fillBook(actor, this.now, this.#random, this.#floor(actor));
    });
  }

  #regrid(actor: Actor): void {
    if (actor.market.stage !== "open") return;
    const before = actor.market.ticks;
    actor.market.updatedAt = this.now;
    if (actor.venue === "kalshi") {
      actor.market.structure = "tapered_deci_cent";
      actor.market.ticks = KALSHI_GRIDS.tapered_deci_cent;
    } else actor.market.ticks = uniformGrid(ONE / 1000);
    this.#tell(actor, { kind: "regridded", before });
  }

  /** Once a second: the quotes of the markets that moved. */
  #pulse(): void {
    for (const actor of this.#moved) this.#tell(actor, { kind: "quote" });
    this.#moved.clear();
    this.#agenda.add(this.now + SECOND, () => this.#pulse());
  }

  #burst(): void {
    const random = this.#random;
    this.#walk();
    let u = random.next() * this.#weight;
    const index = this.#weights.findIndex((weight) => (u -= weight) < 0);
    const actor = this.#trading[index];
    let count = 1;
    if (actor !== undefined) {
      count = 0;
      act(
        actor,
        this.now,
        random,
        this.#floor(actor, () => count++),
      );
    }
    // Gaps in proportion to what the burst sent keep the mean rate exact; a long tail makes the stream bursty.
    const gap = (Math.max(count, 1) * SECOND * random.exponential()) / this.#rate;
    this.#agenda.add(this.now + Math.max(1, Math.round(random.chance(0.5) ? gap * 0.2 : gap * 1.8)), () =>
      this.#burst(),
    );
  }

  #walk(): void {
    for (const underlying of this.#stage.underlyings) underlying.advance(this.now);
  }

  #floor(actor: Actor, count?: () => void): Floor {
    const random = this.#random;
    return {
      changed: (changes, entered) => {
        this.#moved.add(actor);
        actor.market.bookAt = this.now;
        count?.();
        this.#tell(actor, { kind: "change", changes, entered });
        this.now += random.int(1, 9);
      },
      traded: (price, size, taker, outcome) => {
        count?.();
        this.#trade(actor, price, size, taker, outcome);
      },
    };
  }

  #trade(actor: Actor, price: Millionths, size: Millionths, taker: 0 | 1, outcome: 0 | 1): void {
    const random = this.#random;
    const { market } = actor;
    market.volume += size;
    market.openInterest += random.chance(0.6) ? size : -Math.min(size, market.openInterest);
    const trade: Trade = { id: random.uuid(), at: this.now, price, size, taker, outcome, hash: `0x${random.hex(64)}` };
    if (actor.venue === "kalshi") keep(this.#kalshiTrades, { market: actor.market, trade });
    else keep(this.#polymarketTrades, { market: actor.market, trade });
    this.#tell(actor, { kind: "trade", trade });
    this.#agenda.add(this.now + random.int(50_000, 250_000), () => this.#tell(actor, { kind: "print", trade }));
  }

  #setTrading(actors: Actor[]): void {
    this.#trading = actors;
    this.#weights = actors.map((actor) => actor.weight);
    this.#weight = this.#weights.reduce((sum, weight) => sum + weight, 0);
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > TRADES_KEPT) list.splice(0, TRADES_KEPT / 10);
}
