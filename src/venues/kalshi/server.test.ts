import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCRIPT, World } from "../../exchange/world.ts";
import { formatMillionths, parseMillionths } from "../../model/decimal.ts";
import type { Outgoing } from "../server.ts";
import { KalshiConnection, type KalshiServerOptions } from "./server.ts";

const SECOND = 1_000_000;
const START = 1_795_000_000 * SECOND;

interface Frame {
  readonly type: string;
  readonly id?: number;
  readonly sid?: number;
  readonly seq?: number;
  readonly sending_ts_ms?: number;
  readonly msg: Record<string, unknown>;
}

/** A connection on a world of its own; `take` gives the frames since the last call. */
function connect(changes: Partial<KalshiServerOptions> = {}) {
  const sent: Outgoing[] = [];
  const world: World = new World(
    { seed: "k", startAt: START, kalshiMarkets: 12, polymarketMarkets: 2, rate: 800, script: DEFAULT_SCRIPT },
    { kalshi: (happening) => connection.happened(happening), polymarket: () => {} },
  );
  const connection = new KalshiConnection(
    world.kalshi,
    { format: { sendingTime: false, deltaMilliseconds: true }, marketLimit: 1_000, random: () => 0, ...changes },
    (frame) => sent.push(frame),
  );
  return {
    world,
    tickers: [...world.kalshi.markets.keys()],
    say(...commands: object[]) {
      for (const command of commands) connection.receive(JSON.stringify(command));
      connection.settle(world.now);
    },
    raw(text: string) {
      connection.receive(text);
      connection.settle(world.now);
    },
    fail: (code: number) => connection.fail(code, world.now),
    take(): Frame[] {
      const frames = sent.splice(0).map(({ text }) => {
        assert.ok(text.endsWith("}\n"), "a frame ends with a newline");
        return JSON.parse(text) as Frame;
      });
      return frames;
    },
  };
}

const subscribe = (id: number, channels: string[], market_tickers?: string[], more: object = {}) => ({
  id,
  cmd: "subscribe",
  params: { channels, ...(market_tickers !== undefined && { market_tickers }), ...more },
});
const update = (id: number, sid: number, action: string, market_tickers: string[]) => ({
  id,
  cmd: "update_subscription",
  params: { sids: [sid], action, market_tickers },
});
const types = (frames: Frame[]) => frames.map(({ type, seq }) => (seq === undefined ? type : `${type} ${seq}`));

test("one acknowledgement per channel, a snapshot per market after it, one sequence per sid", () => {
  const { say, take, tickers } = connect();
  say(subscribe(1, ["orderbook_delta", "trade"], tickers.slice(0, 3)));
  const frames = take();
  assert.deepEqual(types(frames), [
    "subscribed",
    "orderbook_snapshot 1",
    "orderbook_snapshot 2",
    "orderbook_snapshot 3",
    "subscribed",
  ]);
  assert.deepEqual(frames[0], { type: "subscribed", id: 1, msg: { channel: "orderbook_delta", sid: 1 } });
  assert.deepEqual(frames[4], { type: "subscribed", id: 1, msg: { channel: "trade", sid: 2 } });
  assert.deepEqual(Object.keys(frames[1]?.msg ?? {}), [
    "market_ticker",
    "market_id",
    "yes_dollars_fp",
    "no_dollars_fp",
  ]);
});

test("a second subscribe to a channel is merged: ok with a sequence number and the whole list, then the snapshot", () => {
  const { say, take, tickers } = connect();
  const [a = "", b = ""] = tickers;
  say(subscribe(1, ["orderbook_delta"], [b]));
  take();
  say(subscribe(2, ["orderbook_delta"], [a]));
  const [ok, snapshot] = take();
  assert.deepEqual(ok, { type: "ok", id: 2, sid: 1, seq: 2, msg: { market_tickers: [a, b].sort() } });
  assert.equal(snapshot?.seq, 3);
  assert.equal(snapshot.msg.market_ticker, a);
});

test("commands fired back to back are not processed in order", () => {
  const random = [0.99, 0.5, 0];
  const { say, take, tickers } = connect({ random: () => random.shift() ?? 0 });
  say(...tickers.slice(0, 4).map((ticker, i) => subscribe(i + 1, ["trade"], [ticker])));
  const frames = take();
  assert.deepEqual(
    frames.map(({ type }) => type),
    ["subscribed", "ok", "ok", "ok"],
  );
  assert.deepEqual(
    frames.map(({ id }) => id),
    [4, 2, 1, 3],
  );
});

