import assert from "node:assert/strict";
import { test } from "node:test";
import { delta, ok, Scenario, snapshot, START, subscribed, ticker } from "./scenario.fixture.ts";

/** Two books on sid 1, sequence at 3. */
function twoBooks(): Scenario {
  const scenario = new Scenario().connect().receive(subscribed(1, "orderbook_delta"));
  scenario
    .receive(snapshot(1, 1, "A"))
    .receive(snapshot(1, 2, "B"))
    .receive(delta(1, 3, "A"));
  scenario.take();
  return scenario;
}

test("a jump in the sequence opens a proven gap over every book of the sid, and the frame is applied", () => {
  const scenario = twoBooks().receive(delta(1, 6, "A"));
  const [gap, change, ...rest] = scenario.take();
  assert.ok(gap?.type === "gap_opened" && change?.type === "book_delta");
  assert.deepEqual(rest, []);
  assert.equal(gap.key, "kalshi/1/sid/1/6");
  assert.deepEqual([gap.from, gap.to], [scenario.now - 1_000, scenario.now]);
  assert.deepEqual(gap.evidence, { expected: 4, got: 6, lost: 2 });
  assert.deepEqual([gap.cause, gap.confidence, gap.sid, gap.channel], ["sequence", "proven", 1, "orderbook_delta"]);
  assert.deepEqual(
    gap.books.map((book) => book.market),
    ["A", "B"],
  );
  scenario.receive(delta(1, 7, "A"));
  assert.deepEqual(
    scenario.take().map((event) => event.type),
    ["book_delta"],
  );
});

test("ok acknowledgements count in the sequence of their sid, tickers do not", () => {
  const scenario = twoBooks()
    .receive(ok(1, 4, ["A", "B"]))
    .receive(ticker(2, "A"))
    .receive(delta(1, 5, "A"));
  assert.deepEqual(scenario.of("gap_opened"), []);
  assert.equal(scenario.of("book_delta").length, 1);
});

test("a repeated or older number is a duplicate and is not applied", () => {
  const scenario = twoBooks()
    .receive(delta(1, 3, "A"))
    .receive(snapshot(1, 1, "A"));
  const reasons = scenario.take().map((event) => event.type === "quarantine" && event.reason);
  assert.deepEqual(reasons, ["duplicate_sequence", "duplicate_sequence"]);
});

test("the first frames of a sid that was acknowledged here may be missing; of a capture's middle they may not", () => {
  const begun = new Scenario()
    .connect()
    .receive(subscribed(1, "orderbook_delta"))
    .receive(snapshot(1, 3, "A"));
  assert.deepEqual(
    begun.of("gap_opened").map((gap) => gap.evidence),
    [{ expected: 1, got: 3, lost: 2 }],
  );
  const middle = new Scenario()
    .connect()
    .receive(delta(1, 900, "A"))
    .receive(delta(1, 901, "A"));
  assert.deepEqual(middle.of("gap_opened"), []);
  const resumed = new Scenario().connect(1, { resumed: true }).receive(subscribed(1, "orderbook_delta"));
  resumed
    .receive(ok(1, 14, ["A"]))
    .receive(delta(1, 900, "A"))
    .receive(delta(1, 902, "A"));
  assert.deepEqual(
    resumed.of("gap_opened").map((gap) => gap.evidence),
    [{ expected: 901, got: 902, lost: 1 }],
  );
  assert.equal(resumed.of("subscription")[0]?.acknowledgedAt, null);
});

test("frames of an earlier connection, sent before a sid is granted, are no part of its numbering", () => {
  const scenario = new Scenario()
    .connect()
    .receive(delta(1, 30, "A"))
    .receive(subscribed(1, "orderbook_delta"))
    .receive(snapshot(1, 1, "A"))
    .receive(delta(1, 2, "A"));
  assert.deepEqual(scenario.of("quarantine"), []);
  scenario.take();
  assert.equal(scenario.receive(delta(1, 4, "A")).of("gap_opened").length, 1);
});

