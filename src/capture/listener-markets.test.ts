import assert from "node:assert/strict";
import { test } from "node:test";
import type { Discovery, WantedMarket } from "../venues/venue.ts";
import { ListenerMarkets } from "./listener-markets.ts";

const SECOND = 1_000_000;
const DAY = 86_400 * SECOND;

function market(name: string, closeAt: number | null = DAY): WantedMarket {
  return { venue: "v", market: name, outcomes: ["yes"], listener: "l", channels: ["book"], closeAt };
}

function listing(
  markets: readonly WantedMarket[],
  over: readonly (readonly [string, "closed" | "settled"])[] = [],
): Discovery {
  return { markets, leftOut: 0, exhaustive: true, over: new Map(over), next: () => null, read: () => {} };
}

test("a market leaves when two whole listings in a row lack it, not by what changed", () => {
  const markets = new ListenerMarkets([]);
  assert.equal(markets.update(listing([market("a"), market("b")]), true, 0).added.length, 2);
  markets.update(listing([market("a")]), true, 1);
  for (let i = 0; i < 5; i++) assert.equal(markets.update(listing([market("a")]), false, 2).removed.size, 0);
  assert.deepEqual([...markets.update(listing([market("a")]), true, 3).removed], [["unlisted", ["b"]]]);
  markets.update(listing([]), true, 4);
  markets.update(listing([market("a")]), true, 5);
  assert.equal(markets.update(listing([]), true, 6).removed.size, 0, "lists flicker");
});

test("a market stays beyond its close until its result is known and its last frames came", () => {
  const markets = new ListenerMarkets([]);
  markets.update(listing([market("a", 100 * SECOND)]), true, 0);
  for (let i = 0; i < 3; i++) assert.equal(markets.update(listing([]), true, 110 * SECOND).removed.size, 0);
  assert.ok(markets.isOver("a"));
  assert.equal(markets.update(listing([], [["a", "closed"]]), false, 120 * SECOND).removed.size, 0);
  assert.equal(markets.update(listing([], [["a", "settled"]]), false, 130 * SECOND).removed.size, 0);
  const { removed } = markets.update(listing([], [["a", "settled"]]), false, 160 * SECOND);
  assert.deepEqual([...removed], [["settled", ["a"]]]);
});

test("a result that is known before the last frames came is said once and not forgotten", () => {
  const markets = new ListenerMarkets([]);
  markets.update(listing([market("a", 100 * SECOND)]), true, 0);
  markets.update(listing([], [["a", "closed"]]), false, 101 * SECOND);
  assert.equal(markets.update(listing([], [["a", "settled"]]), false, 120 * SECOND).removed.size, 0);
  assert.equal(markets.update(listing([]), false, 150 * SECOND).removed.size, 0);
  assert.deepEqual([...markets.update(listing([]), true, 160 * SECOND).removed], [["settled", ["a"]]]);
});

test("a market that is over is wanted as one, until it is listed again", () => {
  const markets = new ListenerMarkets([]);
  markets.update(listing([market("a"), market("b")]), true, 0);
  const { over } = markets.update(listing([market("b")], [["a", "closed"]]), false, SECOND);
  assert.deepEqual(over, ["a"]);
  assert.deepEqual(markets.all, [{ ...market("a"), isOver: true }, market("b")]);
  const { changed } = markets.update(listing([market("a"), market("b")]), false, 2 * SECOND);
  assert.deepEqual(changed, [market("a")]);
  assert.deepEqual(markets.all, [market("a"), market("b")]);
});

test("a market that ends before its time, one that comes back, one whose result never comes", () => {
  const markets = new ListenerMarkets([]);
  markets.update(listing([market("early"), market("back"), market("never")]), true, 0);
  const over = [
    ["early", "settled"],
    ["back", "closed"],
    ["never", "closed"],
  ] as const;
  assert.deepEqual(markets.update(listing([], over), false, SECOND).over, ["early", "back", "never"]);
  const later = markets.update(listing([market("back")], over.slice(0, 1)), false, 62 * SECOND);
  assert.deepEqual(
    [[...later.removed], later.added.length, markets.isOver("back")],
    [[["settled", ["early"]]], 0, false],
  );
  assert.deepEqual([...markets.update(listing([market("back")]), false, 8 * DAY).removed], [["unsettled", ["never"]]]);
});

test("what a changed listener takes over it names anew, and leaves what it does not want", () => {
  const markets = new ListenerMarkets([market("a"), market("b")]);
  const { added, removed } = markets.update(listing([market("a"), market("c")]), true, 0);
  assert.deepEqual(
    added.map((one) => one.market),
    ["a", "c"],
  );
  assert.deepEqual([...removed], [["listener changed", ["b"]]]);
});
