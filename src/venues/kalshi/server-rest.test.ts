import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCRIPT, World } from "../../exchange/world.ts";
import { KalshiRest } from "./server-rest.ts";

const SECOND = 1_000_000;
const START = 1_795_000_000 * SECOND;

function rest() {
  const nobody = { kalshi: () => {}, polymarket: () => {} };
  const options = {
    seed: "r",
    startAt: START,
    kalshiMarkets: 30,
    polymarketMarkets: 2,
    rate: 300,
    script: DEFAULT_SCRIPT,
  };
  const world = new World(options, nobody);
  const server = new KalshiRest(world.kalshi, START);
  const get = (url: string) => {
    const { pathname, searchParams } = new URL(url, "http://exchange");
    const { status, body } = server.answer({ method: "GET", path: pathname, query: searchParams, body: "" }, world.now);
    return { status, body: body as Record<string, unknown> };
  };
  return { world, get, tickers: [...world.kalshi.markets.keys()] };
}

type Market = Record<string, string> & { readonly price_ranges: object[] };
const marketsOf = (answer: { readonly body: Record<string, unknown> }) => answer.body.markets as Market[];

test("pages follow each other by cursor, empty on the last; a cursor that cannot be read gives page 1", () => {
  const { get, tickers } = rest();
  const seen: string[] = [];
  let cursor = "";
  do {
    const answer = get(`/markets?limit=7&cursor=${cursor}`);
    seen.push(...marketsOf(answer).map(({ ticker = "" }) => ticker));
    cursor = String(answer.body.cursor);
  } while (cursor !== "");
  assert.deepEqual(seen, tickers);
  assert.deepEqual(get("/markets?limit=7&cursor=garbage"), get("/markets?limit=7"));
});

test("errors have the bodies that were seen on the wire", () => {
  const { get } = rest();
  assert.deepEqual(get("/markets?limit=1001"), {
    status: 400,
    body: {
      msg: "Parameter validation failed for GetMarkets: Key: 'GetMarketsParams.Limit' Error:Field validation for 'Limit' failed on the 'lte' tag",
    },
  });
  assert.deepEqual(get("/markets?status=finalized"), {
    status: 400,
    body: { error: { code: "bad_request", message: "bad request", details: "invalid status filter" } },
  });
  assert.equal(get("/markets/KXNONE-1").status, 404);
  assert.equal(get("/nothing").status, 404);
});

test("filters", () => {
  const { get, tickers } = rest();
  const [first = "", second = ""] = tickers;
  const found = (query: string) => marketsOf(get(`/markets?limit=1000&${query}`)).map(({ ticker = "" }) => ticker);
  assert.deepEqual(found(`tickers=${second},${first}`), [first, second]);
  assert.ok(found("series_ticker=KXHIGHNY").every((ticker) => ticker.startsWith("KXHIGHNY-")));
  assert.equal(found("series_ticker=KXHIGHNY").length, 4);
  assert.deepEqual(found("event_ticker=NONE"), []);
  assert.deepEqual(found("status=open"), tickers);
  assert.deepEqual(found("status=settled"), []);
  assert.deepEqual(found("mve_filter=only"), []);
  assert.deepEqual(found(`min_updated_ts=${START / SECOND + 100}`), []);
  assert.deepEqual(found(`max_close_ts=${START / SECOND + 60}`), [first]);
});

test("a market passes through its statuses; settled it shows an empty book and its result", () => {
  const { world, get, tickers } = rest();
  const [first = ""] = tickers;
  const status = () => (get(`/markets/${first}`).body.market as Market).status;
  assert.equal(status(), "active");
  world.advance(START + 31 * SECOND);
  assert.equal(status(), "closed");
  world.advance(START + 80 * SECOND);
  const market = get(`/markets/${first}`).body.market as Market;
  assert.equal(market.status, "finalized");
  assert.deepEqual(
    [market.yes_bid_dollars, market.yes_ask_dollars, market.yes_bid_size_fp],
    ["0.0000", "1.0000", "0.00"],
  );
  assert.match(market.result ?? "", /^(yes|no)$/);
  assert.equal(market.settlement_value_dollars, market.result === "yes" ? "1.0000" : "0.0000");
  assert.deepEqual(get(`/markets/${first}/orderbook`).body, { orderbook_fp: { no_dollars: [], yes_dollars: [] } });
});

test("a market that was just announced is not found for a moment", () => {
  const { world, get, tickers } = rest();
  world.advance(START + 5 * SECOND + 100_000);
  const created = [...world.kalshi.markets.keys()].find((ticker) => !tickers.includes(ticker)) ?? "";
  assert.equal(get(`/markets/${created}`).status, 404);
  world.advance(START + 6 * SECOND);
  assert.equal((get(`/markets/${created}`).body.market as Market).status, "initialized");
});

test("books: depth gives the best levels, still ascending", () => {
  const { get, tickers } = rest();
  const [, ticker = "", other = ""] = tickers;
  type Book = { yes_dollars: [string, string][]; no_dollars: [string, string][] };
  const book = (query: string) => get(`/markets/${ticker}/orderbook${query}`).body.orderbook_fp as Book;
  const whole = book("");
  assert.deepEqual(book("?depth=3"), {
    no_dollars: whole.no_dollars.slice(-3),
    yes_dollars: whole.yes_dollars.slice(-3),
  });
  const both = get(`/markets/orderbooks?tickers=${ticker}&tickers=${other}`).body.orderbooks as {
    ticker: string;
    orderbook_fp: Book;
  }[];
  assert.deepEqual(
    both.map(({ ticker: name }) => name),
    [ticker, other],
  );
  assert.deepEqual(both[0]?.orderbook_fp, whole);
});

test("trades are newest first and events can nest their markets", () => {
  const { world, get } = rest();
  world.advance(START + 20 * SECOND);
  const trades = get("/markets/trades?limit=50").body.trades as Market[];
  assert.ok(trades.length > 10);
  const times = trades.map(({ created_time = "" }) => created_time.slice(0, 19));
  assert.deepEqual(times, times.toSorted().reverse());
  const events = get("/events?with_nested_markets=true").body.events as { event_ticker: string; markets: Market[] }[];
  assert.ok(
    events.every(({ event_ticker, markets }) => markets.every((market) => market.event_ticker === event_ticker)),
  );
  const [event] = events;
  assert.deepEqual(get(`/events/${event?.event_ticker ?? ""}?with_nested_markets=true`).body.markets, []);
  const series = get("/series").body.series as { ticker: string }[];
  assert.deepEqual(series.map(({ ticker }) => ticker).sort(), ["KXBTC15M", "KXBTCD", "KXHIGHNY", "KXNFLGAME"]);
});