test("a channel without books that ended is whole again once it is granted, however long it is quiet", () => {
  const scenario = twoBooks()
    .receive(subscribed(2, "trade"))
    .receive({ type: "error", sid: 2, seq: 1, msg: { code: 10 } });
  const [opened] = scenario.of("gap_opened");
  scenario.take();
  const closed = scenario.receive(subscribed(3, "trade", 9)).of("gap_closed");
  assert.deepEqual(
    closed.map(({ key, to }) => [key, to]),
    [[opened?.key, scenario.now]],
  );
});

test("an unreadable frame opens a gap that a later jump claims: one gap for one hole", () => {
  const scenario = twoBooks().receive('{"type":"orderbook_delta","sid":1,"se');
  const at = scenario.now;
  const [quarantine, opened] = scenario.take();
  assert.ok(quarantine?.type === "quarantine" && quarantine.reason === "malformed_json");
  assert.ok(opened?.type === "gap_opened");
  assert.deepEqual([opened.key, opened.from, opened.confidence], ["kalshi/1/malformed/1", at, "inferred"]);
  scenario.receive(delta(1, 5, "B"));
  const [claimed, change] = scenario.take();
  assert.ok(claimed?.type === "gap_opened" && change?.type === "book_delta");
  assert.equal(claimed.key, opened.key);
  assert.deepEqual([claimed.from, claimed.to, claimed.sid, claimed.confidence], [at - 1_000, at + 1_000, 1, "proven"]);
  assert.deepEqual(
    claimed.books.map((book) => book.market),
    ["A", "B"],
  );
  scenario.receive(delta(1, 7, "B"));
  assert.deepEqual(
    scenario.of("gap_opened").map((gap) => gap.cause),
    ["sequence"],
  );
});

test("a hole larger than the unreadable frames before it is a gap of its own", () => {
  const scenario = twoBooks()
    .receive(Buffer.from([0x7b, 0xff, 0x7d]))
    .receive(delta(1, 7, "A"));
  const gaps = scenario.of("gap_opened");
  assert.deepEqual(
    gaps.map((gap) => gap.key),
    ["kalshi/1/malformed/1", "kalshi/1/sid/1/7"],
  );
  assert.equal(scenario.of("quarantine")[0]?.reason, "invalid_utf8");
});

test("an unreadable frame that no sequence misses is closed at its own time once all have gone on", () => {
  const scenario = twoBooks().receive(subscribed(2, "trade")).receive("nonsense");
  const at = scenario.now;
  scenario.receive(delta(1, 4, "A"));
  assert.deepEqual(scenario.of("gap_closed"), []);
  const trade = { market_ticker: "A", trade_id: "t", yes_price_dollars: "0.4", count_fp: "1", taker_side: "yes" };
  scenario.receive({ type: "trade", sid: 2, seq: 1, msg: trade });
  assert.deepEqual(scenario.of("gap_closed"), [
    { type: "gap_closed", key: "kalshi/1/malformed/1", to: at, repair: "none" },
  ]);
});

test("a readable book message with a bad field keeps the sequence and makes that book uncertain", () => {
  const scenario = twoBooks()
    .receive(delta(1, 4, "A", { delta_fp: "much" }))
    .receive(delta(1, 5, "B"));
  const [quarantine, gap, change] = scenario.take();
  assert.ok(quarantine?.type === "quarantine" && gap?.type === "gap_opened" && change?.type === "book_delta");
  assert.deepEqual([quarantine.reason, quarantine.market], ["bad_number", "A"]);
  assert.deepEqual([gap.cause, gap.market, gap.books.length, gap.evidence["seq"]], ["malformed", "A", 1, 4]);
});

