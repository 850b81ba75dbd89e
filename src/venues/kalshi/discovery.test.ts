import assert from "node:assert/strict";
import { test } from "node:test";
import { FetchError } from "../../ops/errors.ts";
import { parseTime } from "../../model/time.ts";
import type { Discovery, Round } from "../venue.ts";
import { KalshiDiscovery } from "./discovery.ts";
import { KnownGroups } from "./groups.ts";

const MARKETS = [
  {
    ticker: "KXA-26NOV21-T1",
    event_ticker: "KXA-26NOV21",
    status: "active",
    title: "High in New York",
    volume_fp: "10.00",
    volume_24h_fp: "1.00",
    open_interest_fp: "5.00",
    open_time: "2026-11-21T00:00:00Z",
    close_time: "2026-11-22T00:00:00Z",
  },
  {
    ticker: "KXA-26NOV21-T2",
    event_ticker: "KXA-26NOV21",
    status: "initialized",
    title: "High in Chicago",
    volume_fp: "0.00",
    volume_24h_fp: "0.00",
    open_interest_fp: "0.00",
    open_time: "2026-11-21T00:00:00Z",
    close_time: "2026-11-22T00:00:00Z",
  },
  {
    ticker: "KXB-26NOV2110-B1",
    event_ticker: "KXB-26NOV2110",
    status: "active",
    title: "BTC",
    volume_fp: "900.50",
    volume_24h_fp: "800.00",
    open_interest_fp: "70.00",
    open_time: "2026-11-21T10:00:00Z",
    close_time: "2026-11-21T11:00:00Z",
  },
  {
    ticker: "KXC-26-X",
    event_ticker: "KXC-26",
    status: "finalized",
    title: "Old",
    volume_fp: "1.00",
    volume_24h_fp: "0.00",
    open_interest_fp: "1.00",
    open_time: "2025-11-21T10:00:00Z",
    close_time: "2026-11-21T11:00:00Z",
  },
];
const EVENTS = [
  { event_ticker: "KXA-26NOV21", series_ticker: "KXA", title: "Highs", strike_period: "" },
  { event_ticker: "KXB-26NOV2110", series_ticker: "KXB", title: "Bitcoin", strike_period: "hour" },
];
const SERIES = [
  { ticker: "KXA", category: "Climate and Weather", frequency: "daily" },
  { ticker: "KXB", category: "Crypto", categories: ["Crypto", "Financials"], frequency: "hourly" },
  { ticker: "KXC", category: "Politics", frequency: "custom" },
];

/** Kalshi's listing routes over the data above. */
function answer(url: URL): object {
  const query = url.searchParams;
  const event = query.get("event_ticker");
  const series = query.get("series_ticker");
  const tickers = query.get("tickers")?.split(",");
  if (url.pathname === "/markets") {
    const markets = MARKETS.filter(
      ({ ticker, event_ticker }) =>
        (event === null || event === event_ticker) &&
        (series === null || event_ticker.startsWith(`${series}-`)) &&
        (tickers?.includes(ticker) ?? true),
    );
    return { markets, cursor: "" };
  }
  if (url.pathname === "/events") {
    const events = EVENTS.filter(({ event_ticker }) => tickers?.includes(event_ticker) ?? true);
    if (query.get("with_nested_markets") !== "true") return { events, cursor: "" };
    return {
      events: events.map((one) => ({
        ...one,
        markets: MARKETS.filter(({ event_ticker }) => event_ticker === one.event_ticker),
      })),
      cursor: "",
    };
  }
  if (url.pathname === "/series")
    return { series: SERIES.filter(({ category }) => category === (query.get("category") ?? category)) };
  return { series: SERIES.find(({ ticker }) => ticker === url.pathname.split("/").at(-1)) };
}

const NOW = parseTime("2026-11-21T10:30:00Z") ?? 0;
const FIRST: Round = { now: NOW, since: null, scope: "all", named: [] };

function discovery(
  filters: object,
  maxMarkets = 100,
  known = new KnownGroups(),
  round: Partial<Round> = {},
): Discovery {
  return new KalshiDiscovery(
    "http://kalshi/",
    { name: "l", channels: ["book"], maxMarkets, filters: { ...filters } },
    known,
    { ...FIRST, ...round },
  );
}

function run(discovery: Discovery): string[] {
  const paths: string[] = [];
  for (let request = discovery.next(); request !== null; request = discovery.next()) {
    const url = new URL(request.url);
    paths.push(url.pathname + url.search);
    discovery.read(200, JSON.stringify(answer(url)));
  }
  return paths;
}

const found = (filters: object, maxMarkets?: number) => {
  const listing = discovery(filters, maxMarkets);
  run(listing);
  return listing.markets.map(({ market }) => market);
};

