import assert from "node:assert/strict";
import { test } from "node:test";
import { startExchange } from "../exchange/exchange.ts";
import { exchange as http } from "../net/http.ts";
import { kalshiConfig } from "../venues/kalshi/config.ts";
import { kalshiLive } from "../venues/kalshi/live.ts";
import { polymarketConfig } from "../venues/polymarket/config.ts";
import { polymarketLive } from "../venues/polymarket/live.ts";
import type { HttpRequest, ListenerFilters } from "../venues/venue.ts";
import { Pace, runPlan } from "./run-plan.ts";

const signal = AbortSignal.timeout(60_000);
const fetcher = {
  async fetch({ method, url, body, headers }: HttpRequest) {
    const answer = await http({ method, url, body, headers, timeoutMs: 5_000, maxBytes: 1e8, signal });
    return { ...answer, body: answer.body.toString(), costMs: 0 };
  },
};
const options = { fetcher, config: { reconnect_min: 1_000, reconnect_max: 10_000 }, pace: new Pace(1) };
const LISTENER: ListenerFilters = { name: "all", channels: ["book"], maxMarkets: 100, filters: {} };

for (const venue of ["kalshi", "polymarket"] as const) {
  test(`${venue}: a market that closed is followed until it is settled, one that is open is let go`, async () => {
    await using exchange = await startExchange({ keyType: "ed25519", markets: 12, rate: 50, speed: 40 });
    const live =
      venue === "kalshi"
        ? kalshiLive(kalshiConfig.parse({ rest_url: exchange.kalshi.rest_url }))
        : polymarketLive(polymarketConfig.parse(exchange.polymarket));
    const discovery = live.discovery(LISTENER, { now: exchange.now, since: null, scope: "all", named: [] });
    await runPlan(discovery, options, signal);
    const markets = discovery.markets.map(({ market }) => market);
    assert.ok(markets.length > 1);
    const settlements = live.rest.settlements(LISTENER);
    while (settlements.settled === 0) {
      signal.throwIfAborted();
      settlements.follow(markets, exchange.now);
      await runPlan(settlements.plan(exchange.now), options, signal);
    }
    assert.ok(settlements.pending.size < markets.length - 1, "those that are open are not followed");
  });
}

test("kalshi: what closed before the program started is found by listing it", async () => {
  await using exchange = await startExchange({ keyType: "ed25519", markets: 12, rate: 50, speed: 20 });
  const live = kalshiLive(kalshiConfig.parse({ rest_url: exchange.kalshi.rest_url }));
  const closed = async () => {
    const answer = await fetch(`${exchange.kalshi.rest_url}/markets?status=closed`);
    return ((await answer.json()) as { markets: { ticker: string }[] }).markets.map(({ ticker }) => ticker);
  };
  while (!signal.aborted && (await closed()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const settlements = live.rest.settlements(LISTENER);
  await runPlan(settlements.plan(exchange.now), options, signal);
  assert.ok(settlements.pending.size + settlements.settled > 0);
});
