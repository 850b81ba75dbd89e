import assert from "node:assert/strict";
import { test } from "node:test";
import type { MarketEvent } from "../../model/events.ts";
import { delta, excerpt, Scenario, snapshot, subscribed, ticker } from "./scenario.fixture.ts";

const [dual, dualUntraded, afterClose, determined, settled, wholeCents, oldLifecycle] =
  excerpt("ws-single-frames.jsonl");

/** The events of one frame on a connection whose beginning is not known. */
function read(frame: string | undefined): MarketEvent[] {
  const scenario = new Scenario().connect().receive(`${frame ?? ""}\n`);
  return scenario.events.filter((event) => event.type !== "subscription");
}

test("a delta of 2025: integer cents and counts, nanoseconds; a NO bid at 51 is a YES ask at 49", () => {
  const [event, ...rest] = read(wholeCents);
  assert.ok(event?.type === "book_delta");
  assert.deepEqual(rest, []);
  const { instrument, ...fields } = event;
  assert.deepEqual([instrument.market, instrument.outcome], ["KXMLBGAME-25AUG12SDSF-SD", "yes"]);
  assert.deepEqual(fields, {
    type: "book_delta",
    ts: 1_755_032_432_539_836,
    seq: 3,
    epoch: 1,
    sid: 1,
    side: "ask",
    price: 490_000,
    size: null,
    change: -1_000_000,
    venueHash: null,
  });
});

test("a dual ticker: dollar strings win over cents; an untraded market has no last price", () => {
  const [quote] = read(dual);
  assert.ok(quote?.type === "quote");
  assert.deepEqual([quote.bid, quote.ask, quote.lastPrice], [110_000, 120_000, 120_000]);
  assert.deepEqual([quote.volume, quote.openInterest, quote.volumeUsd], [351_970e6, 182_646e6, 175_985e6]);
  assert.deepEqual([quote.bidSize, quote.ts, quote.trigger], [null, 1_732_579_880_000_000, "tick"]);
  const [untraded] = read(dualUntraded);
  assert.ok(untraded?.type === "quote");
  assert.deepEqual([untraded.bid, untraded.ask, untraded.lastPrice], [370_000, 430_000, null]);
});

test("a ticker after the close: placeholders are null, `time` has the microseconds", () => {
  const [quote] = read(afterClose);
  assert.ok(quote?.type === "quote");
  assert.deepEqual([quote.bid, quote.bidSize, quote.ask, quote.askSize], [null, null, null, null]);
  assert.deepEqual([quote.lastPrice, quote.lastSize, quote.volume], [999_000, 110_000, 2_233_487_480_000]);
  assert.equal(quote.ts, 1_784_475_900_544_125);
});

test("lifecycle steps, with and without sequence numbers", () => {
  const [end] = read(determined);
  assert.ok(end?.type === "lifecycle");
  assert.deepEqual([end.kind, end.fromStatus, end.toStatus], ["determined", null, "determined"]);
  assert.equal(end.ts, 1_784_501_722_000_000);
  assert.equal((JSON.parse(end.detail) as { result: string }).result, "no");
  assert.deepEqual(
    read(settled).map((event) => event.type === "lifecycle" && event.toStatus),
    ["settled"],
  );
  assert.deepEqual(
    read(oldLifecycle).map((event) => event.type === "lifecycle" && event.ts),
    [1_759_350_638_000_000],
  );
});

test("one market with and without use_yes_price: the same book, told by the command, by facts, or by the default", () => {
  const command = (flag: boolean) => ({
    id: 1,
    cmd: "subscribe",
    params: { channels: ["orderbook_delta", "trade"], market_tickers: ["M"], use_yes_price: flag },
  });
  const yes = new Scenario().connect().send(command(true));
  for (const frame of excerpt("ws-2026-06-use-yes-price.jsonl")) yes.receive(`${frame}\n`);
  const told = new Scenario().connect(1, { use_yes_price: true });
  for (const frame of excerpt("ws-2026-06-use-yes-price.jsonl")) told.receive(`${frame}\n`);
  const no = new Scenario().connect().send(command(false));
  for (const frame of excerpt("ws-2026-06-no-leg.jsonl")) no.receive(`${frame}\n`);
  const book = (scenario: Scenario) => scenario.of("book_snapshot").map(({ bids, asks }) => ({ bids, asks }));
  assert.deepEqual(book(yes), [
    { bids: { prices: [470_000], sizes: [3_000_000] }, asks: { prices: [520_000], sizes: [1_000_000] } },
  ]);
  assert.deepEqual(book(told), book(yes));
  assert.deepEqual(book(no)[0]?.asks, { prices: [520_000], sizes: [2_000_000] });
  const changes = (scenario: Scenario) =>
    scenario.of("book_delta").map(({ side, price, change }) => [side, price, change]);
  assert.deepEqual(changes(yes), [
    ["ask", 520_000, -1_000_000],
    ["ask", 520_000, 2_000_000],
  ]);
  assert.deepEqual(changes(no).slice(0, 2), [
    ["bid", 470_000, -3_000_000],
    ["ask", 520_000, -2_000_000],
  ]);
});