test("each filter, alone and together", () => {
  assert.deepEqual(found({}), ["KXB-26NOV2110-B1", "KXA-26NOV21-T1", "KXA-26NOV21-T2"]);
  assert.deepEqual(found({ series_tickers: ["KXA"] }), ["KXA-26NOV21-T1", "KXA-26NOV21-T2"]);
  assert.deepEqual(found({ event_tickers: ["KXB-26NOV2110"] }), ["KXB-26NOV2110-B1"]);
  assert.deepEqual(found({ market_tickers: ["KXA-26NOV21-T1", "KXC-26-X"] }), ["KXA-26NOV21-T1"]);
  assert.deepEqual(found({ market_tickers: ["KXC-26-X"], status: "settled" }), ["KXC-26-X"]);
  assert.deepEqual(found({ categories: ["crypto"] }), ["KXB-26NOV2110-B1"]);
  assert.deepEqual(found({ categories: ["Financials"] }), ["KXB-26NOV2110-B1"]);
  assert.deepEqual(found({ strike_periods: ["hourly"] }), ["KXB-26NOV2110-B1"]);
  assert.deepEqual(found({ strike_periods: ["day"] }), ["KXA-26NOV21-T1", "KXA-26NOV21-T2"]);
  assert.deepEqual(found({ status: "unopened" }), ["KXA-26NOV21-T2"]);
  assert.deepEqual(found({ min_volume: 100 }), ["KXB-26NOV2110-B1"]);
  assert.deepEqual(found({ min_open_interest: 5 }), ["KXB-26NOV2110-B1", "KXA-26NOV21-T1"]);
  assert.deepEqual(found({ title_contains: "chicago" }), ["KXA-26NOV21-T2"]);
  assert.deepEqual(found({ series_tickers: ["KXA", "KXB"], strike_periods: ["hour"], min_volume: 1 }), [
    "KXB-26NOV2110-B1",
  ]);
  assert.deepEqual(found({ market_tickers: ["KXA-26NOV21-T1"], series_tickers: ["KXB"] }), []);
});

test("the busiest stay where there are more than allowed", () => {
  const listing = discovery({}, 1);
  run(listing);
  assert.deepEqual([listing.markets.map(({ market }) => market), listing.leftOut], [["KXB-26NOV2110-B1"], 2]);
});

test("events and series are fetched once", () => {
  const known = new KnownGroups();
  assert.deepEqual(run(discovery({ series_tickers: ["KXA"] }, 100, known)), [
    "/markets?limit=1000&series_ticker=KXA&min_close_ts=1795256700",
    "/events?limit=200&tickers=KXA-26NOV21",
    "/series/KXA",
  ]);
  assert.equal(run(discovery({ series_tickers: ["KXA"] }, 100, known)).length, 1);
});

test("an answer that cannot be used is refused, and the same request can be made again", () => {
  const listing = discovery({});
  const first = listing.next()?.url;
  for (const [status, body, again] of [
    [429, '{"error":"too many requests"}', true],
    [500, "", true],
    [502, "<html>Bad gateway</html>", true],
    [200, "<html>Checking your browser</html>", true],
    [200, "[]", true],
    [200, '{"markets":null}', true],
    [400, '{"msg":"Parameter validation failed"}', false],
  ] as const) {
    assert.throws(
      () => listing.read(status, body),
      (error) => error instanceof FetchError && (error.retry !== "never") === again,
      body,
    );
    assert.equal(listing.next()?.url, first);
  }
  run(listing);
  assert.equal(listing.markets.length, 3);
});

test("pages are followed to the empty cursor; a cursor that runs in a circle ends the listing", () => {
  const paged = discovery({});
  const ask = (listing: Discovery, page: object) => {
    const url = listing.next()?.url ?? "";
    listing.read(200, JSON.stringify(page));
    return new URL(url).searchParams.get("cursor");
  };
  assert.equal(ask(paged, { markets: [MARKETS[0]], cursor: "c1" }), null);
  assert.equal(ask(paged, { markets: [MARKETS[1]], cursor: "c2" }), "c1");
  assert.equal(ask(paged, { markets: [MARKETS[2]], cursor: null }), "c2");
  run(paged);
  assert.equal(paged.markets.length, 3);
  const same = discovery({});
  ask(same, { markets: [MARKETS[0]], cursor: "c1" });
  assert.throws(() => ask(same, { markets: [MARKETS[1]], cursor: "c1" }), /runs in a circle/);
  const stuck = discovery({});
  for (let page = 0; page < 3; page++) ask(stuck, { markets: [MARKETS[0]], cursor: `c${page}` });
  assert.throws(() => ask(stuck, { markets: [MARKETS[0]], cursor: "c9" }), /runs in a circle/);
});

