import assert from "node:assert/strict";
import { test } from "node:test";
import type { Subscription } from "../../model/events.ts";
import { delta, excerpt, ok, Scenario, snapshot, subscribed, ticker } from "./scenario.fixture.ts";

function subscribe(id: number, channels: readonly string[], markets?: readonly string[]) {
  return { id, cmd: "subscribe", params: { channels, ...(markets === undefined ? {} : { market_tickers: markets }) } };
}

function update(id: number, sid: number, action: string, markets: readonly string[]) {
  return { id, cmd: "update_subscription", params: { sids: [sid], action, market_tickers: markets } };
}

/** What a row says beyond its times, and which times it has. */
function brief({ market, channel, sid, requestedAt, acknowledgedAt, firstDataAt, endedAt, reason }: Subscription) {
  const marks = [requestedAt, acknowledgedAt, firstDataAt, endedAt].map((at) => (at === null ? "-" : "x")).join("");
  return `${market ?? "*"} ${channel} ${sid ?? "?"} ${marks}${reason === null ? "" : ` ${reason}`}`;
}

test("a subscription is wanted, acknowledged, observed and ended: four rows", () => {
  const scenario = new Scenario().connect().decide({ type: "subscribe", listener: "btc", markets: ["A"] }, 0);
  scenario.send(subscribe(1, ["orderbook_delta"], ["A"])).receive(subscribed(1, "orderbook_delta"));
  scenario
    .receive(snapshot(1, 1, "A"))
    .receive(delta(1, 2, "A"))
    .receive(delta(1, 3, "A"))
    .close({ by: "stopped" });
  const rows = scenario.of("subscription");
  assert.deepEqual(rows.map(brief), [
    "A orderbook_delta ? x---",
    "A orderbook_delta 1 xx--",
    "A orderbook_delta 1 xxx-",
    "A orderbook_delta 1 xxxx stopped",
  ]);
  assert.deepEqual(new Set(rows.map((row) => row.listener)), new Set(["btc"]));
  const last = rows.at(-1);
  assert.ok(last !== undefined && (last.requestedAt ?? 0) < (last.acknowledgedAt ?? 0));
});

test("a channel asked for whole is one subscription", () => {
  const scenario = new Scenario()
    .connect()
    .send(subscribe(1, ["ticker"]))
    .receive(subscribed(1, "ticker"));
  scenario.receive(ticker(1, "A")).receive(ticker(1, "B"));
  assert.deepEqual(scenario.of("subscription").map(brief), ["* ticker ? x---", "* ticker 1 xx--", "* ticker 1 xxx-"]);
});

test("twelve subscribes merged into one sid, as captured: the lists name the markets, nothing is lost", () => {
  const scenario = new Scenario().connect();
  for (const line of excerpt("ws-2026-08-merged-subscribe.jsonl")) {
    scenario.receive((JSON.parse(line) as { frame: Record<string, unknown> }).frame);
  }
  assert.deepEqual([scenario.of("gap_opened"), scenario.of("quarantine")], [[], []]);
  assert.equal(scenario.of("book_snapshot").length, 12);
  const observed = scenario.of("subscription").filter((row) => row.firstDataAt !== null);
  assert.equal(new Set(observed.map((row) => row.market)).size, 12);
  assert.deepEqual(new Set(observed.map((row) => row.sid)), new Set([1]));
});

test("markets are added and removed; the list in the answer is the whole truth", () => {
  const scenario = new Scenario().connect().send(subscribe(1, ["orderbook_delta"], ["A", "B"]));
  scenario
    .receive(subscribed(1, "orderbook_delta"))
    .receive(snapshot(1, 1, "A"))
    .receive(snapshot(1, 2, "B"))
    .take();
  scenario.send(update(2, 1, "add_markets", ["C"])).receive(ok(1, 3, ["C", "B", "A"]));
  assert.deepEqual(scenario.of("subscription").map(brief), ["C orderbook_delta 1 x---", "C orderbook_delta 1 xx--"]);
  scenario.take();
  scenario.send(update(3, 1, "delete_markets", ["A"])).receive(ok(1, 4, ["B", "C"], 3));
  assert.deepEqual(scenario.of("subscription").map(brief), ["A orderbook_delta 1 xxxx unsubscribed"]);
  scenario.take();
  scenario.receive(delta(1, 9, "B"));
  const [gap] = scenario.of("gap_opened");
  assert.deepEqual(
    gap?.books.map((book) => book.market),
    ["B", "C"],
    "C's snapshot may be among the lost frames",
  );
});

