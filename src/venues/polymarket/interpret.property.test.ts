import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { book, interpretation, priceChange } from "./interpretation.fixture.ts";
import { formatMillionths } from "../../model/decimal.ts";
import type { MarketEvent } from "../../model/events.ts";

const options = { seed: 20_261_121, numRuns: 150 };
type Run = ReturnType<typeof interpretation>;
type Step = (run: Run, at: number) => void;

const markets = ["0xaa", "0xbb"];
const where = fc
  .constantFrom("1001", "1002", "2001")
  .map((asset_id) => ({ asset_id, market: markets[asset_id === "2001" ? 1 : 0] }));
const price = fc.integer({ min: 1, max: 999 }).map((thousandth) => formatMillionths(thousandth * 1000));
const size = fc.integer({ min: 0, max: 50 }).map((half) => formatMillionths(half * 500_000));
const levels = fc
  .uniqueArray(fc.record({ price, size }), { selector: (level) => level.price, maxLength: 6 })
  .map((list) => [...list]);
const side = fc.constantFrom("BUY", "SELL", "buy", "?");
const timestamp = fc.constantFrom("1784578686071", "1784578686072", "");
const epoch = fc.integer({ min: 1, max: 3 });

const message = fc.oneof(
  fc
    .record({ where, bids: levels, asks: levels, timestamp })
    .map(({ where: at, ...rest }) => book({ ...rest, ...at, tick_size: "0.001", last_trade_price: "0.500" })),
  fc
    .array(fc.record({ asset_id: fc.constantFrom("1001", "1002"), price, size, side, best_bid: price }), {
      maxLength: 4,
    })
    .map((changes) => priceChange(...changes)),
  fc
    .record({ where, price, size, side, timestamp, transaction_hash: fc.constantFrom("", "0x1") })
    .map(({ where: at, ...rest }) => ({
      event_type: "last_trade_price",
      ...at,
      ...rest,
    })),
  fc.constantFrom(
    { event_type: "new_market", market: "0xbb", assets_ids: ["2001"] },
    { event_type: "market_resolved", market: "0xbb", assets_ids: ["2001"], winning_outcome: "Yes" },
    { event_type: "tick_size_change", market: "0xaa", asset_id: "1001", new_tick_size: "0.01" },
    { event_type: "surprise" },
  ),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.tuple(epoch, fc.constantFrom("market/0", "market/1")).map(
      ([e, stream]): Step =>
        (run, at) =>
          run.open(e, stream, at),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(epoch, fc.constantFrom("subscribe", "unsubscribe"), fc.subarray(["1001", "1002", "2001"])).map(
      ([e, operation, assets_ids]): Step =>
        (run, at) =>
          void run.send(e, { operation, assets_ids }, at),
    ),
  },
  {
    weight: 10,
    arbitrary: fc.tuple(epoch, message).map(
      ([e, value]): Step =>
        (run, at) =>
          void run.frame(e, value, at),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(epoch, fc.constantFrom("PONG", "[]", "{", "\u0000")).map(
      ([e, value]): Step =>
        (run, at) =>
          void run.frame(e, value, at),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(epoch, fc.constantFrom("venue", "watchdog", "stopped", "crash")).map(
      ([e, by]): Step =>
        (run, at) =>
          void run.close(e, { by }, at),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(epoch, fc.constantFrom("stall", "resync", "discovery", "no-snapshot", "oversize"))
      .map(([e, type]): Step => (run, at) => {
        const evidence = {
          markets: ["0xaa"],
          tokens: ["1001"],
          listener: "l",
          added: [{ market: "0xbb", outcomes: ["2001"] }],
        };
        run.interpreter.decision({ type, ...evidence }, e, at);
      }),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((acceptingOrders): Step => (run, at) => {
      const market = {
        conditionId: "0xaa",
        clobTokenIds: '["1001","1002"]',
        orderMinSize: 5,
        negRisk: false,
        acceptingOrders,
      };
      run.http("https://gamma-api.polymarket.com/markets", JSON.stringify([market]), 200, at);
    }),
  },
);

function play(steps: readonly Step[], restoreAt: readonly number[]): { events: MarketEvent[]; agreement: unknown } {
  let run = interpretation();
  const events: MarketEvent[] = [];
  for (const [index, apply] of steps.entries()) {
    if (restoreAt.includes(index)) {
      events.push(...run.events);
      run = interpretation(JSON.parse(JSON.stringify(run.interpreter.save())) as unknown);
    }
    apply(run, 1_000_000 + index * 400_000);
  }
  events.push(...run.events);
  const { checked, matched, tokens } = run.interpreter.hashAgreement();
  return { events: events.map(withoutId), agreement: [checked, matched, [...tokens]] };
}

/** Instruments are numbered in order of appearance, which a restored interpreter cannot know. */
function withoutId(event: MarketEvent): MarketEvent {
  return JSON.parse(JSON.stringify(event, (key, value: unknown) => (key === "id" ? undefined : value))) as MarketEvent;
}

test("saved and restored at any points, it says the same", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 4, maxLength: 40 }),
      fc.array(fc.nat(40), { maxLength: 4 }),
      (steps, points) => {
        assert.deepEqual(play(steps, points), play(steps, []));
      },
    ),
    options,
  );
});

