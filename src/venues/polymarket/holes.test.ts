import assert from "node:assert/strict";
import { test } from "node:test";
import { book, interpretation, MARKET, priceChange, TOKEN_A, TOKEN_B } from "./interpretation.fixture.ts";
import type { MarketEvent, Subscription } from "../../model/events.ts";

const subscribe = { assets_ids: [TOKEN_A, TOKEN_B], type: "market", custom_feature_enabled: true };
const again = { assets_ids: [TOKEN_A], operation: "subscribe" };
const leave = { assets_ids: [TOKEN_A], operation: "unsubscribe" };

function gaps(events: readonly MarketEvent[]): MarketEvent[] {
  return events.filter(({ type }) => type === "gap_opened" || type === "gap_closed");
}

function subscriptions(events: readonly MarketEvent[]): Subscription[] {
  return events.filter((event) => event.type === "subscription");
}

/** A connection with both books, the last data at 2 s. */
function running(): ReturnType<typeof interpretation> {
  const run = interpretation();
  run.open(1);
  run.send(1, subscribe);
  run.frame(1, [book(), book({ asset_id: TOKEN_B })], 1_000_000);
  run.frame(1, priceChange({}), 2_000_000);
  run.frame(1, "PONG", 3_000_000);
  return run;
}

test("a print that cannot be read is a hole of its token that makes no book uncertain", () => {
  const { frame } = running();
  const print = { event_type: "last_trade_price", market: MARKET, price: "0.5", size: "1", side: "BUY" };
  for (const damaged of [
    { ...print, asset_id_v2: TOKEN_A },
    { ...print, asset_id: TOKEN_A, size: { value: 1 } },
  ]) {
    const [gap, ...rest] = gaps(frame(1, damaged, 4_000_000));
    assert.deepEqual(rest, []);
    assert.ok(gap?.type === "gap_opened");
    assert.deepEqual(
      [gap.market, gap.outcome, gap.cause, gap.from, gap.to, gap.books],
      [MARKET, "asset_id" in damaged ? TOKEN_A : null, "malformed", 4_000_000, 4_000_000, []],
    );
  }
});

test("a lost connection is a gap from its last data to the first data of its successor", () => {
  const { close, open, frame, send } = running();
  const [gap, ...rest] = gaps(close(1, { by: "venue", code: 1006 }));
  assert.deepEqual(rest, []);
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual(
    [gap.key, gap.cause, gap.from, gap.to, gap.epoch, gap.evidence, gap.books.map(({ outcome }) => outcome)],
    ["polymarket/1", "disconnect", 2_000_000, null, 1, { by: "venue", code: 1006 }, [TOKEN_A, TOKEN_B]],
  );
  open(2);
  send(2, subscribe);
  assert.deepEqual(gaps(frame(2, "PONG", 10_000_000)), []);
  assert.deepEqual(gaps(frame(2, { event_type: "new_market", market: "0xbb" }, 10_000_000)), []);
  const first = frame(2, [book()], 11_000_000);
  assert.deepEqual(first[0], { type: "gap_closed", key: "polymarket/1", to: 11_000_000, repair: "none" });
  assert.equal(gaps(first).length, 1);
});

test("another stream's data does not end the gap", () => {
  const { close, open, frame } = running();
  close(1, { by: "venue" });
  open(2, "market/1");
  assert.deepEqual(gaps(frame(2, book({ market: "0xcc", asset_id: "9" }))), []);
});

test("one hole makes one gap: a stall, its hang-up, and a successor that brought nothing", () => {
  const { interpreter, events, close, open, send, frame } = running();
  interpreter.decision({ type: "stall", venue: "polymarket", silentFor: 30 }, 1, 8_000_000);
  close(1, { by: "watchdog", reason: "stall" });
  open(2);
  send(2, subscribe);
  close(2, { by: "venue" });
  const opened = gaps(events);
  assert.equal(opened.length, 1);
  assert.ok(opened[0]?.type === "gap_opened");
  assert.deepEqual(
    [opened[0].cause, opened[0].confidence, opened[0].from, opened[0].evidence],
    ["stall", "inferred", 2_000_000, { silentFor: 30 }],
  );
  open(3);
  assert.deepEqual(gaps(frame(3, book(), 20_000_000)), [
    { type: "gap_closed", key: "polymarket/1", to: 20_000_000, repair: "none" },
  ]);
});