test("update_subscription adds, deletes and asks for snapshots", () => {
  const { say, take, tickers } = connect();
  const [a = "", b = "", c = ""] = tickers;
  say(subscribe(1, ["orderbook_delta"], [a]));
  take();
  say(update(2, 1, "add_markets", [b, c]));
  assert.deepEqual(types(take()), ["ok 2", "orderbook_snapshot 3", "orderbook_snapshot 4"]);
  say(update(3, 1, "delete_markets", [b]));
  assert.deepEqual(take()[0]?.msg, { market_tickers: [a, c].sort() });
  say(update(4, 1, "get_snapshot", [a]));
  const [snapshot] = take();
  assert.deepEqual([snapshot?.type, snapshot?.id, snapshot?.seq], ["orderbook_snapshot", 4, 6]);
  say({ id: 5, cmd: "list_subscriptions" });
  assert.deepEqual(take(), [{ type: "ok", id: 5, msg: [{ channel: "orderbook_delta", sid: 1 }] }]);
  say({ id: 6, cmd: "unsubscribe", params: { sids: [1] } });
  assert.deepEqual(take(), [{ type: "unsubscribed", id: 6, sid: 1, seq: 7 }]);
});

test("errors have the venue's codes", () => {
  const { say, raw, take, tickers } = connect({ marketLimit: 2 });
  const code = (command: object) => {
    say(command);
    const [frame] = take();
    assert.equal(frame?.type, "error");
    return frame.msg.code;
  };
  assert.equal(code({ id: 1, cmd: "dance" }), 5);
  assert.equal(code({ id: 1, cmd: "subscribe" }), 2);
  assert.equal(code({ id: 1, cmd: "subscribe", params: {} }), 3);
  assert.equal(code(subscribe(1, ["orderbook_delta"])), 14);
  assert.equal(code(subscribe(1, ["ticker_v2"])), 8);
  assert.equal(code(subscribe(1, ["orderbook_delta"], tickers.slice(0, 3))), 26);
  assert.equal(code(update(1, 9, "add_markets", ["X"])), 7);
  assert.equal(code({ id: 1, cmd: "unsubscribe", params: {} }), 4);
  assert.equal(code({ id: 1, cmd: "update_subscription", params: { sids: [1, 2], action: "add_markets" } }), 12);
  assert.equal(code({ id: 1, cmd: "update_subscription", params: { sid: 1 } }), 15);
  assert.equal(code({ id: 1, cmd: "update_subscription", params: { sid: 1, action: "grow" } }), 13);
  assert.equal(
    code({ id: 1, cmd: "subscribe", params: { channels: ["trade"], market_ticker: "A", market_tickers: ["B"] } }),
    11,
  );
  raw("no json");
  assert.deepEqual(take(), [{ type: "error", msg: { code: 1, msg: "Unable to process message" } }]);
});

test("unknown channels do not spoil the known ones", () => {
  const { say, take, tickers } = connect();
  say(subscribe(7, ["multivariate", "trade"], tickers.slice(0, 1)));
  assert.deepEqual(take(), [
    { type: "error", id: 7, msg: { code: 8, msg: "Unknown channel name" } },
    { type: "subscribed", id: 7, msg: { channel: "trade", sid: 1 } },
  ]);
});

/** Applies frames as the documentation says: snapshots replace, deltas add. Sizes in millionths, zero removed. */
function follow(frames: readonly Frame[], books = new Map<string, Map<string, number>>()) {
  for (const { type, msg } of frames) {
    const ticker = String(msg.market_ticker);
    if (type === "orderbook_snapshot") {
      const levels = (side: string) => (msg[`${side}_dollars_fp`] ?? []) as [string, string][];
      books.set(
        ticker,
        new Map(
          ["yes", "no"].flatMap((side) =>
            levels(side).map(([price, size]) => [`${side} ${price}`, parseMillionths(size) ?? NaN]),
          ),
        ),
      );
    } else if (type === "orderbook_delta") {
      const key = `${String(msg.side)} ${String(msg.price_dollars)}`;
      const book = books.get(ticker);
      const size = (book?.get(key) ?? 0) + (parseMillionths(String(msg.delta_fp)) ?? NaN);
      assert.ok(size >= 0, `${ticker} ${key} ${size}`);
      if (size === 0) book?.delete(key);
      else book?.set(key, size);
    }
  }
  return books;
}