test("no hole is opened twice, and no gap is closed that is not open", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const open = new Set<string>();
      for (const event of play(steps, []).events) {
        if (event.type === "gap_opened" && event.to === null && event.market === null) {
          assert.ok(!open.has(event.key), event.key);
          open.add(event.key);
        }
        if (event.type === "gap_closed") assert.ok(open.delete(event.key), event.key);
      }
    }),
    options,
  );
});

test("nothing that a venue can send throws, and every message gives something", () => {
  const types = [
    "book",
    "price_change",
    "last_trade_price",
    "tick_size_change",
    "best_bid_ask",
    "new_market",
    "market_resolved",
    "x",
  ];
  const keys = [
    "market",
    "asset_id",
    "bids",
    "asks",
    "price_changes",
    "changes",
    "price",
    "size",
    "side",
    "hash",
    "timestamp",
    "assets_ids",
  ];
  const odd = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom<unknown>("1001", "0xaa", "0.5", "BUY", [], [{}]));
  const wild = fc
    .tuple(fc.constantFrom(...types), fc.dictionary(fc.constantFrom(...keys), odd))
    .map(([event_type, fields]): Record<string, unknown> => ({ ...fields, event_type }));
  fc.assert(
    fc.property(wild, (value) => {
      const run = interpretation();
      run.frame(1, book());
      assert.ok(run.frame(1, value).length > 0 || (value["price_changes"] ?? value["changes"] ?? null) !== null);
    }),
    { ...options, numRuns: 400 },
  );
  fc.assert(
    fc.property(fc.uint8Array(), fc.string(), fc.webUrl(), (bytes, text, url) => {
      const run = interpretation();
      run.interpreter.received(1, Buffer.from(bytes), null);
      run.interpreter.sent(1, Buffer.from(bytes), null);
      run.send(1, text);
      run.frame(1, text);
      run.http(url, text);
      run.http(`${url.replace(/\/$/, "")}/markets`, text);
    }),
    options,
  );
});

test("a book is the same in whatever order its levels come", () => {
  fc.assert(
    fc.property(
      levels.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
      ([list, shuffled]) => {
        const snapshot = (bids: unknown): unknown =>
          interpretation()
            .frame(1, book({ bids, asks: bids }))
            .at(-1);
        assert.deepEqual(snapshot(shuffled), snapshot(list));
      },
    ),
    options,
  );
});

test("a restored Gamma fact is the venue's own object", () => {
  const { http } = interpretation();
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
      const market = { ...fields, conditionId: "0xcc" };
      const events = http("https://gamma-api.polymarket.com/markets", JSON.stringify([market]));
      const facts = events.find(({ type }) => type === "market");
      assert.ok(facts?.type === "market");
      const { events: __, ...own } = JSON.parse(JSON.stringify(market)) as Record<string, unknown>;
      assert.deepEqual(JSON.parse(facts.raw), own);
    }),
    options,
  );
});