test("bad prices and levels are never guessed", () => {
  const bad = [
    delta(1, 4, "A", { price_dollars: "1.2" }),
    delta(1, 5, "A", { price_dollars: undefined }),
    delta(1, 6, "A", { side: "maybe" }),
    delta(1, 7, "A", { price_dollars: 0.1 + 0.2 }),
    snapshot(1, 8, "A", { yes_dollars_fp: [["0.4", "x"]] }),
    snapshot(1, 9, "A", {
      yes_dollars_fp: [
        ["0.4", "1"],
        ["0.40", "2"],
      ],
    }),
    snapshot(1, 10, "A", { no_dollars_fp: "none" }),
  ];
  const scenario = twoBooks();
  for (const frame of bad) scenario.receive(frame);
  const reasons = scenario.of("quarantine").map((event) => event.reason);
  const expected = [
    "bad_number",
    "missing_field",
    "missing_field",
    "bad_number",
    "bad_number",
    "bad_levels",
    "bad_levels",
  ];
  assert.deepEqual(reasons, expected);
  assert.equal(scenario.of("gap_opened").length, bad.length);
  assert.deepEqual([scenario.of("book_delta"), scenario.of("book_snapshot")], [[], []]);
});

test("a lost connection is one gap over its books, closed by the first data of its successor", () => {
  const scenario = twoBooks().close({ by: "venue", code: 1006, reason: "gone" });
  const [gap] = scenario.of("gap_opened");
  assert.ok(gap !== undefined);
  assert.deepEqual([gap.key, gap.cause, gap.to], ["kalshi/1", "disconnect", null]);
  assert.equal(gap.from, scenario.now - 1_000);
  assert.deepEqual(gap.evidence, { by: "venue", code: 1006, reason: "gone" });
  assert.deepEqual(
    gap.books.map((book) => book.market),
    ["A", "B"],
  );
  assert.deepEqual(
    scenario.of("subscription").map((row) => row.reason),
    ["venue", "venue"],
  );
  scenario.take();
  scenario.connect(2).receive(subscribed(1, "orderbook_delta"), 2).close({ by: "venue" }, 2);
  assert.deepEqual(scenario.of("gap_opened"), [], "nothing flowed in between: still the same hole");
  scenario
    .connect(3)
    .receive(subscribed(1, "orderbook_delta"), 3)
    .receive(snapshot(1, 1, "A"), 3);
  assert.deepEqual(scenario.of("gap_closed"), [
    { type: "gap_closed", key: "kalshi/1", to: scenario.now, repair: "none" },
  ]);
});

test("another stream's data does not close a gap", () => {
  const scenario = twoBooks()
    .close({ by: "venue" })
    .connect(2, {}, "market/1")
    .receive(delta(1, 1, "C"), 2);
  assert.deepEqual(scenario.of("gap_closed"), []);
});

test("a stall's gap stands for the disconnect that follows it", () => {
  const scenario = twoBooks();
  const last = scenario.now;
  scenario
    .receive(ok(1, 4, ["A", "B"]))
    .decide({ type: "stall", silentFor: 5 })
    .close({ by: "watchdog" });
  const gaps = scenario.of("gap_opened");
  assert.deepEqual(
    gaps.map((gap) => [gap.key, gap.cause, gap.from]),
    [["kalshi/1", "stall", last]],
  );
  assert.deepEqual(gaps[0]?.evidence, { silentFor: 5 });
});

test("a frame that was too large ends its connection with a gap of that cause", () => {
  const scenario = twoBooks()
    .receive(ok(1, 4, ["A", "B"]))
    .decide({ type: "oversize", limit: 5 })
    .close({ by: "venue" });
  const gaps = scenario.of("gap_opened").map((gap) => [gap.cause, gap.from, gap.evidence]);
  assert.deepEqual(gaps, [["oversize", scenario.now - 2_000, { limit: 5 }]]);
});

test("a crash is the recorder's own gap; a clean stop and the end of a capture are none", () => {
  const crash = twoBooks().close({ by: "crash" });
  assert.deepEqual(
    crash.of("gap_opened").map((gap) => gap.cause),
    ["recorder_down"],
  );
  assert.equal(crash.of("subscription")[0]?.endedAt, crash.now - 1_000);
  for (const by of ["stopped", "end"] as const) {
    const scenario = twoBooks().close({ by });
    assert.deepEqual(scenario.of("gap_opened"), []);
    assert.deepEqual(
      scenario.of("subscription").map((row) => row.reason),
      [by, by],
    );
  }
});

