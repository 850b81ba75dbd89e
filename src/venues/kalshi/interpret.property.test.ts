import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { delta, ok, restBody, Scenario, snapshot, subscribed, ticker } from "./scenario.fixture.ts";

const market = fc.constantFrom("A", "B", "C");
const sid = fc.constantFrom(1, 2);
const epoch = fc.constantFrom(1, 2);

/** One record, as something that happens to a scenario. `seq` is relative: the scenario's counter plus it. */
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("delta" as const),
      market,
      sid,
      epoch,
      skip: fc.constantFrom(0, 0, 0, 0, 1, 2, -1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("snapshot" as const), market, sid, epoch, empty: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("ok" as const), sid, epoch, markets: fc.uniqueArray(market) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("ticker" as const), market, epoch }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("trade" as const), market, epoch }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("junk" as const), epoch }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("bad" as const), market, sid, epoch }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reconnect" as const),
      epoch,
      by: fc.constantFrom("venue", "watchdog", "crash", "stopped"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stall" as const), epoch }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("error" as const), sid, epoch, code: fc.constantFrom(8, 10, 25) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("command" as const),
      sid,
      epoch,
      action: fc.constantFrom("subscribe", "add_markets", "get_snapshot"),
      market,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("rest" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("settled" as const), market, epoch }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Plays the steps; `restartAt` says after which of them the interpreter is saved and restored. */
function play(steps: readonly Step[], restartAt: ReadonlySet<number>, prefix = ""): Scenario {
  const scenario = new Scenario(prefix).connect(1).connect(2, {}, "market/1");
  for (const one of [1, 2])
    scenario.receive(subscribed(1, "orderbook_delta"), one).receive(subscribed(2, "orderbook_delta"), one);
  const counters = new Map<string, number>();
  const next = (epoch: number, sid: number, skip = 0): number => {
    const key = `${epoch}/${sid}`;
    const seq = (counters.get(key) ?? 0) + 1 + skip;
    counters.set(key, Math.max(seq, counters.get(key) ?? 0));
    return seq;
  };
  for (const [i, s] of steps.entries()) {
    if (s.kind === "delta") scenario.receive(delta(s.sid, next(s.epoch, s.sid, s.skip), s.market), s.epoch);
    else if (s.kind === "snapshot")
      scenario.receive(snapshot(s.sid, next(s.epoch, s.sid), s.market, s.empty ? {} : undefined), s.epoch);
    else if (s.kind === "ok") scenario.receive(ok(s.sid, next(s.epoch, s.sid), s.markets), s.epoch);
    else if (s.kind === "ticker") scenario.receive(ticker(3, s.market), s.epoch);
    else if (s.kind === "trade") {
      const msg = { market_ticker: s.market, yes_price: 5, count: 1, taker_side: "yes", ts: 1_780_000_000 };
      scenario.receive({ type: "trade", sid: 4, seq: next(s.epoch, 4), msg }, s.epoch);
    } else if (s.kind === "junk") scenario.receive("{", s.epoch);
    else if (s.kind === "bad")
      scenario.receive(delta(s.sid, next(s.epoch, s.sid), s.market, { delta_fp: "?" }), s.epoch);
    else if (s.kind === "reconnect") {
      scenario.close({ by: s.by }, s.epoch).connect(s.epoch, {}, `market/${s.epoch - 1}`);
      for (const one of [1, 2, 3, 4]) counters.delete(`${s.epoch}/${one}`);
    } else if (s.kind === "stall") scenario.decide({ type: "stall" }, s.epoch);
    else if (s.kind === "error")
      scenario.receive({ type: "error", sid: s.sid, seq: next(s.epoch, s.sid), msg: { code: s.code } }, s.epoch);
    else if (s.kind === "command") {
      const params = { channels: ["orderbook_delta"], sids: [s.sid], action: s.action, market_tickers: [s.market] };
      scenario.send({ id: 2, cmd: s.action === "subscribe" ? "subscribe" : "update_subscription", params }, s.epoch);
    } else if (s.kind === "rest") scenario.fetch("/events/X", restBody("rest-2026-10-event.json"));
    else {
      const msg = { market_ticker: s.market, event_type: "settled", settled_ts: 1_780_000_000 };
      scenario.receive({ type: "market_lifecycle_v2", sid: 5, seq: next(s.epoch, 5), msg }, s.epoch);
    }
    if (restartAt.has(i)) scenario.restart();
  }
  return scenario;
}

test("saved and restored anywhere, the interpreter goes on as if nothing happened", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.uniqueArray(fc.nat(59), { minLength: 1 }),
      (steps, points) => {
        assert.deepEqual(play(steps, new Set(points)).events, play(steps, new Set()).events);
      },
    ),
    { seed: 20_261_121, numRuns: 300 },
  );
});

