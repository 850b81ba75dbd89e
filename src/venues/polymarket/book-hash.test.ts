import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bookHash } from "./book-hash.ts";
import { HashChecks } from "./hash-agreement.ts";
import { HashedLevels } from "./hashed-levels.ts";

const book = {
  market: "0xaa",
  assetId: "1",
  timestamp: "1700000000000",
  bids: [
    { price: "0.01", size: "10" },
    { price: "0.48", size: "5.5" },
  ],
  asks: [
    { price: "0.99", size: "7" },
    { price: "0.5", size: "3" },
  ],
  minOrderSize: "5",
  tickSize: "0.01",
  negRisk: false,
  lastTradePrice: "0.490",
};
const HASH = "6fb6c920c629c92457935db669b7358d159df8a8";

test("the published test vector has its hash", () => {
  assert.equal(bookHash(book), HASH);
});

test("every field and every digit of the venue's text counts", () => {
  const [bid] = book.bids;
  const variants = [
    { ...book, lastTradePrice: "0.49" },
    { ...book, negRisk: true },
    { ...book, bids: [{ price: "0.010", size: "10" }, ...book.bids.slice(1)] },
    { ...book, bids: bid === undefined ? [] : [bid] },
  ];
  for (const variant of variants) assert.notEqual(bookHash(variant), HASH);
});

test("levels that came in any order and by changes hash like the whole book", () => {
  const levels = new HashedLevels();
  levels.set("bid", 480_000, "0.48", "9", false);
  levels.set("ask", 500_000, "0.5", "3", false);
  levels.set("bid", 20_000, "0.02", "1", false);
  levels.set("ask", 990_000, "0.99", "7", false);
  levels.set("bid", 10_000, "0.01", "10", false);
  levels.set("bid", 480_000, "0.48", "5.5", false);
  levels.set("bid", 20_000, "0.02", "0", true);
  levels.set("ask", 700_000, "0.7", "0", true);
  assert.equal(levels.hash(book), HASH);
  assert.equal(HashedLevels.restore(JSON.parse(JSON.stringify(levels.save()))).hash(book), HASH);
  assert.deepEqual(new HashedLevels().save(), HashedLevels.restore(new HashedLevels().save()).save());
});

test("after any changes the levels hash like the book that they make", () => {
  const change = fc.record({
    side: fc.constantFrom("bid", "ask"),
    tick: fc.integer({ min: 1, max: 20 }),
    size: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const levels = new HashedLevels();
      const model = { bid: new Map<number, string>(), ask: new Map<number, string>() };
      for (const { side, tick, size } of changes) {
        levels.set(side, tick * 10_000, String(tick / 100), String(size), size === 0);
        if (size === 0) model[side].delete(tick);
        else model[side].set(tick, String(size));
      }
      const list = (side: "bid" | "ask") =>
        [...model[side]].toSorted(([a], [b]) => a - b).map(([tick, size]) => ({ price: String(tick / 100), size }));
      assert.equal(levels.hash(book), bookHash({ ...book, bids: list("bid"), asks: list("ask").toReversed() }));
    }),
    { seed: 20_261_121 },
  );
});

test("a trade's price is tried before its print arrives, and remembered where it fits", () => {
  const levels = new HashedLevels();
  for (const { price, size } of book.bids) levels.set("bid", Number(price) * 1e6, price, size, false);
  for (const { price, size } of book.asks) levels.set("ask", Number(price) * 1e6, price, size, false);
  const state = {
    tokens: ["1"],
    minOrderSize: "5",
    tickSize: "0.01",
    negRisk: false,
    lastTradePrice: "0.470",
    printedPrice: null,
    status: null,
  };
  const message = { market: book.market, timestamp: book.timestamp, expected: HASH };
  const checks = new HashChecks();
  checks.check("1", state, levels, { ...message, prices: ["0.480"] });
  assert.deepEqual([checks.agreement().checked, checks.agreement().matched, state.lastTradePrice], [1, 0, "0.470"]);
  checks.check("1", state, levels, { ...message, prices: ["0.480", "0.49"] });
  assert.deepEqual([checks.agreement().checked, checks.agreement().matched, state.lastTradePrice], [2, 1, "0.490"]);
  checks.check("1", { ...state, minOrderSize: null }, levels, { ...message, prices: [] });
  assert.equal(checks.agreement().checked, 2, "nothing can be said before all ten fields are known");
});

test("changes are checked up to a number of hashes in each second", () => {
  const checks = new HashChecks();
  const state = {
    tokens: ["1"],
    minOrderSize: "5",
    tickSize: "0.01",
    negRisk: false,
    lastTradePrice: "0.490",
    printedPrice: null,
    status: null,
  };
  const message = { market: book.market, timestamp: book.timestamp, expected: HASH, prices: [] };
  let count = 0;
  for (; checks.due(1_999_999); count++) checks.check("1", state, new HashedLevels(), message);
  assert.equal(count, 2000);
  assert.equal(restored(checks).due(1_500_000), false);
  assert.equal(checks.due(2_000_000), true);
});

function restored(checks: HashChecks): HashChecks {
  const copy = new HashChecks();
  copy.restore(JSON.parse(JSON.stringify(checks.save())));
  return copy;
}
