import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_SCRIPT, World } from "../../exchange/world.ts";
import { TokenIndex } from "./server.ts";
import { TokenBooks } from "./server-books.ts";
import { ClobRest } from "./server-clob.ts";
import { DataRest } from "./server-data.ts";
import { GammaRest } from "./server-gamma.ts";

const SECOND = 1_000_000;
const START = 1_795_000_000 * SECOND;

function rest() {
  const nobody = { kalshi: () => {}, polymarket: () => {} };
  const options = {
    seed: "r",
    startAt: START,
    kalshiMarkets: 2,
    polymarketMarkets: 20,
    rate: 300,
    script: DEFAULT_SCRIPT,
  };
  const world = new World(options, nobody);
  const gamma = new GammaRest(world.polymarket);
  const data = new DataRest(world.polymarket);
  const clob = new ClobRest(world.polymarket, new TokenIndex(world.polymarket), new TokenBooks());
  const request = (url: string, method: string, body: string) => {
    const { pathname, searchParams } = new URL(url, "http://exchange");
    return { method, path: pathname, query: searchParams, body };
  };
  return {
    world,
    markets: [...world.polymarket.markets.values()],
    gamma: (url: string) => gamma.answer(request(url, "GET", "")),
    data: (url: string) => data.answer(request(url, "GET", "")),
    clob: (url: string, body?: unknown) =>
      clob.answer(request(url, body === undefined ? "GET" : "POST", JSON.stringify(body ?? "")), world.now),
  };
}

type Page = { readonly markets: Record<string, string>[]; readonly next_cursor?: string };

test("keyset pages go on by after_cursor; cursor is ignored, the last page has none, offset is refused", () => {
  const { gamma, markets } = rest();
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = gamma(`/markets/keyset?limit=6${cursor === undefined ? "" : `&after_cursor=${cursor}`}`).body as Page;
    seen.push(...page.markets.map(({ conditionId = "" }) => conditionId));
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  assert.deepEqual(
    seen,
    markets.map(({ id }) => id),
  );
  const { next_cursor } = gamma("/markets/keyset?limit=6").body as Page;
  assert.deepEqual(gamma(`/markets/keyset?limit=6&cursor=${next_cursor}`), gamma("/markets/keyset?limit=6"));
  assert.equal(gamma("/markets/keyset?offset=5").status, 422);
  assert.equal(gamma("/markets/keyset?limit=101").status, 422);
});

test("offset lists are deprecated and end at 2000", () => {
  const { gamma } = rest();
  const { headers, body } = gamma("/markets?limit=5&offset=2");
  assert.equal(headers?.deprecation, "true");
  assert.equal((body as object[]).length, 5);
  assert.equal(gamma("/markets?offset=2001").status, 422);
});

test("events, filters and lists inside strings", () => {
  const { gamma, markets } = rest();
  const event = gamma("/events/slug/fed-decision-in-december").body as {
    negRisk: boolean;
    markets: Record<string, string>[];
  };
  assert.equal(event.negRisk, true);
  assert.equal(event.markets.length, 3);
  assert.deepEqual(JSON.parse(event.markets[0]?.outcomes ?? ""), ["Yes", "No"]);
  const [market] = markets;
  const found = gamma(`/markets?condition_ids=${market?.id ?? ""}`).body as Record<string, string>[];
  assert.deepEqual(JSON.parse(found[0]?.clobTokenIds ?? ""), market?.tokens);
  const games = gamma("/events?series_id=10345").body as { slug: string }[];
  assert.equal(games.length, 1);
  assert.equal(gamma("/events/slug/none").status, 404);
});

test("a resolved market: closed, still active, prices 1 and 0, a time that is not ISO; a look-up leaves it out", () => {
  const { world, gamma, clob, markets } = rest();
  const [market] = markets;
  assert.ok(market);
  world.advance(START + 80 * SECOND);
  assert.deepEqual(gamma(`/markets?condition_ids=${market.id}`).body, []);
  const [found] = gamma(`/markets?condition_ids=${market.id}&closed=true`).body as Record<string, unknown>[];
  assert.deepEqual([found?.closed, found?.active, found?.umaResolutionStatus], [true, true, "resolved"]);
  assert.deepEqual(new Set(JSON.parse(String(found?.outcomePrices)) as string[]), new Set(["1", "0"]));
  assert.match(String(found?.closedTime), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00$/);
  assert.equal(clob(`/book?token_id=${market.tokens[0]}`).status, 404);
  const { tokens } = clob(`/markets/${market.id}`).body as { tokens: { winner: boolean }[] };
  assert.equal(tokens.filter(({ winner }) => winner).length, 1);
});

test("books have the ten fields in the venue's order; unknown tokens are left out of a batch", () => {
  const { clob, markets } = rest();
  const [token = ""] = markets[0]?.tokens ?? [];
  const book = clob(`/book?token_id=${token}`).body as object;
  assert.deepEqual(Object.keys(book), [
    "market",
    "asset_id",
    "timestamp",
    "hash",
    "bids",
    "asks",
    "min_order_size",
    "tick_size",
    "neg_risk",
    "last_trade_price",
  ]);
  assert.deepEqual(clob("/books", [{ token_id: "1" }, { token_id: token }]).body, [book]);
  assert.deepEqual(clob("/book?token_id=1"), {
    status: 404,
    body: { error: "No orderbook exists for the requested token id" },
  });
});

test("history of trades: a bare list and an envelope with a cursor", () => {
  const { world, data } = rest();
  world.advance(START + 20 * SECOND);
  const rows = data("/trades?limit=4").body as Record<string, unknown>[];
  assert.equal(rows.length, 4);
  type Envelope = { data: Record<string, unknown>[]; pagination: { next_cursor: string; has_more: boolean } };
  const first = data("/v2/trades?limit=2").body as Envelope;
  const second = data(`/v2/trades?limit=2&cursor=${first.pagination.next_cursor}`).body as Envelope;
  assert.deepEqual(
    [...first.data, ...second.data].map(({ transaction_hash }) => transaction_hash),
    rows.map(({ transactionHash }) => transactionHash),
  );
  assert.equal(data("/v2/trades?limit=1001").status, 400);
});
