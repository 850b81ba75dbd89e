import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MarketEvent } from "../../model/events.ts";
import { parseTime } from "../../model/time.ts";
import { advanced, exchange, lines, Scenario, ticker, trades } from "./scenario.fixture.ts";

const subscribe = (channel: string, ...product_ids: string[]) => ({ type: "subscribe", channel, product_ids });
const types = (events: readonly MarketEvent[]) => events.map(({ type }) => type);
const of = <T extends MarketEvent["type"]>(events: readonly MarketEvent[], type: T) =>
  events.filter((event): event is Extract<MarketEvent, { type: T }> => event.type === type);

test("frames of Advanced Trade as captured: prices, acknowledgements after them, the number that is missing", () => {
  const scenario = new Scenario();
  const frames = lines("advanced-2026.jsonl");
  scenario.open(1);
  scenario.send(1, subscribe("ticker", "BTC-PERP-INTX", "ETH-PERP-INTX"));
  scenario.send(1, { type: "subscribe", channel: "heartbeats" });
  const [tick, subscription] = scenario.frame(1, frames[0]).toReversed();
  assert.deepEqual(tick, {
    type: "spot_tick",
    venue: "coinbase",
    product: "BTC-PERP-INTX",
    ts: parseTime("2026-09-05T22:10:29.562008Z"),
    price: 7_987_910_000_000,
    bid: 7_987_900_000_000,
    bidSize: 293_520_000,
    ask: 7_987_910_000_000,
    askSize: 173_890_000,
    volume24h: 1_415_268_990_000,
    sequence: 0,
    isStale: false,
  });
  assert.ok(subscription?.type === "subscription" && subscription.acknowledgedAt === null);
  const [gap, ...acknowledged] = scenario.frame(1, frames[1]);
  assert.ok(gap?.type === "gap_opened" && gap.cause === "sequence" && gap.confidence === "proven");
  assert.deepEqual(gap.evidence, { expected: 1, got: 2, lost: 1 });
  assert.ok(gap.from !== null && gap.to !== null && gap.from < gap.to);
  assert.deepEqual(
    of(acknowledged, "subscription").map(({ market, acknowledgedAt }) => [market, acknowledgedAt !== null]),
    [
      ["BTC-PERP-INTX", true],
      ["ETH-PERP-INTX", true],
    ],
  );
  assert.deepEqual(types(scenario.frame(1, frames[2])), ["subscription"]);
  assert.deepEqual(scenario.frame(1, frames[3]), []);
});

test("a ticker, a trade and an error of three more captures", () => {
  const frames = lines("advanced-2026.jsonl");
  const tick = of(new Scenario().frame(1, frames[4]), "spot_tick")[0];
  assert.deepEqual([tick?.price, tick?.volume24h, tick?.sequence], [6_428_170_000_000, 397_498_800_786, 16]);
  assert.deepEqual(new Scenario().frame(1, frames[5]), [
    {
      type: "spot_trade",
      venue: "coinbase",
      product: "BTC-USD",
      tradeId: "1056309463",
      ts: parseTime("2026-07-15T03:40:11.055508Z"),
      price: 6_458_940_000_000,
      size: 14,
      side: "BUY",
    },
  ]);
  const [error] = new Scenario().frame(1, frames[6]);
  assert.ok(error?.type === "quarantine" && error.detail === "authentication failure");
});

test("the Exchange feed as captured in 2021: every price and trade, nothing lost, nothing put aside", () => {
  const scenario = new Scenario();
  scenario.open(1);
  const captured = lines("exchange-2021-04.jsonl").map((line) => JSON.parse(line) as { sent: boolean; frame: string });
  for (const { sent, frame } of captured) {
    if (sent) scenario.send(1, JSON.parse(frame));
    else scenario.frame(1, frame);
  }
  const count = (type: MarketEvent["type"]) => of(scenario.events, type).length;
  const sentOf = (pattern: RegExp) => captured.filter(({ sent, frame }) => !sent && pattern.test(frame)).length;
  assert.equal(count("spot_tick"), sentOf(/"type":"ticker"/));
  assert.equal(count("spot_trade"), sentOf(/"type":"(last_)?match"/));
  assert.deepEqual([count("gap_opened"), count("quarantine")], [0, 0]);
  const acknowledged = of(scenario.events, "subscription").filter(({ acknowledgedAt }) => acknowledgedAt !== null);
  assert.equal(new Set(acknowledged.map(({ market, channel }) => `${channel} ${market}`)).size, 30);
});

