import assert from "node:assert/strict";
import { test } from "node:test";
import type { Channel, Step, WantedMarket } from "../venue.ts";
import { coinbaseConfig } from "./config.ts";
import { coinbaseLive } from "./live.ts";
import { advanced, ticker } from "./scenario.fixture.ts";
import { CoinbaseSession } from "./session.ts";
import { dialects } from "./wire.ts";

const SECOND = 1_000_000;
const START = 1_000 * SECOND;

function wanted(channels: readonly Channel[], ...products: readonly string[]): WantedMarket[] {
  return products.map((market) => ({
    venue: "coinbase",
    market,
    outcomes: [],
    listener: "spot",
    channels,
    closeAt: null,
  }));
}

function session(products: readonly WantedMarket[], feed: "advanced" | "exchange" = "advanced"): CoinbaseSession {
  return new CoinbaseSession(products, dialects[feed], 5 * SECOND);
}

const bytes = (frame: unknown): Buffer => Buffer.from(JSON.stringify(frame));
const sent = (step: Step | null): unknown[] => (step?.send ?? []).map((text) => JSON.parse(text) as unknown);
const ack = (n: number, subscriptions: object): Buffer => bytes(advanced("subscriptions", n, [{ subscriptions }]));

test("it subscribes at once, one channel a command, heartbeats always, trades where wanted", () => {
  assert.deepEqual(sent(session(wanted(["ticker", "trades"], "BTC-USD", "ETH-USD")).open(START)), [
    { type: "subscribe", channel: "ticker", product_ids: ["BTC-USD", "ETH-USD"] },
    { type: "subscribe", channel: "market_trades", product_ids: ["BTC-USD", "ETH-USD"] },
    { type: "subscribe", channel: "heartbeats" },
  ]);
  assert.deepEqual(sent(session(wanted(["ticker", "book"], "BTC-USD"), "exchange").open(START)), [
    { type: "subscribe", product_ids: ["BTC-USD"], channels: ["ticker"] },
    { type: "subscribe", product_ids: ["BTC-USD"], channels: ["heartbeat"] },
  ]);
});

test("an acknowledgement that lacks a product is a decision and a warning; aliases are no lack", () => {
  const live = session(wanted(["ticker"], "BTC-USDC", "NOPE"));
  live.open(START);
  assert.equal(live.receive(bytes(ticker(0)), START), null);
  const step = live.receive(ack(1, { ticker: ["BTC-USD"] }), START);
  assert.deepEqual(step?.decisions, [
    { type: "command-refused", channel: "ticker", markets: ["NOPE"], reason: "left out of the acknowledgement" },
  ]);
  assert.match(step?.warnings?.[0] ?? "", /does not send ticker of NOPE/);
  const beats = live.receive(ack(2, { ticker: ["BTC-USD"], heartbeats: ["heartbeats"] }), START);
  assert.deepEqual([beats?.decisions, beats?.send], [[], []]);
  // It is not asked for again and again.
  assert.equal(live.want(wanted(["ticker"], "BTC-USDC", "NOPE"), START), null);
  assert.deepEqual(sent(live.want(wanted(["ticker"], "BTC-USDC", "ETH-USD"), START)), [
    { type: "subscribe", channel: "ticker", product_ids: ["ETH-USD"] },
  ]);
});

test("the Exchange feed refuses a command for one product: the others are asked for again", () => {
  const live = session(wanted(["ticker"], "BTC-USD", "NOPE-X"), "exchange");
  live.open(START);
  const error = { type: "error", message: "Failed to subscribe", reason: "NOPE-X is not a valid product" };
  const step = live.receive(bytes(error), START);
  assert.deepEqual(sent(step), [{ type: "subscribe", product_ids: ["BTC-USD"], channels: ["ticker"] }]);
  assert.equal(step?.decisions?.[0]?.type, "command-refused");
  assert.match(step?.warnings?.[0] ?? "", /refuses ticker of NOPE-X: Failed to subscribe: NOPE-X/);
});

