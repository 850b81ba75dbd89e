import assert from "node:assert/strict";
import { test } from "node:test";
import {
  book,
  capturedFrame,
  interpretation,
  MARKET,
  priceChange,
  TOKEN_A,
  TOKEN_B,
} from "./interpretation.fixture.ts";
import type { MarketEvent } from "../../model/events.ts";

/** Events with the instrument as `market/outcome`, to be read at a glance. */
function plain(events: readonly MarketEvent[]): unknown[] {
  return events.map((event) =>
    "instrument" in event ? { ...event, instrument: `${event.instrument.market}/${event.instrument.outcome}` } : event,
  );
}

function types(events: readonly MarketEvent[]): string[] {
  return events.map(({ type }) => type);
}

test("a price_change of 2024: one flat change", () => {
  const { frame } = interpretation();
  assert.deepEqual(plain(frame(1, capturedFrame(1))), [
    {
      type: "book_delta",
      instrument:
        "0xdd22472e552920b8438158ea7238bfadfa4f736aa4cee91a6b86c39ead110917/48331043336612883890938759509493159234755048973500640148014422747788308965732",
      ts: 1_723_967_931_411_000,
      seq: null,
      epoch: 1,
      sid: null,
      side: "ask",
      price: 514_000,
      size: 21_574_080_000,
      change: null,
      venueHash: "bf32b3746fff40c76c98021b7f3f07261169dd26",
    },
  ]);
});

test("a price_change until 2025-09-15: changes of one token", () => {
  const { frame } = interpretation();
  const events = frame(1, {
    asset_id: TOKEN_A,
    changes: [
      { price: "0.4", side: "buy", size: "3300" },
      { price: ".5", side: "SELL", size: 0 },
    ],
    event_type: "price_change",
    market: MARKET,
    timestamp: "1729084877448",
    hash: "3cd4d61e042c81560c9037ece0c61f3b1a8fbbdd",
  });
  assert.deepEqual(
    events.map((event) => event.type === "book_delta" && [event.side, event.price, event.size, event.venueHash]),
    [
      ["bid", 400_000, 3_300_000_000, "3cd4d61e042c81560c9037ece0c61f3b1a8fbbdd"],
      ["ask", 500_000, 0, "3cd4d61e042c81560c9037ece0c61f3b1a8fbbdd"],
    ],
  );
});

test("a price_change of today: both tokens, and the venue's best prices after the whole message", () => {
  const { frame } = interpretation();
  const events = frame(1, capturedFrame(4));
  assert.deepEqual(types(events), ["book_delta", "book_delta", "top_of_book", "top_of_book"]);
  assert.deepEqual(
    events.map((event) =>
      event.type === "book_delta"
        ? [event.side, event.price, event.size]
        : event.type === "top_of_book" && [event.bid, event.ask],
    ),
    [
      ["bid", 60_000, 374_340_000],
      ["ask", 940_000, 0],
      [70_000, 80_000],
      [920_000, 930_000],
    ],
  );
});

test("several entries of one token give one comparison, from the last of them", () => {
  const { frame } = interpretation();
  const events = frame(
    1,
    priceChange(
      { price: "0.3", best_bid: "0.3", best_ask: "0.9" },
      { price: "0.31", best_bid: "0.31", best_ask: "0.9" },
      { asset_id: TOKEN_B, side: "SELL", price: "0.69", best_bid: "", best_ask: "1" },
    ),
  );
  assert.deepEqual(plain(events.slice(3)), [
    { type: "top_of_book", instrument: `${MARKET}/${TOKEN_A}`, bid: 310_000, ask: 900_000, exact: true },
    { type: "top_of_book", instrument: `${MARKET}/${TOKEN_B}`, bid: null, ask: null, exact: true },
  ]);
});

test("a book is stated best first, whatever the order on the wire", () => {
  const { frame } = interpretation();
  for (const line of [2, 3]) {
    const snapshot = frame(1, capturedFrame(line)).find(({ type }) => type === "book_snapshot");
    assert.ok(snapshot?.type === "book_snapshot");
    assert.equal(snapshot.trigger, "venue");
    assert.deepEqual(
      snapshot.bids.prices,
      snapshot.bids.prices.toSorted((a, b) => b - a),
    );
    assert.deepEqual(
      snapshot.asks.prices,
      snapshot.asks.prices.toSorted((a, b) => a - b),
    );
  }
  const bids = [
    { price: "0.3", size: "1" },
    { price: ".48", size: "2" },
    { price: 0.31, size: 3 },
    { price: "0.1", size: "0" },
  ];
  const shuffled = frame(1, book({ bids, asks: [] })).at(-1);
  assert.ok(shuffled?.type === "book_snapshot");
  assert.deepEqual(shuffled.bids, { prices: [480_000, 310_000, 300_000], sizes: [2_000_000, 3_000_000, 1_000_000] });
  assert.deepEqual(shuffled.asks, { prices: [], sizes: [] });
});