test("a number that was there is a duplicate and changes nothing; client_id and numbers as text are fine", () => {
  const scenario = new Scenario();
  scenario.open(1);
  const first = { ...(ticker(7) as object), client_id: "", sequence_num: "7" };
  assert.deepEqual(types(scenario.frame(1, first)), ["spot_tick"]);
  const [duplicate, ...rest] = scenario.frame(1, first);
  assert.ok(duplicate?.type === "quarantine" && duplicate.reason === "duplicate_sequence" && rest.length === 0);
  assert.deepEqual(types(scenario.frame(1, ticker(6))), ["quarantine"]);
  assert.deepEqual(types(scenario.frame(1, ticker(8))), ["spot_tick"]);
});

test("the first frame of a connection that we began has number 0; of one that we joined, any", () => {
  const begun = new Scenario();
  begun.open(1);
  begun.send(1, subscribe("ticker", "BTC-USD"));
  const [gap] = begun.frame(1, ticker(2));
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual(gap.evidence, { expected: 0, got: 2, lost: 2 });
  const joined = new Scenario();
  joined.open(1, { resumed: true });
  joined.send(1, subscribe("ticker", "BTC-USD"));
  const ack = advanced("subscriptions", 1, [{ subscriptions: { ticker: ["BTC-USD"] } }]);
  assert.deepEqual(types(joined.frame(1, ack)), ["subscription"]);
  assert.deepEqual(types(joined.frame(1, ticker(900))), ["subscription", "spot_tick"]);
});

test("frames of another connection may come before its own, whose numbers begin anew", () => {
  const from = (second: number, number: number) => ({
    ...(ticker(number) as object),
    timestamp: `2026-11-20T00:00:${second}.1${number}Z`,
  });
  for (const [before, own, lost] of [
    [[40, 41], [0, 1, 2], null],
    [[0, 2], [0, 1, 2], null],
    [[0, 1, 2, 3, 4], [1, 2, 5], 1],
  ] as const) {
    const scenario = new Scenario();
    scenario.open(1);
    for (const number of before) scenario.frame(1, from(10, number));
    scenario.send(1, subscribe("ticker", "BTC-USD"));
    const events = own.flatMap((number) => scenario.frame(1, from(20, number)));
    assert.equal(types(events).filter((type) => type === "spot_tick").length, own.length);
    const gap = events.find((event) => event.type === "gap_opened");
    assert.equal(gap?.evidence["lost"] ?? null, lost);
    assert.deepEqual(types(scenario.frame(1, from(20, own[1]))), ["quarantine"], "the same again is a repetition");
  }
});

test("unreadable frames before a stop are one gap from the first to the last", () => {
  const scenario = new Scenario();
  scenario.open(1);
  scenario.send(1, subscribe("ticker", "BTC-USD"));
  scenario.frame(1, ticker(0));
  scenario.frame(1, "{");
  scenario.frame(1, "{");
  const gap = scenario.close(1, { by: "stopped" }).find((event) => event.type === "gap_opened");
  assert.deepEqual(
    [(gap?.to ?? 0) - (gap?.from ?? 0), gap?.cause],
    [1_000, "malformed"],
    "a clock of one step a record",
  );
});

test("unreadable frames are what the next number says they were", () => {
  const scenario = new Scenario();
  scenario.open(1);
  scenario.frame(1, ticker(1));
  assert.deepEqual(types(scenario.frame(1, '{"channel":"tick')), ["quarantine"]);
  const [gap] = scenario.frame(1, ticker(3));
  assert.ok(gap?.type === "gap_opened" && gap.cause === "malformed" && gap.confidence === "proven");
  scenario.frame(1, "not JSON");
  const [larger] = scenario.frame(1, ticker(6));
  assert.ok(larger?.type === "gap_opened" && larger.cause === "sequence");
  assert.deepEqual(larger.evidence, { expected: 4, got: 6, lost: 2, unread: 1, reason: "malformed_json" });
});

test("trade ids are dense: a jump is a gap of its own, also over a reconnection; the snapshot repeats what is known", () => {
  const scenario = new Scenario();
  scenario.open(1);
  scenario.send(1, subscribe("market_trades", "BTC-USD"));
  const ids = (events: readonly MarketEvent[]) => of(events, "spot_trade").map(({ tradeId }) => tradeId);
  assert.deepEqual(ids(scenario.frame(1, trades(0, 12, 11, 10))), ["10", "11", "12"]);
  scenario.close(1, { by: "venue", code: 1006 });
  scenario.open(2);
  const [gap, , closed] = scenario.frame(2, trades(0, 16, 15, 14));
  assert.ok(gap?.type === "gap_opened" && gap.market === "BTC-USD" && gap.channel === "market_trades");
  assert.deepEqual(gap.evidence, { expected_trade_id: 13, got: 14, lost: 1 });
  assert.ok(closed?.type === "spot_trade" || closed?.type === "gap_closed");
  assert.deepEqual(types(scenario.frame(2, trades(1, 16, 15))), ["spot_trade", "spot_trade"]);
});