for (const yesPrice of [false, true]) {
  test(`deltas add up to the exchange's books, use_yes_price ${yesPrice}`, () => {
    const { world, say, take, tickers } = connect();
    say(subscribe(1, ["orderbook_delta"], tickers, { use_yes_price: yesPrice }));
    world.advance(START + 29 * SECOND);
    const frames = take();
    const numbered = frames.filter(({ seq }) => seq !== undefined);
    assert.deepEqual(
      numbered.map(({ seq }) => seq),
      numbered.map((_, i) => i + 1),
    );
    const books = follow(frames);
    for (const { id, bids, asks } of world.kalshi.markets.values()) {
      if (!tickers.includes(id)) continue;
      const expected = new Map<string, number>();
      bids.prices.forEach((price, i) => expected.set(`yes ${(price / 1e6).toFixed(4)}`, bids.sizes[i] ?? 0));
      asks.prices.forEach((price, i) => {
        const shown = yesPrice ? price : 1_000_000 - price;
        expected.set(`no ${(shown / 1e6).toFixed(4)}`, asks.sizes[i] ?? 0);
      });
      assert.deepEqual([...(books.get(id) ?? [])].sort(), [...expected].sort(), `${id} ${formatMillionths(world.now)}`);
    }
  });
}

test("after the close comes an empty snapshot in the same sequence, and the settlement on the lifecycle channel", () => {
  const { world, say, take, tickers } = connect();
  const [closing = ""] = tickers;
  say(subscribe(1, ["orderbook_delta", "market_lifecycle_v2"], tickers));
  world.advance(START + 90 * SECOND);
  const frames = take().filter(({ msg }) => msg.market_ticker === closing);
  const empty = frames.filter(
    ({ type, msg }) =>
      type === "orderbook_snapshot" && msg.yes_dollars_fp === undefined && msg.no_dollars_fp === undefined,
  );
  assert.ok(empty.length >= 1);
  const [determined, settled] = frames.filter(({ type }) => type === "market_lifecycle_v2");
  assert.deepEqual(Object.keys(determined?.msg ?? {}), [
    "market_ticker",
    "determination_ts",
    "result",
    "settlement_value",
    "event_type",
  ]);
  assert.match(String(determined?.msg.settlement_value), /^[01]\.0000$/);
  assert.deepEqual(Object.keys(settled?.msg ?? {}), ["market_ticker", "settled_ts", "event_type"]);
});

test("lifecycle tells of creation, strike, price structure and pauses, not of opening and closing", () => {
  const { world, say, take } = connect();
  say(subscribe(1, ["market_lifecycle_v2"]));
  world.advance(START + 29 * SECOND);
  const kinds = take()
    .slice(1)
    .map(({ type, msg }) => msg.event_type ?? type);
  assert.deepEqual(kinds, [
    "event_lifecycle",
    "created",
    "metadata_updated",
    "price_level_structure_updated",
    "deactivated",
    "activated",
  ]);
});

test("tickers come about once a second for a busy market, without a sequence number; trades have one", () => {
  const { world, say, take, tickers } = connect();
  say(subscribe(1, ["ticker", "trade"]));
  world.advance(START + 20 * SECOND);
  const frames = take();
  const busy = frames.filter(({ type, msg }) => type === "ticker" && msg.market_ticker === tickers[0]);
  assert.ok(busy.length >= 18 && busy.length <= 20, String(busy.length));
  assert.ok(busy.every(({ seq, sid }) => seq === undefined && sid === 1));
  const trades = frames.filter(({ type }) => type === "trade");
  assert.deepEqual(
    trades.map(({ seq }) => seq),
    trades.map((_, i) => i + 1),
  );
  assert.ok(trades.length > 50);
});

test("terminal errors end the subscriptions", () => {
  const { world, say, take, fail, tickers } = connect();
  say(subscribe(1, ["orderbook_delta"], tickers));
  take();
  fail(25);
  assert.deepEqual(take(), [
    { type: "error", sid: 1, seq: 12, msg: { code: 25, msg: "Subscription buffer overflow" } },
  ]);
  world.advance(START + SECOND);
  assert.deepEqual(take(), []);
});

test("the formats of April and of October 2026", () => {
  const april = connect({ format: { sendingTime: false, deltaMilliseconds: false } });
  april.say(subscribe(1, ["orderbook_delta"], april.tickers));
  april.world.advance(START + SECOND);
  assert.equal(
    april.take().some(({ msg }) => "ts_ms" in msg),
    false,
  );
  const october = connect({ format: { sendingTime: true, deltaMilliseconds: true } });
  october.say(subscribe(1, ["orderbook_delta"], october.tickers));
  october.world.advance(START + SECOND);
  assert.ok(october.take().every(({ sending_ts_ms }) => Number.isInteger(sending_ts_ms)));
});
