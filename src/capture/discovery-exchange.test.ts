import assert from "node:assert/strict";
import { test } from "node:test";
import { listKalshi } from "../exchange/kalshi-listing.ts";
import { Random } from "../exchange/random.ts";
import { setStage } from "../exchange/stage.ts";
import { DEFAULT_SCRIPT, type Script, World } from "../exchange/world.ts";
import type { Micros } from "../model/time.ts";
import { kalshiConfig } from "../venues/kalshi/config.ts";
import { kalshiLive } from "../venues/kalshi/live.ts";
import type { KalshiMarket } from "../venues/kalshi/server-market.ts";
import { KalshiRest } from "../venues/kalshi/server-rest.ts";
import { polymarketConfig } from "../venues/polymarket/config.ts";
import { polymarketLive } from "../venues/polymarket/live.ts";
import { GammaRest } from "../venues/polymarket/server-gamma.ts";
import type { HttpRequest, LiveVenue } from "../venues/venue.ts";
import type { Listener } from "./listener.ts";
import { ListenerWatch } from "./listener-watch.ts";

const SECOND: Micros = 1_000_000;
const START = 1_795_000_000 * SECOND;
/** The Basic tier allows 20 requests a second (docs.kalshi.com, rate limits). */
const HALF_OF_BASIC = 10;

/** What venue and listener share in a rehearsal. */
function world(markets: { kalshi?: number; polymarket?: number }, script: Partial<Script> = {}): World {
  const { kalshi = 0, polymarket = 0 } = markets;
  return new World(
    {
      seed: "discovery",
      startAt: START,
      kalshiMarkets: kalshi,
      polymarketMarkets: polymarket,
      rate: 1,
      script: { ...DEFAULT_SCRIPT, ...script },
    },
    { kalshi: () => {}, polymarket: () => {} },
  );
}

/** A venue's REST side and our discovery of it, in virtual time: every request takes its share of the budget. */
class Rehearsal {
  readonly #advances: (to: Micros) => void;
  readonly #kalshi: KalshiRest;
  readonly #gamma: GammaRest;
  readonly #live: LiveVenue;
  readonly #listener: Listener;
  readonly watch: ListenerWatch;
  #now: Micros = START + 1;
  /** Every request, with the virtual second in which it was answered. */
  readonly requests: { readonly at: number; readonly path: string }[] = [];
  /** What became of markets: `+` wanted, `-` wanted no more, and why. */
  readonly log: { readonly at: number; readonly market: string; readonly change: string }[] = [];

  constructor(
    played: Pick<World, "kalshi" | "polymarket" | "advance">,
    listener: Partial<Listener> & Pick<Listener, "venue">,
  ) {
    this.#advances = (to) => played.advance(to);
    this.#kalshi = new KalshiRest(played.kalshi, START);
    this.#gamma = new GammaRest(played.polymarket);
    this.#live =
      listener.venue === "kalshi"
        ? kalshiLive(kalshiConfig.parse({ rest_url: "http://kalshi" }))
        : polymarketLive(polymarketConfig.parse({ gamma_url: "http://gamma" }));
    const base = {
      name: "l",
      channels: ["book"],
      filters: {},
      maxMarkets: 100_000,
      discoveryEvery: 300 * SECOND,
    } as const;
    this.#listener = { ...base, ...listener };
    this.watch = new ListenerWatch({
      every: this.#listener.discoveryEvery,
      wholeEvery: 3_600 * SECOND,
      random: () => 0.5,
    });
  }

