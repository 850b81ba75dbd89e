import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { interpretation, MARKET, TOKEN_A, TOKEN_B } from "./interpretation.fixture.ts";
import { standingOf } from "./status.ts";

const GAMMA = "https://gamma-api.polymarket.com";
const CLOB = "https://clob.polymarket.com";
const DATA = "https://data-api.polymarket.com";
const excerpt = (name: string): string => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");

test("a Gamma market becomes facts, however it was listed", () => {
  const market = excerpt("gamma-market.json");
  const lists: readonly (readonly [string, string])[] = [
    ["/markets?limit=1", `[${market}]`],
    ["/markets/keyset?limit=1", `{"markets":[${market}],"next_cursor":"abc"}`],
    ["/markets/3047949", market],
    ["/markets/slug/btc-updown-5m-1784850900", market],
  ];
  for (const [path, body] of lists) {
    const [facts, ...rest] = interpretation().http(`${GAMMA}${path}`, body);
    assert.deepEqual(rest, []);
    assert.ok(facts?.type === "market");
    const { raw, rules, outcomes, fee, ...plain } = facts;
    assert.deepEqual(plain, {
      type: "market",
      venue: "polymarket",
      market: "0x11ba5a5ab05573dee22a32b4c5bec06f035b8660eed912fb134e7215f46bf537",
      eventId: null,
      seriesId: null,
      slug: "btc-updown-5m-1784850900",
      title: "Bitcoin Up or Down - July 23, 7:55PM-8:00PM ET",
      subtitle: null,
      status: "settled",
      venueStatus: "resolved",
      openAt: Date.UTC(2026, 6, 23, 2, 47, 46) * 1000,
      closeAt: Date.UTC(2026, 6, 24) * 1000,
      expectedExpirationAt: null,
      latestExpirationAt: null,
      settledAt: Date.UTC(2026, 6, 24, 0, 0, 16) * 1000,
      result: "Up",
      settlementValue: 1_000_000,
      expirationValue: null,
      settlementSource: "https://data.chain.link/streams/btc-usd",
      strikeType: null,
      floorStrike: null,
      capStrike: null,
      strikePeriod: "5m",
      tickSizes: '[{"start":"0","end":"1","step":"0.001"}]',
      volume: null,
      openInterest: null,
      liquidityUsd: 0,
    });
    assert.deepEqual(JSON.parse(raw), JSON.parse(market));
    assert.match(rules ?? "", /^This market will resolve to "Up"/);
    assert.match(outcomes ?? "", /"name":"Down"/);
    assert.match(fee ?? "", /"feeSchedule":{"rate":0.07/);
  }
});

test("an event brings its series, itself once, and its markets", () => {
  const { http } = interpretation();
  const event = {
    id: "1",
    title: "T",
    negRisk: true,
    endDate: "2026-06-17T00:00:00Z",
    series: [{ id: 35, title: "FOMC", recurrence: "monthly" }],
    markets: [
      {
        conditionId: MARKET,
        clobTokenIds: [TOKEN_A, TOKEN_B],
        outcomes: ["Yes", "No"],
        bestBid: 0.2,
        bestAsk: 1,
        liquidity: 5.25,
      },
      { id: "no condition" },
    ],
  };
  for (const body of [event, [event], { events: [event, event] }]) {
    const events = http(`${GAMMA}/events/keyset`, JSON.stringify(body));
    assert.deepEqual(
      events.slice(0, 5).map(({ type }) => type),
      ["series", "event", "market", "quote", "quarantine"],
    );
    const [series, group, market, quote] = events;
    assert.ok(
      series?.type === "series" && group?.type === "event" && market?.type === "market" && quote?.type === "quote",
    );
    assert.deepEqual([series.seriesId, series.frequency, series.strikePeriod], ["35", "monthly", "month"]);
    assert.deepEqual([group.eventId, group.seriesId, group.mutuallyExclusive], ["1", "35", true]);
    assert.equal(JSON.parse(group.raw).markets, undefined);
    assert.deepEqual([market.eventId, market.seriesId, market.liquidityUsd], ["1", "35", 5_250_000]);
    assert.deepEqual([quote.instrument.outcome, quote.bid, quote.ask], [TOKEN_A, 200_000, null]);
  }
});

test("where a market stands", () => {
  const binary = { outcomes: '["Yes", "No"]', acceptingOrders: true, active: true };
  const cases: readonly (readonly [object, unknown])[] = [
    [{}, ["open", "accepting_orders", null, null]],
    [{ umaResolutionStatus: "proposed" }, ["open", "proposed", null, null]],
    [{ umaResolutionStatus: "proposed", acceptingOrders: false }, ["determined", "proposed", null, null]],
    [{ umaResolutionStatus: "disputed" }, ["disputed", "disputed", null, null]],
    [
      { acceptingOrders: false, acceptingOrdersTimestamp: "2026-02-27T23:33:23Z" },
      ["paused", "not_accepting_orders", null, null],
    ],
    [{ acceptingOrders: false }, ["unopened", "not_accepting_orders", null, null]],
    [{ acceptingOrders: undefined }, [null, "active", null, null]],
    [{ closed: true, outcomePrices: '["0.3", "0.7"]' }, ["closed", "closed", null, null]],
    [{ closed: true, outcomePrices: '["0", "0"]' }, ["closed", "closed", null, null]],
    [{ closed: true, outcomePrices: ["0", "1"] }, ["settled", "closed", "No", 0]],
    [
      { closed: true, umaResolutionStatus: "resolved", outcomePrices: '["0.5", "0.5"]' },
      ["settled", "resolved", null, 500_000],
    ],
  ];
  for (const [fields, expected] of cases) {
    const { status, venueStatus, result, settlementValue } = standingOf({ ...binary, ...fields });
    assert.deepEqual([status, venueStatus, result, settlementValue], expected);
  }
});

test("a market that stands elsewhere than before took a step; a cached answer does not reopen it", () => {
  const { http, frame } = interpretation();
  const poll = (fields: object): unknown[] =>
    http(`${GAMMA}/markets`, JSON.stringify([{ conditionId: MARKET, acceptingOrders: true, ...fields }])).flatMap(
      (event) => (event.type === "lifecycle" ? [[event.fromStatus, event.toStatus, event.kind]] : []),
    );
  assert.deepEqual(poll({}), []);
  assert.deepEqual(poll({}), []);
  assert.deepEqual(poll({ umaResolutionStatus: "disputed" }), [["open", "disputed", "disputed"]]);
  frame(1, { event_type: "market_resolved", market: MARKET, assets_ids: [], winning_outcome: "Yes" });
  assert.deepEqual(poll({}), []);
});

test("a book over REST is a witness and replaces nothing", () => {
  const book = {
    market: MARKET,
    asset_id: TOKEN_A,
    timestamp: "1784574617346",
    hash: "x",
    bids: [{ price: "0.3", size: "1" }],
    asks: [],
    min_order_size: "5",
    tick_size: "0.01",
    neg_risk: false,
    last_trade_price: "0.300",
  };
  for (const [path, body] of [
    ["/book?token_id=1001", book],
    ["/books", [book]],
  ] as const) {
    const [witness, quote, ...rest] = interpretation().http(`${CLOB}${path}`, JSON.stringify(body));
    assert.deepEqual(rest, []);
    assert.ok(witness?.type === "book_witness" && quote?.type === "quote");
    assert.deepEqual([witness.bids.prices, witness.asks.prices, witness.venueHash], [[300_000], [], "x"]);
    assert.equal(witness.ts, 1_784_574_617_346_000);
    assert.deepEqual([quote.bid, quote.bidSize, quote.ask, quote.lastPrice], [300_000, 1_000_000, null, null]);
  }
});

test("compact and full CLOB markets become facts", () => {
  const { http } = interpretation();
  const compact = {
    c: MARKET,
    t: [
      { t: TOKEN_A, o: "Up" },
      { t: TOKEN_B, o: "Down" },
    ],
    mts: 0.01,
    mos: 5,
    ao: true,
    fd: { r: 0.07 },
  };
  const [open] = http(`${CLOB}/clob-markets/${MARKET}`, JSON.stringify(compact));
  assert.ok(open?.type === "market");
  assert.deepEqual(
    [open.status, open.fee, open.tickSizes],
    ["open", '{"fd":{"r":0.07}}', '[{"start":"0","end":"1","step":"0.01"}]'],
  );
  const tokens = [
    { token_id: TOKEN_A, outcome: "Up", winner: false },
    { token_id: TOKEN_B, outcome: "Down", winner: true },
  ];
  const full = { condition_id: MARKET, closed: true, tokens, minimum_tick_size: 0.01, neg_risk: false };
  const [closed, step] = http(`${CLOB}/markets/${MARKET}`, JSON.stringify(full));
  assert.ok(closed?.type === "market" && step?.type === "lifecycle");
  assert.deepEqual([closed.status, closed.result, closed.settlementValue], ["settled", "Down", 0]);
  assert.deepEqual([step.fromStatus, step.toStatus], ["open", "settled"]);
});

test("trades of history keep what the venue's floats did to them", () => {
  const { http } = interpretation();
  const trades = http(`${DATA}/trades?limit=3`, excerpt("trades.json"));
  assert.deepEqual(
    trades.map(
      (event) =>
        event.type === "trade" && [event.price, event.priceReported, event.size, event.isAggregate, event.source],
    ),
    [
      [null, "0.3408574", 500_000_000, true, "history"],
      [null, "0.965654554461469", 206_601_240, true, "history"],
      [
        trades[2]?.type === "trade" && trades[2].price,
        null,
        trades[2]?.type === "trade" && trades[2].size,
        null,
        "history",
      ],
    ],
  );
  const [row] = JSON.parse(excerpt("trades.json")) as [Record<string, unknown>];
  const bad = http(
    `${DATA}/trades`,
    JSON.stringify([{ ...row, size: 1.23456789 }, { ...row, price: 2 }, { ...row, asset: 7 }, 1]),
  );
  assert.deepEqual(
    bad.map((event) => event.type === "quarantine" && event.reason),
    ["bad_number", "bad_number", "missing_field", "missing_field"],
  );
});

test("one fill has one id in the stream and in both histories; makers' rows name no taker", () => {
  const { http, frame } = interpretation();
  const print = {
    market: MARKET,
    asset_id: TOKEN_A,
    price: "0.925",
    size: "216.216215",
    side: "BUY",
    transaction_hash: "0x05",
  };
  const v1 = {
    conditionId: MARKET,
    asset: TOKEN_A,
    price: 0.925,
    size: 216.216215,
    side: "BUY",
    transactionHash: "0x05",
    timestamp: 1_784_578_733,
  };
  const v2 = {
    condition_id: MARKET,
    asset: TOKEN_A,
    price: "0.925",
    size: "216.216215",
    side: "BUY",
    transaction_hash: "0x05",
    timestamp: "2026-07-20T20:18:53Z",
  };
  const trades = [
    ...frame(1, { event_type: "last_trade_price", timestamp: "1784578733812", ...print }),
    ...http(`${DATA}/trades`, JSON.stringify([v1])),
    ...http(`${DATA}/v2/trades?condition=0xaa`, JSON.stringify({ data: [v2], pagination: {} })),
  ].filter((event) => event.type === "trade");
  assert.equal(new Set(trades.map(({ tradeId }) => tradeId)).size, 1);
  assert.deepEqual(
    trades.map(({ ts }) => ts),
    [1_784_578_733_812_000, 1_784_578_733_000_000, 1_784_578_733_000_000],
  );
  const [maker] = http(`${DATA}/trades?takerOnly=false`, JSON.stringify([v1]));
  assert.equal(maker?.type === "trade" ? maker.takerSide : "", null);
});

test("an answer that cannot be used is quarantined", () => {
  const { http } = interpretation();
  const reason = (url: string, body: string, status?: number): unknown[] =>
    http(url, body, status).map((event) => (event.type === "quarantine" ? event.reason : event.type));
  assert.deepEqual(reason(`${CLOB}/book?token_id=1`, '{"error":"No orderbook exists"}', 404), ["http_status"]);
  assert.deepEqual(reason(`${GAMMA}/markets`, "<html>", 429), ["http_status"]);
  assert.deepEqual(reason(`${GAMMA}/markets`, "<html>"), ["malformed_json"]);
  assert.deepEqual(reason(`${GAMMA}/markets`, "[3]"), ["unknown_shape"]);
  assert.deepEqual(reason(`${DATA}/trades`, "{}"), ["unknown_shape"]);
  assert.deepEqual(reason(`${DATA}/surprise`, "{}"), ["unknown_route"]);
  assert.deepEqual(reason("not a url", "{}"), ["unknown_route"]);
  assert.deepEqual(reason(`${CLOB}/prices-history?market=1`, '{"history":[]}'), []);
});
