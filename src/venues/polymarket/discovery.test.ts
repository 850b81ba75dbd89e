import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Discovery } from "../venue.ts";
import { PolymarketDiscovery } from "./discovery.ts";

function market(id: string, more: object = {}) {
  return {
    id,
    conditionId: `0x${id}`,
    slug: `market-${id}`,
    clobTokenIds: JSON.stringify([`${id}1`, `${id}2`]),
    closed: false,
    acceptingOrders: true,
    enableOrderBook: true,
    endDate: "2026-11-22T00:00:00Z",
    volume24hr: Number(id),
    volumeNum: 100 * Number(id),
    liquidityNum: 10 * Number(id),
    ...more,
  };
}

function discovery(filters: object, maxMarkets = 100): Discovery {
  return new PolymarketDiscovery("http://gamma", {
    name: "l",
    channels: ["book"],
    maxMarkets,
    filters: { ...filters },
  });
}

/** Answers each request with the next page; the last one again and again. */
function run(listing: Discovery, ...pages: readonly object[]): string[] {
  const queries: string[] = [];
  for (let request = listing.next(); request !== null; request = listing.next()) {
    const url = new URL(request.url);
    queries.push(url.pathname + url.search);
    listing.read(200, JSON.stringify(pages[Math.min(queries.length, pages.length) - 1]));
  }
  return queries;
}

const names = (listing: Discovery) => listing.markets.map(({ market }) => market);

test("without filters the busiest markets, and no more pages than they need", () => {
  const listing = discovery({}, 2);
  const queries = run(
    listing,
    { markets: [market("9"), market("8", { acceptingOrders: false })], next_cursor: "a" },
    { markets: [market("7"), market("6")], next_cursor: "b" },
  );
  assert.deepEqual(names(listing), ["0x9", "0x7"]);
  assert.deepEqual([listing.leftOut, listing.exhaustive], [1, false]);
  assert.deepEqual(listing.markets[0]?.outcomes, ["91", "92"]);
  assert.equal(queries.length, 2);
  assert.match(queries[1] ?? "", /^\/markets\/keyset\?.*order=volume24hr&ascending=false&after_cursor=a$/);
});

test("series and tags are asked for by their events, conditions by a hundred", () => {
  const event = {
    id: "1",
    slug: "nba-1",
    series: [{ id: "10345" }],
    tags: [{ id: "7" }],
    markets: [market("1"), market("2")],
  };
  const series = discovery({ series_ids: ["10345"], tag_ids: ["7"], min_volume: 150 });
  assert.match(run(series, { events: [event] })[0] ?? "", /^\/events\/keyset\?.*series_id=10345/);
  assert.deepEqual(names(series), ["0x2"]);
  const other = discovery({ series_ids: ["10345"], tag_ids: ["8"] });
  run(other, { events: [event] });
  assert.deepEqual(names(other), []);
  const conditions = discovery({ condition_ids: Array.from({ length: 150 }, (_, i) => `0x${i}`) });
  assert.equal(run(conditions, { markets: [market("1")] }).length, 2);
  assert.deepEqual(names(conditions), ["0x1"]);
});

test("slug patterns match the market's or its event's slug as a whole", () => {
  for (const [pattern, matches] of [
    ["market-*", true],
    ["market-5", true],
    ["market", false],
    ["btc-*-5m", true],
    ["m.rket-5", false],
  ] as const) {
    const listing = discovery({ slug_patterns: [pattern] });
    run(listing, { markets: [market("5", { events: [{ slug: "btc-updown-5m" }] })] });
    assert.equal(listing.markets.length, matches ? 1 : 0, pattern);
  }
});

test("what does not trade is left out", () => {
  const listing = discovery({});
  const dead = [
    { closed: true },
    { archived: true },
    { enableOrderBook: false },
    { clobTokenIds: "" },
    { clobTokenIds: "[]" },
    { clobTokenIds: null },
  ];
  run(listing, {
    markets: [...dead.map((more, i) => market(String(i), more)), market("9", { clobTokenIds: ["a", "b"] })],
  });
  assert.deepEqual(names(listing), ["0x9"]);
});

test("a page that comes again and again ends the listing", () => {
  let page = 0;
  const listing = discovery({ slug_patterns: ["x"] });
  assert.throws(() => {
    for (let request = listing.next(); request !== null; request = listing.next()) {
      listing.read(200, JSON.stringify({ markets: [market("1")], next_cursor: `c${page++}` }));
    }
  }, /runs in a circle/);
  assert.ok(page < 6);
});

test("real answers of 2026 are read", (t) => {
  const file = join(import.meta.dirname, "../../../../shared/fixtures/polymarket/gamma/markets_mixed_2026-07-20.jsonl");
  if (!existsSync(file)) return t.skip("…/shared/fixtures is not beside the project");
  const markets = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const listing = discovery({});
  run(listing, { markets });
  assert.ok(listing.markets.length > 0);
  for (const { outcomes } of listing.markets) assert.equal(outcomes.length, 2);
});