test("silence marks every price stale once, a stall is a gap that the next connection's data ends", () => {
  const scenario = new Scenario();
  scenario.open(1);
  scenario.send(1, subscribe("ticker", "BTC-USD"));
  const [, tick] = scenario.frame(1, ticker(0));
  assert.ok(tick?.type === "spot_tick");
  assert.deepEqual(scenario.decide(1, { type: "stale", silentFor: 5 }), [{ ...tick, sequence: null, isStale: true }]);
  const [gap, ...rest] = scenario.decide(1, { type: "stall", silentFor: 10 });
  assert.ok(gap?.type === "gap_opened" && gap.cause === "stall" && gap.to === null && rest.length === 0);
  assert.deepEqual(types(scenario.close(1, { by: "watchdog", reason: "stall" })), ["subscription"]);
  scenario.open(2);
  const events = scenario.resume().frame(2, ticker(0));
  assert.deepEqual(types(events), ["gap_closed", "spot_tick"]);
  assert.ok(events[0]?.type === "gap_closed" && events[0].key === gap.key);
});

test("a connection that ends makes its prices stale at once; a clean stop does not", () => {
  for (const [by, expected] of [
    ["venue", ["gap_opened", "spot_tick", "subscription"]],
    ["crash", ["gap_opened", "spot_tick", "subscription"]],
    ["stopped", ["subscription"]],
  ] as const) {
    const scenario = new Scenario();
    scenario.open(1);
    scenario.send(1, subscribe("ticker", "BTC-USD"));
    scenario.frame(1, ticker(0));
    assert.deepEqual(types(scenario.close(1, { by })), expected);
  }
});

test("a product that the venue leaves out ends its subscription, and an alias counts as its own name", () => {
  const scenario = new Scenario();
  scenario.decide(0, { type: "subscribe", venue: "coinbase", listener: "spot", markets: ["BTC-USDC", "NOPE"] });
  scenario.open(1);
  scenario.send(1, subscribe("ticker", "BTC-USDC", "NOPE"));
  scenario.frame(1, advanced("subscriptions", 0, [{ subscriptions: { ticker: ["BTC-USD"] } }]));
  const events = scenario.decide(1, {
    type: "command-refused",
    channel: "ticker",
    markets: ["NOPE"],
    reason: "left out",
  });
  const stated = of(scenario.events, "subscription").map(({ market, listener, acknowledgedAt, reason }) => [
    market,
    listener,
    acknowledgedAt !== null,
    reason,
  ]);
  assert.deepEqual(stated.slice(-2), [
    ["BTC-USD", "spot", true, null],
    ["NOPE", "spot", false, "left out"],
  ]);
  assert.equal(events.length, 1);
});

test("what cannot be read of one product is its row lost, with a gap that says so, and no other's", () => {
  const scenario = new Scenario();
  const good = { product_id: "ETH-USD", price: "3000.5" };
  const frame = (bad: object) => advanced("ticker", 0, [{ type: "update", tickers: [bad, good] }]);
  for (const [bad, reason] of [
    [{ product_id: "BTC-USD", price: "x" }, "bad_number"],
    [{ product_id: "BTC-USD" }, "bad_number"],
    [{ price: "1" }, "missing_field"],
    [{ product_id: "BTC-USD", price: "1", best_bid: "1e5" }, "bad_number"],
  ] as const) {
    const [quarantine, gap, tick] = new Scenario().frame(1, frame(bad));
    assert.ok(quarantine?.type === "quarantine" && quarantine.reason === reason);
    assert.ok(gap?.type === "gap_opened" && gap.cause === "malformed" && gap.to === gap.from);
    assert.equal(gap.market, "product_id" in bad ? bad.product_id : null);
    assert.ok(tick?.type === "spot_tick" && tick.product === "ETH-USD");
  }
  const large = { product_id: "SHIB-USD", price: "0.00000812", volume_24_h: "512345678901.5" };
  const [, tick] = scenario.frame(1, frame({ ...good, price: "1" })).concat(scenario.frame(1, ticker(1, large)));
  assert.ok(tick?.type === "spot_tick");
  const shib = of(scenario.events, "spot_tick").at(-1);
  assert.deepEqual([shib?.price, shib?.volume24h], [812, null]);
});