test("without ticker lists in the answers the commands say which markets", () => {
  const scenario = new Scenario()
    .connect()
    .send(subscribe(1, ["trade"], ["A"]))
    .receive(subscribed(1, "trade"))
    .take();
  const scene = new Scenario()
    .connect()
    .send(subscribe(1, ["trade"], ["A"]))
    .receive(subscribed(1, "trade"));
  scene.send(update(2, 1, "add_markets", ["B"])).receive({ type: "ok", id: 2, sid: 1, seq: 1, msg: {} });
  scene.send(update(3, 1, "delete_markets", ["A"])).receive({ type: "ok", id: 3, sid: 1, seq: 2 });
  assert.deepEqual(scene.of("subscription").map(brief).slice(scenario.length), [
    "B trade 1 x---",
    "B trade 1 xx--",
    "A trade 1 xx-x unsubscribed",
  ]);
});

test("a snapshot that we asked for is a resync, with a number of its own or with the last one, but once", () => {
  const scenario = new Scenario().connect().receive(subscribed(1, "orderbook_delta"));
  scenario.receive(snapshot(1, 1, "A")).receive(snapshot(1, 2, "B"));
  scenario.send(update(5, 1, "get_snapshot", ["A", "B"]));
  scenario.receive({ ...snapshot(1, 3, "A"), id: 5 }).receive({ ...snapshot(1, 3, "B"), id: 5 });
  scenario.receive({ ...snapshot(1, 3, "B"), id: 5 }).receive(delta(1, 4, "A"));
  assert.deepEqual(
    scenario.of("book_snapshot").map((book) => book.trigger),
    ["venue", "venue", "resync", "resync"],
  );
  assert.deepEqual(
    scenario.of("quarantine").map((event) => event.reason),
    ["duplicate_sequence"],
  );
  assert.deepEqual(scenario.of("gap_opened"), []);
});

test("an empty snapshot that we asked for does not end a book", () => {
  const scenario = new Scenario()
    .connect()
    .receive(snapshot(1, 1, "A"))
    .send(update(5, 1, "get_snapshot", ["A"]));
  scenario.receive({ ...snapshot(1, 2, "A", {}), id: 5 }).close({ by: "venue" });
  assert.equal(scenario.of("gap_opened")[0]?.books.length, 1);
});

test("unsubscribed ends everything on its sid, and its number counts", () => {
  const scenario = new Scenario()
    .connect()
    .receive(subscribed(1, "orderbook_delta"))
    .receive(snapshot(1, 1, "A"));
  scenario.receive({ type: "unsubscribed", id: 4, sid: 1, seq: 3 }).receive(delta(1, 4, "A"));
  assert.deepEqual(
    scenario.of("gap_opened").map((gap) => gap.evidence),
    [{ expected: 2, got: 3, lost: 1 }],
  );
  assert.equal(scenario.of("subscription").at(-1)?.reason, "unsubscribed");
  assert.equal(scenario.of("quarantine")[0]?.reason, "unknown_sid");
  scenario.take();
  scenario.receive(subscribed(1, "orderbook_delta", 6)).receive(snapshot(1, 1, "A"));
  assert.deepEqual(scenario.of("quarantine"), [], "the same sid may be given again, with numbers from 1");
  assert.equal(scenario.of("book_snapshot").length, 1);
});

test("a list of subscriptions names the channels of a capture's middle", () => {
  const scenario = new Scenario().connect();
  scenario.receive({ type: "ok", id: 3, msg: [{ channel: "ticker", sid: 4 }] }).receive(ticker(4, "A"));
  assert.deepEqual([scenario.of("quarantine"), scenario.of("quote").length], [[], 1]);
});

test("errors are quarantined; one that answers the only channel of a command ends what it wanted", () => {
  const scenario = new Scenario().connect().send(subscribe(1, ["ticker_v2"], ["A"]));
  scenario.receive({ type: "error", id: 1, msg: { code: 8, msg: "Unknown channel name" } });
  scenario.receive({ type: "error", id: 77, sid: 5, seq: 1, msg: { code: 7, msg: "Unknown subscription ID" } });
  assert.deepEqual(
    scenario.of("quarantine").map((event) => event.detail),
    [
      'code 8: "Unknown channel name", in answer to command 1',
      'code 7: "Unknown subscription ID", in answer to command 77',
    ],
  );
  assert.deepEqual(scenario.of("subscription").map(brief), ["A ticker_v2 ? x---", "A ticker_v2 ? x--x error 8"]);
});

test("a refused addition ends what it wanted and nothing that was granted before", () => {
  const scenario = new Scenario()
    .connect()
    .send(subscribe(1, ["trade"], ["A"]))
    .receive(subscribed(1, "trade"));
  scenario.send(update(2, 1, "add_markets", ["A", "B"])).receive({ type: "error", id: 2, sid: 1, msg: { code: 26 } });
  assert.equal(scenario.of("subscription").map(brief).at(-1), "B trade 1 x--x error 26");
  assert.equal(scenario.of("subscription").length, 4);
});

test("discovery's decisions name the listener too", () => {
  const added = [{ market: "A", outcomes: ["yes"] }];
  const scenario = new Scenario()
    .connect()
    .decide({ type: "discovery", listener: "nba", added }, 0)
    .receive(ticker(1, "A"));
  assert.equal(scenario.of("subscription")[0]?.listener, "nba");
});