test("the fast path and the JSON path do the same in every situation", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      assert.deepEqual(play(steps, new Set()).events, play(steps, new Set(), " ").events);
    }),
    { seed: 20_261_121, numRuns: 300 },
  );
});

test("every frame ends as an event or in quarantine, and every lost number is covered by a gap", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 3), { minLength: 1, maxLength: 80 }), (skips) => {
      const scenario = new Scenario().connect().receive(subscribed(1, "orderbook_delta"));
      let seq = 0;
      let lost = 0;
      for (const skip of skips) {
        seq += 1 + skip;
        lost += skip;
        scenario.receive(delta(1, seq, "A"));
      }
      assert.equal(scenario.of("book_delta").length, skips.length);
      assert.equal(
        scenario.of("gap_opened").reduce((sum, gap) => sum + Number(gap.evidence["lost"]), 0),
        lost,
      );
    }),
    { seed: 20_261_121 },
  );
});

const types = [
  "orderbook_snapshot",
  "orderbook_delta",
  "ticker",
  "trade",
  "market_lifecycle_v2",
  "event_lifecycle",
  "event_fee_update",
  "subscribed",
  "ok",
  "unsubscribed",
  "error",
];
const anything = fc.jsonValue({ maxDepth: 3 });
const hostile = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...types), anything),
    id: anything,
    sid: fc.oneof(fc.nat(3), anything),
    seq: fc.oneof(fc.nat(9), anything),
    msg: fc.oneof(
      anything,
      fc.dictionary(
        fc.constantFrom(
          "market_ticker",
          "market_tickers",
          "channel",
          "sid",
          "code",
          "side",
          "price_dollars",
          "delta_fp",
          "ts",
          "ts_ms",
          "yes_dollars_fp",
          "event_type",
          "event_ticker",
          "additional_metadata",
          "open_ts",
          "__proto__",
          "reason",
        ),
        anything,
      ),
    ),
  },
  { requiredKeys: [] },
);

test("nothing that a venue sends throws", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(hostile, anything), { maxLength: 20 }), (frames) => {
      const scenario = new Scenario().connect();
      for (const frame of frames) {
        const text = JSON.stringify(frame);
        scenario.receive(text).restart();
        scenario.interpreter.sent(1, Buffer.from(text), scenario.now);
        for (const path of ["/markets", "/events", "/series", "/markets/trades", "/markets/A/orderbook"]) {
          scenario.fetch(
            path,
            `{"markets":[${text}],"events":[${text}],"series":[${text}],"trades":[${text}],"orderbook":${text}}`,
          );
        }
      }
      scenario.close({ by: "venue" });
    }),
    { seed: 20_261_121, numRuns: 500 },
  );
});

test("bytes of any kind do not throw, nor does JSON nested very deep", () => {
  const scenario = new Scenario().connect();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      scenario.receive(Buffer.from(bytes));
    }),
    { seed: 20_261_121 },
  );
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  scenario.receive(deep);
  scenario.receive(
    `{"type":"market_lifecycle_v2","sid":1,"seq":1,"msg":{"market_ticker":"A","event_type":"created","x":${deep}}}`,
  );
  scenario.receive(`{"type":"error","sid":1,"seq":2,"msg":{"code":${deep}}}`);
  scenario.fetch("/markets", `{"markets":[{"ticker":"A","custom_strike":${deep},"yes_bid_dollars":${deep}}]}`);
  assert.ok(scenario.of("quarantine").length > 100);
});