test("a stall that ends by itself is over, and a later hole of that connection is another", () => {
  const { interpreter, frame, close } = running();
  interpreter.decision({ type: "stall" }, 1, 8_000_000);
  assert.equal(gaps(frame(1, priceChange({}), 8_500_000))[0]?.type, "gap_closed");
  const [gap] = gaps(close(1, { by: "venue" }));
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual([gap.key, gap.from], ["polymarket/1/2", 8_500_000]);
});

test("a crash is the recorder's, a clean stop and the end of an import are no holes", () => {
  for (const [by, cause] of [
    ["crash", "recorder_down"],
    ["watchdog", "disconnect"],
    ["stopped", undefined],
    ["end", undefined],
  ] as const) {
    const { close } = running();
    const events = close(1, { by });
    const [gap] = gaps(events);
    assert.equal(gap?.type === "gap_opened" ? gap.cause : undefined, cause);
    const ends = subscriptions(events).map(({ outcome, endedAt, reason }) => [outcome, endedAt, reason]);
    assert.deepEqual(ends, [
      [TOKEN_A, 9_000_000, by],
      [TOKEN_B, 9_000_000, by],
    ]);
  }
});

test("a connection on which nothing was asked or received leaves no hole; one that was only asked does", () => {
  const { open, close, send } = interpretation();
  open(1);
  assert.deepEqual(close(1, { by: "venue" }), []);
  open(2);
  send(2, subscribe, 600_000);
  const [gap] = gaps(close(2, { by: "venue" }));
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual([gap.from, gap.books], [600_000, []]);
});

test("a resolved market is not missed", () => {
  const { close, frame } = running();
  frame(1, book({ market: "0xcc", asset_id: "9" }), 2_000_000);
  frame(1, { event_type: "market_resolved", market: MARKET, assets_ids: [TOKEN_A, TOKEN_B], winning_outcome: "Up" });
  const [gap] = gaps(close(1, { by: "venue" }));
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual(
    gap.books.map(({ outcome }) => outcome),
    ["9"],
  );
});

test("an unreadable frame makes every book of its connection doubtful", () => {
  const { frame, open } = running();
  open(2, "market/1");
  frame(2, book({ market: "0xcc", asset_id: "9" }));
  const [gap] = gaps(frame(1, '[{"event_type":', 4_000_000));
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual(
    [gap.key, gap.cause, gap.confidence, gap.from, gap.to, gap.books.map(({ outcome }) => outcome)],
    ["polymarket/1/malformed/1", "malformed", "inferred", 4_000_000, 4_000_000, [TOKEN_A, TOKEN_B]],
  );
});

test("unreadable frames in a row are one gap, after good data another", () => {
  const { frame } = running();
  const bounds = (message: unknown, at: number): unknown =>
    gaps(frame(1, message, at)).map((gap) => gap.type === "gap_opened" && [gap.key, gap.from, gap.to]);
  assert.deepEqual(bounds("{", 4_000_000), [["polymarket/1/malformed/1", 4_000_000, 4_000_000]]);
  assert.deepEqual(bounds("{", 5_000_000), [["polymarket/1/malformed/1", 4_000_000, 5_000_000]]);
  frame(1, priceChange({}), 6_000_000);
  assert.deepEqual(bounds("{", 7_000_000), [["polymarket/1/malformed/2", 7_000_000, 7_000_000]]);
});

