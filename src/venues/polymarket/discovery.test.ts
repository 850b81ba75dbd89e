import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseTime } from "../../model/time.ts";
import type { Discovery, Round } from "../venue.ts";
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

const NOW = parseTime("2026-11-22T10:00:00Z") ?? 0;
const FIRST: Round = { now: NOW, since: null, scope: "all", named: [] };

function discovery(filters: object, maxMarkets = 100, round: Partial<Round> = {}): Discovery {
  return new PolymarketDiscovery(
    "http://gamma",
    { name: "l", channels: ["book"], maxMarkets, filters: { ...filters } },
    { ...FIRST, ...round },
  );
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
  // By a hundred, and what is not open once more among the closed.
  assert.equal(run(conditions, { markets: [market("1")] }).length, 4);
  assert.deepEqual(names(conditions), ["0x1"]);
});

test("slug patterns are parts of the market's or its event's slug, * any text in between", () => {
  for (const [pattern, matches] of [
    ["market-*", true],
    ["market-5", true],
    ["arket", true],
    ["UPDOWN", true],
    ["btc-*-5m", true],
    ["btc-5m", false],
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

test("sports are looked up by name, and a name that is not there is said", () => {
  const listing = discovery({ sports: ["NBA", "nfll"] });
  const queries = run(
    listing,
    [
      { sport: "nba", series: "10345" },
      { sport: "nfl", series: "10346" },
    ],
    { events: [{ id: "1", slug: "e", markets: [market("1")] }] },
  );
  assert.deepEqual(queries, ["/sports", "/events/keyset?limit=100&closed=false&series_id=10345"]);
  assert.deepEqual(names(listing), ["0x1"]);
  assert.deepEqual(listing.problems, ["Polymarket's list of sports has no nfll; did you mean nfl?"]);
});

test("later rounds ask for what is new, newest first, until what is known", () => {
  const listed = (id: string, minute: number, more: object = {}) =>
    market(id, { createdAt: `2026-11-22T09:${minute}:00Z`, ...more });
  const first = discovery({ slug_patterns: ["market"] });
  run(first, { markets: [listed("1", 10), listed("2", 30)] });
  const next = discovery({ slug_patterns: ["market"] }, 100, { since: first, scope: "changes" });
  const queries = run(
    next,
    { markets: [listed("3", 50), listed("2", 30)], next_cursor: "a" },
    { markets: [listed("1", 10), listed("0", 10)], next_cursor: "b" },
  );
  assert.match(queries[0] ?? "", /order=createdAt&ascending=false/);
  assert.equal(queries.length, 2);
  assert.deepEqual(names(next).sort(), ["0x0", "0x1", "0x2", "0x3"]);
  const ignored = discovery({ slug_patterns: ["market"] }, 100, { since: next, scope: "changes" });
  const whole = run(ignored, { markets: [listed("2", 30), listed("3", 50)] });
  assert.match(whole[1] ?? "", /order=volume24hr/, "the venue ignored the order: the whole list is read");
  assert.deepEqual(names(ignored).sort(), ["0x2", "0x3"]);
});

test("a market is followed by name from before its tokens to its result", () => {
  const first = discovery({});
  run(first, { markets: [market("1"), market("2")] });
  const round = (named: string[], ...pages: object[]) => {
    const listing = discovery({}, 100, { since: first, scope: "named", named });
    return [run(listing, ...pages), listing] as const;
  };
  const [queries, young] = round(["0x3"], { markets: [market("3", { clobTokenIds: "[]" })] });
  assert.equal(queries.length, 1, "a market that nobody knew is not closed");
  assert.deepEqual([names(young), young.absent], [["0x2", "0x1"], ["0x3"]]);
  const [, there] = round(["0x3"], {
    markets: [market("3", { acceptingOrders: false, endDate: "2026-11-23T00:00:00Z" })],
  });
  assert.deepEqual([names(there), there.absent], [["0x3", "0x2", "0x1"], []]);
  const [, over] = round(["0x1"], { markets: [market("1", { acceptingOrders: false })] });
  assert.deepEqual([names(over), [...(over.over ?? [])]], [["0x2"], [["0x1", "closed"]]]);
  const [, settled] = round(
    ["0x1"],
    { markets: [] },
    { markets: [market("1", { closed: true, umaResolutionStatus: "resolved" })] },
  );
  assert.deepEqual([...(settled.over ?? [])], [["0x1", "settled"]]);
});

test("only the first outcome, where that is wanted", () => {
  const listener = { name: "l", channels: ["book"], maxMarkets: 9, outcomes: "first", filters: {} } as const;
  const listing = new PolymarketDiscovery("http://gamma", listener, FIRST);
  run(listing, { markets: [market("1")] });
  assert.deepEqual(listing.markets[0]?.outcomes, ["11"]);
});

test("a series that is not there is said; one without markets is not", () => {
  for (const [body, problems] of [
    [null, ["Polymarket has no series 99"]],
    [{ id: "99" }, []],
  ] as const) {
    const listing = discovery({ series_ids: ["99"] });
    listing.next();
    listing.read(200, '{"events":[]}');
    assert.equal(listing.next()?.url, "http://gamma/series/99");
    listing.read(body === null ? 404 : 200, JSON.stringify(body ?? {}));
    assert.equal(listing.next(), null);
    assert.deepEqual(listing.problems, problems);
  }
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
