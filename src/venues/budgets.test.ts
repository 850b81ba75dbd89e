import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { KalshiBudget } from "./kalshi/budget.ts";
import { PolymarketBudget } from "./polymarket/budget.ts";
import { polymarketConfig } from "./polymarket/config.ts";
import type { HttpRequest } from "./venue.ts";

const get = (url: string): HttpRequest => ({ method: "GET", url, purpose: "test" });
const KALSHI = "https://external-api.kalshi.com/trade-api/v2";

test("Kalshi: Basic is assumed until the venue says what is so; the key's bucket is not the address's", () => {
  const { privateKey: key } = generateKeyPairSync("ed25519");
  const budget = new KalshiBudget(KALSHI, 0.5, { id: "abc", key });
  const request = get(`${KALSHI}/markets?limit=5`);
  const [assumed] = budget.charges(request, true);
  assert.deepEqual([assumed?.tokens, assumed?.limit.perSecond, assumed?.limit.capacity], [10, 100, 200]);
  const [limits, costs] = budget.questions;
  assert.ok(limits !== undefined && costs !== undefined);
  const told = { usage_tier: "premier", read: { refill_rate: 1000, bucket_capacity: 1000 }, write: {} };
  assert.deepEqual(budget.learn(limits, 200, JSON.stringify(told)), {
    tier: "premier",
    read: { refill: 1000, capacity: 1000 },
    share: 0.5,
  });
  const [learned] = budget.charges(request, true);
  assert.deepEqual([learned?.limit.perSecond, learned?.limit.capacity, learned?.limit.learned], [500, 500, true]);
  const [open] = budget.charges(request, false);
  assert.equal(open?.limit.perSecond, 100);
  assert.notEqual(open?.limit.name, learned?.limit.name);
  assert.ok(!JSON.stringify(learned).includes("abc"), "no key id in the store");
  assert.deepEqual(Object.keys(budget.sign?.(request, 1_000_000) ?? {}), [
    "KALSHI-ACCESS-KEY",
    "KALSHI-ACCESS-TIMESTAMP",
    "KALSHI-ACCESS-SIGNATURE",
  ]);
});

test("Kalshi: exceptions among the costs count, whichever way their parameters are written", () => {
  const budget = new KalshiBudget(KALSHI, 1, null);
  const [costs] = budget.questions;
  assert.equal(budget.questions.length, 1, "without a key only what is open is asked");
  assert.ok(costs !== undefined);
  const told = {
    default_cost: 12,
    endpoint_costs: [
      { method: "GET", path: "/trade-api/v2/cfbenchmarks/:index", cost: 50 },
      { method: "GET", path: "/markets/{ticker}/orderbook", cost: 3 },
      { method: "POST", path: "/markets", cost: 1 },
      { method: "GET", path: "/broken", cost: -1 },
    ],
  };
  assert.deepEqual(budget.learn(costs, 200, JSON.stringify(told)), { defaultCost: 12, exceptions: 3 });
  const cost = (path: string) => budget.charges(get(KALSHI + path), false)[0]?.tokens;
  assert.deepEqual(
    ["/cfbenchmarks/BRTI?x=1", "/markets/KX.A/orderbook", "/markets/KXA", "/markets"].map(cost),
    [50, 3, 12, 12],
  );
  for (const [status, body] of [
    [500, "{}"],
    [200, "<html>"],
    [200, "[]"],
    [200, '{"default_cost":"10"}'],
  ] as const) {
    assert.equal(budget.learn(costs, status, body), null);
  }
  assert.equal(cost("/markets"), 12, "what cannot be used changes nothing");
});

test("Polymarket: each route's limit and its service's, at our share of every window of ten seconds", () => {
  const budget = new PolymarketBudget(polymarketConfig.parse({ rate_share: 0.5 }));
  const limits = (url: string) => budget.charges(get(url)).map(({ limit }) => limit);
  assert.deepEqual(
    limits("https://gamma-api.polymarket.com/markets/keyset?limit=100").map(({ name }) => name),
    ["gamma-api.polymarket.com/markets", "gamma-api.polymarket.com/listings", "gamma-api.polymarket.com/all"],
  );
  assert.deepEqual(
    limits("https://clob.polymarket.com/books").map(({ name }) => name.split("/")[1]),
    ["books", "all"],
  );
  assert.deepEqual(limits("https://elsewhere.example/x"), []);
  const [trades] = limits("https://data-api.polymarket.com/trades?market=0x1");
  assert.ok(trades !== undefined);
  const inTheWindow = trades.capacity + 10 * trades.perSecond;
  assert.ok(Math.abs(inTheWindow - 0.5 * 200) < 1e-9, String(inTheWindow));
});