test("a bad entry makes its own book doubtful and the others go on", () => {
  const { frame } = running();
  const events = frame(1, priceChange({ size: "?" }, { asset_id: TOKEN_B }), 4_000_000);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["quarantine", "gap_opened", "book_delta"],
  );
  const [gap] = gaps(events);
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual(
    gap.books.map(({ outcome }) => outcome),
    [TOKEN_A],
  );
  assert.deepEqual([gap.market, gap.outcome], [MARKET, TOKEN_A]);
});

test("a subscription is stated when its market is known, acknowledged by its book, ended by us", () => {
  const { open, send, frame, interpreter } = interpretation();
  open(1);
  assert.deepEqual(send(1, subscribe, 500_000), [], "nobody has said yet which market the tokens belong to");
  const known = { venue: "polymarket", market: MARKET, sid: null, epoch: 1, channel: "market" } as const;
  const base = { type: "subscription", ...known, outcome: TOKEN_A, listener: null, requestedAt: 500_000 } as const;
  const [early] = subscriptions(frame(1, priceChange({}), 700_000));
  assert.deepEqual(early, { ...base, acknowledgedAt: null, firstDataAt: 700_000, endedAt: null, reason: null });
  const [first] = subscriptions(frame(1, book(), 800_000));
  assert.deepEqual(first, { ...base, acknowledgedAt: 800_000, firstDataAt: 700_000, endedAt: null, reason: null });
  assert.deepEqual(subscriptions(frame(1, book(), 900_000)), []);
  const [end] = subscriptions(send(1, leave, 950_000));
  assert.deepEqual(end, { ...first, endedAt: 950_000, reason: "unsubscribed" });
  interpreter.decision({ type: "discovery", listener: "nba", added: [{ market: "0xdd", outcomes: ["7"] }] }, 0, 1);
  const [next] = subscriptions(send(1, { assets_ids: ["7"], operation: "subscribe" }));
  assert.deepEqual([next?.market, next?.outcome, next?.listener], ["0xdd", "7", "nba"]);
});

test("a book that we asked for again says so", () => {
  const trigger = (run: ReturnType<typeof interpretation>): unknown => {
    const snapshot = run.frame(1, book()).find((event) => event.type === "book_snapshot");
    return snapshot?.trigger;
  };
  const plain = running();
  assert.equal(trigger(plain), "venue");
  const repeated = running();
  repeated.send(1, again);
  assert.equal(trigger(repeated), "resync");
  assert.equal(trigger(repeated), "venue");
  repeated.send(1, leave);
  repeated.send(1, again);
  assert.equal(trigger(repeated), "resync");
  const decided = running();
  decided.interpreter.decision({ type: "resync", markets: [MARKET] }, 1, 1);
  assert.equal(trigger(decided), "resync");
});

test("a frame too large to take is a hole of its own cause", () => {
  const { interpreter, events, close } = running();
  interpreter.decision({ type: "oversize", venue: "polymarket", limit: 64 }, 1, 8_000_000);
  close(1, { by: "venue", code: 1009 });
  const [gap, ...rest] = gaps(events);
  assert.deepEqual(rest, []);
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual(
    [gap.cause, gap.confidence, gap.from, gap.evidence],
    ["oversize", "proven", 2_000_000, { limit: 64 }],
  );
});

test("a token whose book never came is a gap until it comes", () => {
  const run = interpretation();
  run.interpreter.decision(
    { type: "discovery", listener: "x", added: [{ market: MARKET, outcomes: [TOKEN_A] }] },
    0,
    1,
  );
  run.open(1);
  run.send(1, again, 500_000);
  run.frame(1, priceChange({}));
  run.interpreter.decision({ type: "no-snapshot", tokens: [TOKEN_A, "unknown"] }, 1, 5_000_000);
  const [gap, ...rest] = gaps(run.events);
  assert.deepEqual(rest, []);
  assert.ok(gap?.type === "gap_opened");
  assert.deepEqual([gap.cause, gap.from, gap.books.map(({ outcome }) => outcome)], ["venue_error", 500_000, [TOKEN_A]]);
});