test("the Exchange feed: skipped numbers are no gap, repeated ones no row, and heartbeats show what never came", () => {
  const scenario = new Scenario();
  scenario.open(1);
  const match = (id: number) =>
    exchange("match", { trade_id: id, sequence: id * 10, price: "1", size: "1", side: "sell" });
  const beat = (id: number) => exchange("heartbeat", { last_trade_id: id, sequence: id * 10 + 1 });
  assert.deepEqual(
    types(scenario.frame(1, exchange("last_match", { trade_id: 5, sequence: 50, price: "1", size: "1" }))),
    ["spot_trade"],
  );
  const tick = exchange("ticker", { trade_id: 6, sequence: 60, price: "1", last_size: "1" });
  assert.deepEqual(types(scenario.frame(1, match(6))), ["spot_trade"]);
  assert.deepEqual(types(scenario.frame(1, tick)), ["spot_tick"]);
  assert.deepEqual(types(scenario.frame(1, tick)), ["quarantine"]);
  assert.deepEqual(scenario.frame(1, beat(7)), []);
  const [gap] = scenario.frame(1, beat(7));
  assert.ok(gap?.type === "gap_opened" && gap.confidence === "proven");
  assert.deepEqual(gap.evidence, { last_trade_id: 7, had: 6 });
  assert.deepEqual(scenario.frame(1, beat(7)), []);
  const [jump, trade] = scenario.frame(1, match(9));
  assert.ok(jump?.type === "gap_opened" && trade?.type === "spot_trade");
  assert.deepEqual(jump.evidence, { expected_trade_id: 8, got: 9, lost: 1 });
});

const noise = fc.oneof(
  fc.json(),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(...lines("advanced-2026.jsonl")),
  fc
    .record(
      {
        channel: fc.constantFrom("ticker", "market_trades", "subscriptions", "heartbeats", "l2_data", 4, null),
        type: fc.constantFrom("ticker", "match", "heartbeat", "subscriptions", "error", {}),
        sequence_num: fc.oneof(fc.integer(), fc.json()),
        product_id: fc.oneof(fc.constant("BTC-USD"), fc.constant("__proto__"), fc.json()),
        events: fc.oneof(
          fc.json().map((text) => JSON.parse(text) as unknown),
          fc.constant([{ tickers: [{}], trades: [null] }]),
        ),
        channels: fc.constantFrom([], [{ name: "ticker" }], "x"),
        price: fc.oneof(fc.double(), fc.json()),
        trade_id: fc.oneof(fc.integer(), fc.json()),
        last_trade_id: fc.integer(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
);

test("nothing that arrives throws, and memory that went through JSON goes on alike", () => {
  fc.assert(
    fc.property(fc.array(noise, { maxLength: 12 }), fc.array(noise, { maxLength: 6 }), (before, after) => {
      const scenario = new Scenario();
      scenario.open(1);
      scenario.send(1, subscribe("ticker", "BTC-USD"));
      for (const frame of before) scenario.frame(1, frame);
      const copy = scenario.resume();
      assert.deepEqual(copy.interpreter.save(), scenario.interpreter.save());
      const at = 1_900_000_000_000_000;
      for (const each of [scenario, copy]) {
        each.events.length = 0;
        for (const frame of after) each.interpreter.received(1, Buffer.from(frame), at);
        each.interpreter.closed(1, { by: "venue" }, at);
      }
      assert.deepEqual(copy.events, scenario.events);
    }),
    { seed: 20261124, numRuns: 300 },
  );
});

test("every lost frame is covered and no other gap is there, whatever is dropped or repeated", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("send", "drop", "repeat"), { minLength: 1, maxLength: 40 }), (fates) => {
      const scenario = new Scenario();
      scenario.open(1);
      scenario.send(1, subscribe("ticker", "BTC-USD"));
      const sent = [...fates, "send"];
      for (const [n, fate] of sent.entries()) {
        if (fate !== "drop") scenario.frame(1, ticker(n));
        if (fate === "repeat") scenario.frame(1, ticker(n));
      }
      const lost = of(scenario.events, "gap_opened").reduce((sum, { evidence }) => sum + Number(evidence["lost"]), 0);
      assert.equal(lost, sent.filter((fate) => fate === "drop").length);
      assert.equal(of(scenario.events, "spot_tick").length, sent.filter((fate) => fate !== "drop").length);
      assert.equal(of(scenario.events, "quarantine").length, sent.filter((fate) => fate === "repeat").length);
    }),
    { seed: 20261124, numRuns: 200 },
  );
});