test("one frame may hold several messages", () => {
  const { frame } = interpretation();
  const events = frame(1, [book(), book({ asset_id: TOKEN_B }), priceChange({})]);
  assert.deepEqual(types(events), ["subscription", "book_snapshot", "subscription", "book_snapshot", "book_delta"]);
});

test("a message is known by its shape where its type is missing", () => {
  const { frame } = interpretation();
  const { event_type: _, ...untyped } = book();
  const { event_type: __, ...change } = priceChange({});
  assert.deepEqual(types(frame(1, [untyped, change])), ["subscription", "book_snapshot", "book_delta"]);
});

test("a print becomes a trade with an id made of its content", () => {
  const { frame } = interpretation();
  const [trade] = frame(1, capturedFrame(5));
  assert.deepEqual(plain(trade === undefined ? [] : [trade]), [
    {
      type: "trade",
      instrument:
        "0x12dc2b61723b2a54fc1947a307389b5f32038e7a29a0e936ad1fe410b969d06a/72710166409980712002774407052535905861151156175854323762835102340552522606004",
      tradeId: trade?.type === "trade" && trade.tradeId,
      ts: 1_786_728_467_101_000,
      price: 585_000,
      size: 2_460_000,
      takerSide: "sell",
      source: "stream",
      isBlock: null,
      isAggregate: null,
      transactionHash: "0x6c83cdd2cd59f46a116824aecc9d9b05fc58af1a8f9cfdf09033f5cdb77e0dcf",
      priceReported: null,
    },
  ]);
  const other = interpretation().frame(7, capturedFrame(5));
  assert.deepEqual(other, [trade], "the same print on another connection is the same trade");
});

test("equal prints are told apart, prints without transaction hash by their time", () => {
  const { frame } = interpretation();
  const print = {
    event_type: "last_trade_price",
    market: MARKET,
    asset_id: TOKEN_A,
    price: "0.5",
    size: "1",
    side: "BUY",
  };
  const prints = [
    { ...print, timestamp: "1784578686072" },
    { ...print, timestamp: "1784578686072" },
    { ...print, timestamp: "1784578686073" },
    { ...print, timestamp: "1784578686072", transaction_hash: "0x1" },
  ];
  const ids = frame(1, prints).map((event) => event.type === "trade" && event.tradeId);
  assert.equal(new Set(ids).size, 4);
});

test("best_bid_ask is compared only; a side that is empty is null", () => {
  const { frame } = interpretation();
  assert.deepEqual(types(frame(1, capturedFrame(6))), ["top_of_book"]);
  const message = { event_type: "best_bid_ask", market: MARKET, asset_id: TOKEN_A, best_bid: "0", best_ask: "0.999" };
  const [top] = frame(1, message);
  assert.ok(top?.type === "top_of_book");
  assert.deepEqual([top.bid, top.ask], [null, 999_000]);
});

test("a change of the tick size is a step in the market's life and leaves the book alone", () => {
  const { frame } = interpretation();
  frame(1, book());
  const message = {
    event_type: "tick_size_change",
    market: MARKET,
    asset_id: TOKEN_A,
    old_tick_size: "0.01",
    new_tick_size: "0.001",
    timestamp: "1784578686075",
  };
  const [event, ...rest] = frame(1, message);
  assert.ok(event?.type === "lifecycle");
  assert.deepEqual(
    [event.kind, event.instrument.outcome, event.detail],
    ["tick_size_change", TOKEN_A, JSON.stringify(message)],
  );
  assert.deepEqual(rest, []);
});

test("a new market is said once, however often the venue repeats it", () => {
  const { frame } = interpretation();
  const message = JSON.parse(capturedFrame(8)) as Record<string, unknown>;
  const [facts, step, ...rest] = frame(1, message);
  assert.deepEqual(rest, []);
  assert.ok(facts?.type === "market" && step?.type === "lifecycle");
  assert.equal(facts.title, "Will NVIDIA (NVDA) close above $240 end of January?");
  assert.equal(facts.eventId, "125819");
  assert.equal(facts.tickSizes, '[{"start":"0","end":"1","step":"0.01"}]');
  assert.match(
    facts.outcomes ?? "",
    /^\[{"outcome_id":"76043\d+","name":"Yes"},{"outcome_id":"31690\d+","name":"No"}\]$/,
  );
  assert.deepEqual([step.kind, step.instrument.outcome], ["new_market", null]);
  assert.deepEqual(frame(1, message), []);
  assert.deepEqual(frame(2, { ...message, timestamp: "1766790415999" }), []);
  assert.deepEqual(types(frame(1, { ...message, active: false })), ["market", "lifecycle"]);
});