test("a jump of the numbers is a decision, and trades are asked for again from their latest ones", () => {
  const live = session(wanted(["ticker", "trades"], "BTC-USD"));
  live.open(START);
  live.receive(ack(0, { ticker: ["BTC-USD"] }), START);
  live.receive(ack(1, { ticker: ["BTC-USD"], market_trades: ["BTC-USD"] }), START);
  live.receive(ack(2, { ticker: ["BTC-USD"], market_trades: ["BTC-USD"], heartbeats: ["heartbeats"] }), START);
  const before = live.commands();
  const step = live.receive(bytes(ticker(5)), START);
  assert.deepEqual(step?.decisions, [{ type: "resync", reason: "sequence", expected: 3, got: 5 }]);
  assert.deepEqual(sent(step), [
    { type: "unsubscribe", channel: "market_trades", product_ids: ["BTC-USD"] },
    { type: "subscribe", channel: "market_trades", product_ids: ["BTC-USD"] },
  ]);
  assert.equal(live.receive(bytes(ticker(5)), START), null);
  assert.equal(live.receive(bytes(ticker(6)), START), null);
  // What is in force does not grow with every loss.
  assert.equal(live.commands().length, before.length);
});

test("silence: stale after five seconds, given up after ten; any frame ends it", () => {
  const live = session(wanted(["ticker"], "BTC-USD"));
  assert.equal(live.open(START).wakeAt, START + 5 * SECOND);
  live.receive(ack(0, { ticker: ["BTC-USD"] }), START + SECOND);
  live.receive(ack(1, { heartbeats: ["heartbeats"] }), START + SECOND);
  let step = live.wake(START + 5 * SECOND);
  assert.deepEqual([step?.decisions, step?.wakeAt], [[], START + 6 * SECOND]);
  step = live.wake(START + 6 * SECOND);
  assert.deepEqual(step?.decisions, [{ type: "stale", silentFor: 5 * SECOND }]);
  assert.equal(step?.wakeAt, START + 11 * SECOND);
  assert.equal(live.receive(bytes(advanced("heartbeats", 2, [])), START + 7 * SECOND), null);
  step = live.wake(START + 11 * SECOND);
  assert.deepEqual([step?.decisions, step?.close], [[], undefined]);
  live.wake(START + 12 * SECOND);
  step = live.wake(START + 17 * SECOND);
  assert.deepEqual([step?.decisions, step?.close], [[{ type: "stall", silentFor: 10 * SECOND }], "stall"]);
});

test("a command without an answer ends the connection", () => {
  const live = session(wanted(["ticker"], "BTC-USD"));
  live.open(START);
  for (let at = START + SECOND; at < START + 10 * SECOND; at += SECOND) live.receive(bytes(ticker(at)), at);
  assert.match(live.wake(START + 10 * SECOND)?.close ?? "", /no answer to subscribe of ticker/);
});

test("products come from the listener, else from the configuration; each once, the most wanted first", () => {
  const live = coinbaseLive(coinbaseConfig.parse({ products: ["BTC-USD", "ETH-USD", "BTC-USDC"] }));
  const found = (products: readonly string[], maxMarkets = 10) => {
    const listener = { name: "spot", channels: ["ticker"] as const, maxMarkets, filters: { products } };
    const discovery = live.discovery(listener, { now: START, since: null, scope: "all", named: [] });
    assert.equal(discovery.next(), null);
    return [discovery.markets.map(({ market }) => market), discovery.leftOut];
  };
  assert.deepEqual(found([]), [["BTC-USD", "ETH-USD"], 0]);
  assert.deepEqual(found(["SOL-USD", "SOL-USDC", "XRP-USD"], 1), [["SOL-USD"], 1]);
});

test("heartbeats are no sign that data flows", () => {
  const { isKeepAlive } = coinbaseLive(coinbaseConfig.parse({}));
  assert.equal(isKeepAlive(bytes(advanced("heartbeats", 4, []))), true);
  assert.equal(isKeepAlive(bytes({ type: "heartbeat", sequence: 1 })), true);
  assert.equal(isKeepAlive(bytes(ticker(4))), false);
});