test("the end of a book: sub-cent changes, a last ticker, an empty snapshot", () => {
  const scenario = new Scenario().connect();
  for (const line of excerpt("ws-2026-05-close.jsonl")) {
    scenario.receive((JSON.parse(line) as { frame: Record<string, unknown> }).frame);
  }
  const types = scenario.events.map((event) => event.type).filter((type) => type !== "subscription");
  const changes = Array<string>(5).fill("book_delta");
  assert.deepEqual(types, [...changes, "quote", "top_of_book", "book_snapshot"]);
  assert.equal(scenario.of("book_delta")[0]?.price, 1_000);
  assert.deepEqual(scenario.of("book_snapshot")[0]?.bids, { prices: [], sizes: [] });
});

test("snapshots of every generation are the same book, best level first", () => {
  const same = [
    {
      yes_dollars_fp: [
        ["0.0800", "300.00"],
        ["0.2200", "1.50"],
      ],
      no_dollars_fp: [
        ["0.5000", "2.00"],
        ["0.6000", "3.00"],
      ],
    },
    {
      yes_dollars: [
        ["0.2200", 1.5],
        ["0.0800", 300],
      ],
      no_dollars: [
        ["0.6000", 3],
        ["0.5000", 2],
      ],
    },
    {
      yes: [
        [8, 300],
        [22, 1.5],
      ],
      no: [
        [50, 2],
        [60, 3],
      ],
    },
    {
      yes: [
        [8, 300],
        [22, 1.5],
      ],
      yes_dollars: [
        ["0.08", 300],
        ["0.22", 1.5],
      ],
      no: [
        [50, 2],
        [60, 3],
      ],
      no_dollars_fp: null,
    },
  ];
  for (const message of same) {
    const [event] = read(JSON.stringify(snapshot(1, 1, "A", message)));
    assert.ok(event?.type === "book_snapshot");
    assert.deepEqual(event.bids, { prices: [220_000, 80_000], sizes: [1_500_000, 300_000_000] });
    assert.deepEqual(event.asks, { prices: [400_000, 500_000], sizes: [3_000_000, 2_000_000] });
  }
});

test("keys that came later are tolerated on any frame", () => {
  const frames = [
    { ...subscribed(1, "orderbook_delta"), sending_ts_ms: 1_780_000_000_001 },
    { ...snapshot(1, 1, "A"), sending_ts_ms: 1_780_000_000_001, shard: { a: [1] } },
    { ...delta(1, 2, "A", { client_order_id: "x", subaccount: 1 }), sending_ts_ms: 1_780_000_000_001 },
    { ...delta(1, 3, "A", { maker: { deep: true } }), note: null },
  ];
  const scenario = new Scenario().connect();
  for (const frame of frames) scenario.receive(frame);
  assert.deepEqual([scenario.of("quarantine"), scenario.of("book_delta").length], [[], 2]);
});

test("decimals may come as JSON numbers", () => {
  const [event] = read(JSON.stringify(delta(1, 1, "A", { price_dollars: 0.485, delta_fp: -3 })));
  assert.ok(event?.type === "book_delta");
  assert.deepEqual([event.price, event.change], [485_000, -3_000_000]);
});

test("trades are stated for YES, whichever side and generation the venue names", () => {
  const cases = [
    [
      { yes_price_dollars: "0.8100", count_fp: "14.18", taker_outcome_side: "yes", is_block_trade: true },
      810_000,
      "buy",
    ],
    [{ yes_price_dollars: "0.8100", count_fp: "14.18", taker_book_side: "ask" }, 810_000, "sell"],
    [{ no_price_dollars: "0.1900", count_fp: "14.18", taker_side: "no" }, 810_000, "sell"],
    [{ yes_price: 81, no_price: 19, count: 14.18, taker_side: "yes", ts: 1_780_000_000 }, 810_000, "buy"],
    [{ yes_price_dollars: "0.81", count_fp: "14.18" }, 810_000, null],
  ] as const;
  for (const [message, price, takerSide] of cases) {
    const frame = { type: "trade", sid: 1, seq: 1, msg: { trade_id: "t1", market_ticker: "A", ...message } };
    const [trade] = read(JSON.stringify(frame));
    assert.ok(trade?.type === "trade");
    const { source, tradeId, size } = trade;
    assert.deepEqual(
      [trade.price, trade.takerSide, size, source, tradeId],
      [price, takerSide, 14_180_000, "stream", "t1"],
    );
  }
});

test("prints without an id get one of their own content, repetitions too", () => {
  const msg = { market_ticker: "A", yes_price: 6, no_price: 94, count: 1, taker_side: "no", ts: 1_780_000_000 };
  const scenario = new Scenario().connect();
  for (let i = 0; i < 2; i++) scenario.receive({ type: "trade", sid: 1, msg });
  scenario.restart().receive({ type: "trade", sid: 1, msg });
  const ids = scenario.of("trade").map((trade) => trade.tradeId);
  assert.deepEqual(
    ids,
    [1, 2, 3].map((n) => `print/A/1780000000000000/60000/1000000/sell//${n}`),
  );
});

test("a ticker of a book that is held is also a witness of its top", () => {
  const scenario = new Scenario()
    .connect()
    .receive(ticker(2, "A"))
    .receive(snapshot(1, 1, "A"))
    .receive(ticker(2, "A"));
  assert.deepEqual(scenario.of("quote").length, 2);
  assert.deepEqual(
    scenario.of("top_of_book").map(({ bid, ask }) => [bid, ask]),
    [[400_000, 420_000]],
  );
});