test("a resolution gives the winner and ends the market", () => {
  const { frame } = interpretation();
  const [facts, step, ...rest] = frame(1, capturedFrame(7));
  assert.deepEqual(rest, []);
  assert.ok(facts?.type === "market" && step?.type === "lifecycle");
  assert.deepEqual([facts.status, facts.result, facts.settledAt], ["settled", "Up", 1_787_166_722_776_000]);
  assert.deepEqual([step.kind, step.fromStatus, step.toStatus], ["market_resolved", null, "settled"]);
  assert.deepEqual(frame(1, capturedFrame(7)), []);
});

test("the answer to a keep-alive and an empty list are nothing", () => {
  const { frame } = interpretation();
  assert.deepEqual([...frame(1, "PONG"), ...frame(1, "PONG\n"), ...frame(1, "[]")], []);
});

test("what cannot be read is quarantined with a stable reason", () => {
  const { frame, open } = interpretation();
  open(1);
  const reason = (message: unknown): unknown => {
    const quarantined = frame(1, message).filter((event) => event.type === "quarantine");
    return quarantined.map((event) => event.reason);
  };
  assert.deepEqual(reason('{"event_type":"boo'), ["malformed_json"]);
  assert.deepEqual(reason(""), ["malformed_json"]);
  assert.deepEqual(reason("7"), ["unknown_type"]);
  assert.deepEqual(reason({ event_type: "surprise" }), ["unknown_type"]);
  assert.deepEqual(reason({ event_type: 3 }), ["unknown_type"]);
  assert.deepEqual(reason([null, book()]), ["unknown_type"]);
  assert.deepEqual(reason(book({ asset_id: "" })), ["missing_field"]);
  assert.deepEqual(reason(book({ bids: null })), ["missing_field"]);
  assert.deepEqual(
    reason(
      book({
        bids: [
          { price: "0.5", size: "1" },
          { price: "0.50", size: "2" },
        ],
      }),
    ),
    ["duplicate_level"],
  );
  assert.deepEqual(reason(book({ asks: [{ price: "0.5000001", size: "1" }] })), ["bad_number"]);
  assert.deepEqual(reason(book({ asks: [{ price: "1.5", size: "1" }] })), ["bad_number"]);
  assert.deepEqual(reason(priceChange({ side: "HOLD" })), ["bad_side"]);
  assert.deepEqual(reason(priceChange({ size: "-1" })), ["bad_number"]);
  assert.deepEqual(reason(priceChange({ size: "1e3" })), ["bad_number"]);
  assert.deepEqual(reason(priceChange({ price: undefined })), ["missing_field"]);
  assert.deepEqual(reason({ event_type: "price_change", market: MARKET }), ["missing_field"]);
  assert.deepEqual(
    reason({ event_type: "last_trade_price", market: MARKET, asset_id: TOKEN_A, price: "x", size: "1" }),
    ["bad_number"],
  );
  assert.deepEqual(reason(priceChange({ best_bid: "x", best_ask: "0.9" })), ["bad_number"]);
});

test("bytes that are no UTF-8 are quarantined, other letters are read", () => {
  const { interpreter, events, frame } = interpretation();
  interpreter.received(1, Buffer.from([0x7b, 0xff, 0x7d]), 5);
  assert.deepEqual(types(events), ["quarantine", "gap_opened"]);
  const message = { ...(JSON.parse(capturedFrame(8)) as object), question: "¿Sí o 否?" };
  const [facts] = frame(1, message);
  assert.ok(facts?.type === "market");
  assert.equal(facts.title, "¿Sí o 否?");
});

test("nesting without end neither throws nor is lost", () => {
  const { frame, http } = interpretation();
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const market = `"market":"0xaa","conditionId":"0xaa"`;
  assert.deepEqual(types(frame(1, deep)), ["quarantine"]);
  // Facts where this version of Node can write such depth back, a quarantine where it cannot.
  assert.ok(frame(1, `{"event_type":"new_market",${market},"x":${deep}}`).length > 0);
  assert.ok(http("https://gamma-api.polymarket.com/markets", `[{${market},"x":${deep}}]`).length > 0);
});

test("a frame without receive time is read too", () => {
  const { frame } = interpretation();
  assert.deepEqual(types(frame(1, [book(), priceChange({}), priceChange({})], null)), [
    "subscription",
    "book_snapshot",
    "book_delta",
    "book_delta",
  ]);
});