  get second(): number {
    return (this.#now - START) / SECOND;
  }

  /** Plays until this many seconds after the start. */
  run(until: number): this {
    while (this.second < until) {
      this.#advance(Math.max(this.#now, Math.min(START + until * SECOND, this.watch.at)));
      const task = this.watch.take(this.#now);
      if (task === null) continue;
      const discovery = this.#live.discovery(this.#listener, this.watch.round(task, this.#now));
      let count = 0;
      for (let request = discovery.next(); request !== null; request = discovery.next(), count++) {
        this.#advance(this.#now + SECOND / HALF_OF_BASIC);
        const { status, body } = this.#answer(request);
        discovery.read(status, JSON.stringify(body));
      }
      const { added, removed } = this.watch.listed(task, discovery, count, this.#now);
      for (const { market } of added) this.log.push({ at: this.second, market, change: "+" });
      for (const [why, names] of removed)
        for (const market of names) this.log.push({ at: this.second, market, change: `- ${why}` });
    }
    return this;
  }

  announce(market: string): void {
    this.watch.announced(market, this.#now);
  }

  #advance(to: Micros): void {
    this.#now = to;
    this.#advances(to);
  }

  #answer({ url, method }: HttpRequest) {
    const { host, pathname: path, searchParams: query } = new URL(url);
    this.requests.push({ at: this.second, path: `${path}?${query.toString()}` });
    const request = { method, path, query, body: "" };
    return host === "kalshi" ? this.#kalshi.answer(request, this.#now) : this.#gamma.answer(request);
  }
}

test("20,000 markets are found from nothing in a part of the minute, within half the Basic rate limit", () => {
  // A listing without books: nobody trades here.
  const markets = new Map<string, KalshiMarket>();
  for (const actor of listKalshi(setStage(new Random("discovery"), START), 20_000, START + 900 * SECOND)) {
    if (actor.venue !== "kalshi") continue;
    actor.market.stage = "open";
    markets.set(actor.market.id, actor.market);
  }
  const exchange = { kalshi: { markets, trades: [] }, polymarket: { markets: new Map(), trades: [] }, advance() {} };
  for (const [filters, most] of [
    [{}, 40],
    [{ strike_periods: ["hour", "day"] }, 15],
  ] as const) {
    const rehearsal = new Rehearsal(exchange, { venue: "kalshi", filters }).run(30);
    assert.ok(rehearsal.watch.markets.size > 19_900, `${rehearsal.watch.markets.size}`);
    assert.ok(rehearsal.requests.length <= most, `${rehearsal.requests.length} requests`);
    // What is left of the minute is for the subscriptions, which cost no requests.
    assert.ok((rehearsal.log[0]?.at ?? Infinity) < 10, `found after ${rehearsal.log[0]?.at} s`);
  }
});

test("a recurring market: the next one is wanted before it opens, the old one until its result is known", () => {
  const script = { createdAfter: 45 * SECOND, opensAfter: 110 * SECOND, closesAfter: 100 * SECOND };
  for (const [venue, filters] of [
    ["kalshi", { series_tickers: ["KXBTC15M"] }],
    ["polymarket", { slug_patterns: ["btc-updown-15m"] }],
  ] as const) {
    const { log, requests } = new Rehearsal(world({ [venue]: 60 }, script), { venue, filters }).run(400);
    const [first, next, gone] = log;
    assert.deepEqual([first?.change, next?.change, gone?.change, gone?.market], ["+", "+", "- settled", first?.market]);
    assert.ok((next?.at ?? Infinity) < 110, `the next window opens at 110 s, it was found at ${next?.at} s`);
    assert.ok((gone?.at ?? 0) >= 160, `the last frames come until 60 s after the close at 100 s: ${gone?.at}`);
    assert.ok(requests.length <= 15, `${requests.length} requests`);
  }
});

test("an announced market is asked for by name until it is listed, and then no more", () => {
  const script = { createdAfter: 20.05 * SECOND, opensAfter: 60 * SECOND };
  const filters = { series_tickers: ["KXBTC15M", "KXBTCD", "KXHIGHNY", "KXNFLGAME"] };
  const played = world({ kalshi: 60 }, script);
  const rehearsal = new Rehearsal(played, { venue: "kalshi", filters }).run(20);
  const before = new Set(played.kalshi.markets.keys());
  const count = rehearsal.requests.length;
  rehearsal.run(20.1);
  const created = [...played.kalshi.markets.keys()].find((name) => !before.has(name)) ?? "";
  assert.notEqual(created, "");
  rehearsal.announce(created);
  rehearsal.announce(created);
  rehearsal.announce("KXBTC15M-NEVER-T1");
  rehearsal.run(59);
  assert.ok(rehearsal.log.some(({ market, at }) => market === created && at > 20 && at < 25));
  const asked = rehearsal.requests.slice(count).filter(({ path }) => path.includes("tickers="));
  const times = (name: string) => asked.filter(({ path }) => path.includes(name)).length;
  // Once before REST lists it (half a second after the announcement), once after, and for its event's facts.
  assert.ok(times(created) <= 3, JSON.stringify(asked));
  assert.ok(times("NEVER") >= 4 && times("NEVER") <= 8, `${times("NEVER")} times within 40 s, ever more seldom`);
});

test("a whole exchange's list is read once an hour; in between, what changed", () => {
  const played = world({ kalshi: 4_500 }, { closesAfter: 7_000 * SECOND });
  const { requests, watch } = new Rehearsal(played, { venue: "kalshi" }).run(3_000);
  const whole = requests.filter(({ path }) => path.includes("min_close_ts"));
  const changes = requests.filter(({ path }) => path.includes("min_updated_ts"));
  assert.equal(whole.length, 5, "pages of the one whole listing");
  assert.ok(changes.length >= 9 && changes.length <= 40, `${changes.length}`);
  assert.ok(watch.markets.size >= 4_500);
});