test("a series that the venue does not know is no failure", () => {
  const listing = discovery({ series_tickers: ["KXA"] });
  for (let request = listing.next(); request !== null; request = listing.next()) {
    const url = new URL(request.url);
    if (url.pathname.startsWith("/series/")) listing.read(404, '{"error":{"code":"not_found"}}');
    else listing.read(200, JSON.stringify(answer(url)));
  }
  assert.equal(listing.markets.length, 2);
});

test("a wildcard stands for every series that begins so", () => {
  assert.deepEqual(found({ series_tickers: ["KX*"] }), ["KXB-26NOV2110-B1", "KXA-26NOV21-T1", "KXA-26NOV21-T2"]);
  assert.deepEqual(found({ series_tickers: ["KXA*"], categories: ["Crypto"] }), []);
});

test("periods in any spelling", () => {
  for (const word of ["hour", "hourly", "Hourly", "1h"])
    assert.deepEqual(found({ strike_periods: [word] }), ["KXB-26NOV2110-B1"], word);
});

test("names that Kalshi does not have are said, with the nearest that it has", () => {
  const problems = (filters: object) => {
    const listing = discovery(filters);
    for (let request = listing.next(); request !== null; request = listing.next()) {
      const url = new URL(request.url);
      const unknown = /^\/(series|events)\/(?!KX[ABC]$)/.test(url.pathname);
      listing.read(unknown ? 404 : 200, JSON.stringify(unknown ? {} : answer(url)));
    }
    return listing.problems;
  };
  assert.deepEqual(problems({ series_tickers: ["KXA", "KXBB"] }), ["Kalshi has no series KXBB; did you mean KXB?"]);
  assert.deepEqual(problems({ series_tickers: ["KXC"] }), [], "it is there, only without markets now");
  assert.deepEqual(problems({ series_tickers: ["KXZZZZ*"] }), ["Kalshi has no series KXZZZZ*"]);
  assert.deepEqual(problems({ event_tickers: ["KXA-26NOV22"] }), ["Kalshi has no event KXA-26NOV22"]);
  assert.deepEqual(problems({ market_tickers: ["KXA-26NOV21-T1", "KXA-26NOV21-T7"] }), [
    "Kalshi has no market KXA-26NOV21-T7; did you mean KXA-26NOV21-T1?",
  ]);
  assert.deepEqual(problems({ categories: ["Cripto"] }), ["Kalshi has no category Cripto; did you mean Crypto?"]);
  assert.deepEqual(problems({ strike_periods: ["hourr"] }), ["Kalshi has no strike period hourr; did you mean hour?"]);
});

test("later rounds ask for what changed, and carry on what they know", () => {
  const known = new KnownGroups();
  const [first, second] = MARKETS;
  const listed = (market: object | undefined, more: object) => ({
    ...market,
    updated_time: "2026-11-21T10:00:00Z",
    ...more,
  });
  const ask = (listing: Discovery, markets: readonly object[]) => {
    const paths: string[] = [];
    for (let request = listing.next(); request !== null; request = listing.next()) {
      const url = new URL(request.url);
      paths.push(url.pathname + url.search);
      listing.read(200, JSON.stringify(url.pathname === "/markets" ? { markets, cursor: "" } : answer(url)));
    }
    return paths;
  };
  const all = discovery({}, 100, known);
  ask(all, [listed(first, {}), listed(second, {})]);
  const later = discovery({}, 100, known, { since: all, scope: "changes" });
  const changes = [
    listed(first, { status: "finalized", updated_time: "2026-11-21T10:20:00Z" }),
    listed(first, { ticker: "KXA-26NOV21-T3", updated_time: "2026-11-21T10:21:00.5Z" }),
    listed(first, { ticker: "KXZ-OLD-T1", status: "finalized" }),
  ];
  assert.deepEqual(ask(later, changes), ["/markets?limit=1000&min_updated_ts=1795255140&mve_filter=exclude"]);
  assert.deepEqual(later.markets.map(({ market }) => market).sort(), ["KXA-26NOV21-T2", "KXA-26NOV21-T3"]);
  assert.deepEqual([...(later.over ?? [])], [["KXA-26NOV21-T1", "settled"]], "of others nothing is kept");
  const named = discovery({}, 100, known, { since: later, scope: "named", named: ["KXA-26NOV21-T3", "KXNEW-1-T1"] });
  assert.deepEqual(ask(named, [listed(first, { ticker: "KXA-26NOV21-T3", status: "closed" })]), [
    "/markets?limit=1000&tickers=KXA-26NOV21-T3%2CKXNEW-1-T1",
  ]);
  assert.deepEqual([named.absent, [...(named.over ?? [])]], [["KXNEW-1-T1"], [["KXA-26NOV21-T3", "closed"]]]);
});