test("books that are over wait for nothing: emptied by the venue after a close, or of a settled market", () => {
  const scenario = twoBooks()
    .receive(snapshot(1, 4, "A", {}))
    .receive(subscribed(2, "market_lifecycle_v2"));
  const life = { market_ticker: "B", event_type: "settled", settled_ts: 1_780_000_000 };
  scenario.receive({ type: "market_lifecycle_v2", sid: 2, seq: 1, msg: life }).close({ by: "venue" });
  assert.deepEqual(
    scenario.of("gap_opened").map((gap) => gap.books),
    [[]],
  );
  const reopened = twoBooks()
    .receive(snapshot(1, 4, "A", {}))
    .receive(delta(1, 5, "A"))
    .close({ by: "venue" });
  assert.deepEqual(
    reopened.of("gap_opened")[0]?.books.map((book) => book.market),
    ["A", "B"],
  );
  const illiquid = new Scenario()
    .connect()
    .receive(snapshot(1, 1, "A", {}))
    .close({ by: "venue" });
  assert.equal(illiquid.of("gap_opened")[0]?.books.length, 1, "an empty first snapshot may be an open market");
});

test("overflow and channel errors end a sid with a gap that its channel's next data closes", () => {
  const scenario = twoBooks();
  const from = scenario.now;
  scenario.receive(subscribed(2, "ticker"));
  scenario.receive({ type: "error", sid: 1, seq: 4, msg: { code: 25, msg: "subscription buffer overflow" } });
  const [gap] = scenario.of("gap_opened");
  assert.ok(gap !== undefined);
  assert.deepEqual([gap.cause, gap.sid, gap.to, gap.books.length], ["overflow", 1, null, 2]);
  assert.equal(gap.from, from);
  assert.deepEqual(
    scenario.of("subscription").map((row) => row.reason),
    ["error 25", "error 25"],
  );
  scenario.receive(delta(1, 5, "A")).receive(ticker(2, "A"));
  assert.equal(scenario.of("quarantine").at(-1)?.reason, "unknown_sid");
  assert.deepEqual(scenario.of("gap_closed"), []);
  scenario.receive(subscribed(4, "orderbook_delta", 8)).receive({ type: "error", sid: 4, seq: 1, msg: { code: 25 } });
  assert.equal(scenario.of("gap_opened").length, 1, "no data in between: still the same hole");
  scenario.receive(subscribed(3, "orderbook_delta", 9)).receive(snapshot(3, 1, "A"));
  assert.deepEqual(
    scenario.of("gap_closed").map((closed) => closed.key),
    [gap.key],
  );
});

test("times are the venue's or null", () => {
  const scenario = twoBooks().receive(delta(1, 4, "A", { ts: "2025-08-12T21:00:32.539836022Z" }));
  scenario.receive(delta(1, 5, "A", { ts: undefined })).receive(delta(1, 6, "A", { ts: undefined, ts_ms: undefined }));
  scenario.receive(delta(1, 7, "A", { ts: "soon" }));
  const times = scenario.of("book_delta").map((event) => event.ts);
  assert.deepEqual(times, [1_755_032_432_539_836, START + 500_000, null, START + 500_000]);
});

test("messages that are no data: unknown types, missing types, things that are no objects", () => {
  const scenario = twoBooks().receive({ type: "surprise", sid: 9 }).receive({ msg: {} }).receive("[]").receive("42\n");
  const reasons = scenario.of("quarantine").map((event) => event.reason);
  assert.deepEqual(reasons, ["unknown_type", "missing_field", "not_an_object", "not_an_object"]);
  scenario.receive({ type: "orderbook_reset", sid: 1, seq: 4, msg: { market_ticker: "A" } });
  assert.equal(
    scenario.of("gap_opened").at(-1)?.market,
    "A",
    "an unknown message on the book's sid may have changed it",
  );
  scenario.receive(delta(1, 5, "A"));
  assert.equal(scenario.of("book_delta").length, 1);
});

test("a frame of a connection that was never announced is read as one from the middle", () => {
  const scenario = new Scenario().receive(delta(1, 500, "A"), 7);
  assert.equal(scenario.of("book_delta")[0]?.epoch, 7);
});
