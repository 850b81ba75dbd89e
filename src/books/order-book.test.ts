import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Levels, Side } from "../model/events.ts";
import { OrderBook } from "./order-book.ts";

const side = fc.constantFrom<Side>("bid", "ask");
const price = fc.integer({ min: 0, max: 40 }).map((tick) => tick * 25_000);

/** The same book, written for the eye: a map, sorted when asked. */
class NaiveBook {
  readonly levels = { bid: new Map<number, number>(), ask: new Map<number, number>() };

  apply(of: Side, at: number, size: number): number {
    const before = this.levels[of].get(at) ?? 0;
    if (size > 0) this.levels[of].set(at, size);
    else this.levels[of].delete(at);
    return before;
  }

  add(of: Side, at: number, change: number): number {
    const size = (this.levels[of].get(at) ?? 0) + change;
    if (size >= 0) this.apply(of, at, size);
    return size;
  }

  sorted(of: Side): Levels {
    const entries = [...this.levels[of]].sort(([a], [b]) => (of === "bid" ? b - a : a - b));
    return { prices: entries.map(([at]) => at), sizes: entries.map(([, size]) => size) };
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("apply" as const), side, price, size: fc.integer({ min: 0, max: 5_000_000 }) }),
  fc.record({ kind: fc.constant("add" as const), side, price, size: fc.integer({ min: -3_000_000, max: 3_000_000 }) }),
);

test("an order book behaves like a sorted map of levels", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const book = new OrderBook();
      const naive = new NaiveBook();
      for (const { kind, side: of, price: at, size } of steps) {
        assert.equal(book[kind](of, at, size), naive[kind](of, at, size));
        assert.equal(book.sizeAt(of, at), naive.levels[of].get(at) ?? 0);
        const bids = naive.sorted("bid");
        const asks = naive.sorted("ask");
        assert.deepEqual(book.levels("bid"), bids);
        assert.deepEqual(book.levels("ask"), asks);
        assert.equal(book.bestBid, bids.prices[0] ?? null);
        assert.equal(book.bestAsk, asks.prices[0] ?? null);
        assert.equal(book.depth, bids.prices.length + asks.prices.length);
        const crossed = bids.prices.length > 0 && asks.prices.length > 0 && bids.prices[0]! >= asks.prices[0]!;
        assert.equal(book.isCrossed, crossed);
        const copy = new OrderBook();
        copy.replace(bids, asks);
        assert.ok(copy.equals(book));
        copy.add(of, at, 1);
        assert.ok(!copy.equals(book));
      }
    }),
    { seed: 20261121, numRuns: 200 },
  );
});

test("a negative level is reported and not stored", () => {
  const book = new OrderBook();
  book.apply("bid", 480_000, 3_000_000);
  assert.equal(book.add("bid", 480_000, -3_000_001), -1);
  assert.equal(book.sizeAt("bid", 480_000), 3_000_000);
});

test("levels that come unsorted, twice or empty still make a book", () => {
  const book = new OrderBook();
  const none = { prices: [], sizes: [] };
  book.replace({ prices: [400_000, 500_000, 450_000, 500_000, 300_000], sizes: [1, 2, 0, 2, 4] }, none);
  assert.deepEqual(book.levels("bid"), { prices: [500_000, 400_000, 300_000], sizes: [2, 1, 4] });
  book.replace(none, { prices: [0, 10_000], sizes: [5, 6] });
  assert.deepEqual(book.levels("ask"), { prices: [0, 10_000], sizes: [5, 6] });
  assert.ok(Object.is(book.bestAsk, 0));
  assert.equal(book.bestBid, null);
});

test("a million random fractional deltas give the exact truth", () => {
  let seed = 20261121;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const book = new OrderBook();
  const truth = new Map<string, bigint>();
  for (let i = 0; i < 1_000_000; i++) {
    const of: Side = random(2) === 0 ? "bid" : "ask";
    const at = (1 + random(999)) * 1_000;
    const key = `${of} ${at}`;
    const had = truth.get(key) ?? 0n;
    // Hundredths of contracts, a third of the time the level's whole size, so that levels vanish and come back.
    const change = had > 0n && random(3) === 0 ? -had : BigInt(1 + random(1_000_000)) * 10_000n;
    const now = had + change;
    truth.set(key, now);
    if (book.add(of, at, Number(change)) !== Number(now)) assert.fail(`delta ${i} at ${key}`);
  }
  let depth = 0;
  for (const [key, size] of truth) {
    const [of, at] = key.split(" ");
    assert.equal(BigInt(book.sizeAt(of as Side, Number(at))), size);
    if (size > 0n) depth++;
  }
  assert.equal(book.depth, depth);
});
