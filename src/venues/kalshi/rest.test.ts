import assert from "node:assert/strict";
import { test } from "node:test";
import { restBody, Scenario, subscribed } from "./scenario.fixture.ts";
import { strikePeriod } from "./strike-period.ts";

test("an event of 2026-10 with its markets: facts of all three levels and polled quotes", () => {
  const scenario = new Scenario().fetch("/series/KXNFLGAME", restBody("rest-2026-10-series.json"));
  scenario.fetch("/events/KXNFLGAME-26OCT08TBDAL?with_nested_markets=true", restBody("rest-2026-10-event.json"));
  const [series] = scenario.of("series");
  assert.deepEqual(
    [series?.seriesId, series?.feeType, series?.feeMultiplier, series?.frequency],
    ["KXNFLGAME", "quadratic_with_maker_fees", 1_000_000, "custom"],
  );
  const [event] = scenario.of("event");
  assert.deepEqual(
    [event?.eventId, event?.seriesId, event?.mutuallyExclusive, event?.subtitle],
    ["KXNFLGAME-26OCT08TBDAL", "KXNFLGAME", true, "TB vs DAL (Oct 8)"],
  );
  assert.ok(!event?.raw.includes("KXNFLGAME-26OCT08TBDAL-TB"), "nested markets are rows of their own");
  const [market, other] = scenario.of("market");
  assert.equal(other?.market, "KXNFLGAME-26OCT08TBDAL-TB");
  assert.ok(market !== undefined);
  const { raw, rules, ...facts } = market;
  assert.equal((JSON.parse(raw) as { ticker: string }).ticker, "KXNFLGAME-26OCT08TBDAL-DAL");
  assert.ok(rules?.startsWith("If Dallas wins"));
  assert.deepEqual(facts, {
    type: "market",
    venue: "kalshi",
    market: "KXNFLGAME-26OCT08TBDAL-DAL",
    eventId: "KXNFLGAME-26OCT08TBDAL",
    seriesId: "KXNFLGAME",
    slug: null,
    title: "Dallas wins",
    subtitle: "Dallas",
    status: "open",
    venueStatus: "active",
    openAt: Date.parse("2026-09-29T04:05:00Z") * 1000,
    closeAt: Date.parse("2026-10-11T00:15:00Z") * 1000,
    expectedExpirationAt: Date.parse("2026-10-09T03:15:00Z") * 1000,
    latestExpirationAt: Date.parse("2026-10-11T00:15:00Z") * 1000,
    settledAt: null,
    result: null,
    settlementValue: null,
    expirationValue: null,
    settlementSource: "the Governing League",
    strikeType: "structured",
    floorStrike: null,
    capStrike: null,
    strikePeriod: "month",
    tickSizes: '[{"start":"0","end":"1","step":"0.01"}]',
    fee: '{"fee_type":"quadratic_with_maker_fees","fee_multiplier":1}',
    outcomes: '[{"outcome_id":"yes","name":"Dallas"}]',
    volume: 271_926_680_000,
    openInterest: 242_310_930_000,
    liquidityUsd: null,
  });
  const [quote] = scenario.of("quote");
  assert.deepEqual(
    [quote?.trigger, quote?.bid, quote?.bidSize, quote?.ask, quote?.lastPrice],
    ["poll", 800_000, 16_529_550_000, 810_000, 810_000],
  );
});

test("settled and closed markets: settlement, status, placeholders", () => {
  const scenario = new Scenario().fetch(
    "/markets?series_ticker=KXMLBGAME&status=settled",
    restBody("rest-2026-08-settled.json"),
  );
  const [settled, closed] = scenario.of("market");
  assert.deepEqual(
    [settled?.status, settled?.venueStatus, settled?.result, settled?.settlementValue],
    ["settled", "finalized", "yes", 1_000_000],
  );
  assert.deepEqual(
    [settled?.expirationValue, settled?.seriesId, closed?.status, closed?.result],
    ["Miami", "KXMLBGAME", "closed", null],
  );
  assert.ok((settled?.settledAt ?? 0) > (settled?.closeAt ?? Infinity));
  const [quote] = scenario.of("quote");
  assert.deepEqual([quote?.bid, quote?.ask, quote?.lastPrice], [null, null, 990_000]);
});

test("strikes and durations: a band of a ladder that is open for a day", () => {
  const scenario = new Scenario().fetch("/markets", restBody("rest-2026-06-high-temp.json"));
  const [market] = scenario.of("market");
  assert.deepEqual(
    [market?.strikeType, market?.floorStrike, market?.capStrike, market?.strikePeriod],
    ["between", 84_000_000, 85_000_000, "day"],
  );
});

test("the dual generations of 2026-01 and 2026-03, and events of 2025-02", () => {
  const scenario = new Scenario().fetch("/markets/KXMVE", restBody("rest-2026-01-market.json"));
  scenario.fetch("/events/KXELONMARS-99", restBody("rest-2026-01-event.json"));
  scenario.fetch("/markets", restBody("rest-2026-03-markets.json"));
  scenario.fetch("/events", restBody("rest-2025-02-events.json"));
  assert.deepEqual(scenario.of("quarantine"), []);
  const [combo, mars, fed] = scenario.of("market");
  assert.equal(combo?.tickSizes, '[{"start":"0","end":"1","step":"0.001"}]');
  assert.deepEqual([mars?.seriesId, mars?.liquidityUsd], ["KXELONMARS", 68_148_060_000]);
  assert.equal(fed?.volume, 7_065_000_000);
  const quotes = scenario.of("quote").map(({ bid, ask, lastPrice }) => [bid, ask, lastPrice]);
  assert.deepEqual(quotes, [
    [60_000, 70_000, 60_000],
    [null, 10_000, 10_000],
  ]);
  assert.equal(scenario.of("event").length, 3);
});

test("integer cents alone are read too", () => {
  const market = { ticker: "OLD", status: "open", yes_bid: 11, yes_ask: 12, last_price: 12, volume: 5, tick_size: 1 };
  const scenario = new Scenario().fetch("/markets/OLD", JSON.stringify({ market }));
  const [quote] = scenario.of("quote");
  assert.deepEqual([quote?.bid, quote?.ask, quote?.volume], [110_000, 120_000, 5_000_000]);
  assert.equal(scenario.of("market")[0]?.tickSizes, '[{"start":"0","end":"1","step":"0.01"}]');
});

test("past trades of two generations", () => {
  const scenario = new Scenario().fetch("/markets/trades?limit=3", restBody("rest-2026-10-trades.json"));
  scenario.fetch("/historical/trades", restBody("rest-2026-01-trades.json"));
  const trades = scenario.of("trade");
  assert.deepEqual(
    trades.map(({ price, size, takerSide }) => [price, size, takerSide]),
    [
      [810_000, 1_000_000, "buy"],
      [800_000, 14_180_000, "sell"],
      [800_000, 24_360_000, "sell"],
      [60_000, 1_000_000, "sell"],
      [60_000, 1_000_000, "sell"],
    ],
  );
  assert.deepEqual(new Set(trades.map((trade) => trade.source)), new Set(["history"]));
  assert.equal(trades[0]?.ts, Date.parse("2026-10-06T06:38:16.556Z") * 1000 + 140);
});

test("a book over REST is a witness and never a book", () => {
  const scenario = new Scenario().fetch("/markets/A/orderbook?depth=3", restBody("rest-2026-10-orderbook.json"));
  scenario.fetch("/markets/B/orderbook", '{"orderbook":{"yes":[[8,300]],"no":null}}');
  scenario.fetch(
    "/markets/orderbooks?tickers=C",
    '{"orderbooks":[{"ticker":"C","orderbook_fp":{"yes_dollars":[],"no_dollars":[]}}]}',
  );
  assert.deepEqual(
    scenario.of("book_witness").map(({ bids, asks }) => [bids.prices[0] ?? null, asks.prices[0] ?? null]),
    [
      [800_000, 810_000],
      [80_000, null],
      [null, null],
    ],
  );
  assert.equal(scenario.events.length, 3);
  assert.equal(scenario.of("book_witness")[0]?.askedAt, scenario.now - 3_000);
});

test("facts that did not change make no row, volume and prices aside", () => {
  const body = (over: object) =>
    JSON.stringify({ market: { ticker: "A", status: "active", yes_bid_dollars: "0.4", volume_fp: "1", ...over } });
  const scenario = new Scenario().fetch("/markets/A", body({})).fetch("/markets/A", body({ volume_fp: "2" }));
  scenario
    .restart()
    .fetch("/markets/A", body({ volume_fp: "3" }))
    .fetch("/markets/A", body({ status: "closed" }));
  assert.deepEqual(
    scenario.of("market").map((market) => market.status),
    ["open", "closed"],
  );
  assert.equal(scenario.of("quote").length, 4);
});

test("what cannot be used is quarantined and never guessed", () => {
  const scenario = new Scenario()
    .fetch("/markets", "<html>busy</html>")
    .fetch("/markets", '{"error":"too many requests"}', 429);
  scenario
    .fetch("/markets", "{}")
    .fetch("/portfolio/balance", "{}")
    .fetch("/markets", '{"markets":[{"status":"active"},7]}');
  scenario.fetch(
    "/markets/A",
    '{"market":{"ticker":"A","volume_fp":"many","close_time":"soon","yes_bid_dollars":"0.4"}}',
  );
  const found = scenario
    .of("quarantine")
    .map(({ reason, market }) => (market === null ? reason : `${reason} ${market}`));
  assert.deepEqual(found, [
    "http_body",
    "http_status",
    "missing_field",
    "unknown_path",
    "missing_field",
    "missing_field",
    "bad_time A",
    "bad_number A",
  ]);
  const [market] = scenario.of("market");
  assert.deepEqual([market?.volume, market?.closeAt, scenario.of("quote").length], [null, null, 0]);
});

test("the exchange's status and schedule and announced fee changes are rows when they change, also after a restart", () => {
  const status = (trading_active: boolean) => JSON.stringify({ exchange_active: true, trading_active });
  const fees = JSON.stringify({
    series_fee_change_arr: [{ id: "f1", series_ticker: "S", fee_type: "flat", scheduled_ts: "2026-11-22T05:00:00Z" }],
  });
  const scenario = new Scenario();
  for (const body of [status(true), status(true), status(false)]) scenario.fetch("/exchange/status", body);
  scenario.fetch("/exchange/schedule", '{"schedule":{}}').fetch("/series/fee_changes", fees);
  scenario.restart().fetch("/series/fee_changes", fees).fetch("/events/fee_changes", '{"event_fee_changes":[]}');
  scenario.fetch("/exchange/status", status(false)).fetch("/exchange/schedule", '{"schedule":{}}');
  assert.deepEqual(
    scenario.events.map((event) => event.type === "lifecycle" && [event.kind, event.toStatus, event.ts]),
    [
      ["exchange_status", "open", null],
      ["exchange_status", "paused", null],
      ["exchange_schedule", null, null],
      ["series_fee_change", null, Date.UTC(2026, 10, 22, 5) * 1000],
    ],
  );
  assert.deepEqual(scenario.of("lifecycle")[0]?.instrument.market, "");
  scenario.take();
  scenario
    .fetch("/exchange/status", "{}")
    .fetch("/series/fee_changes", "{}")
    .fetch("/events/fee_changes", '{"event_fee_changes":[1]}');
  assert.equal(scenario.of("quarantine").length, 3);
});

test("a step in a market's life that only REST tells is a row; beside a stream only a step ahead is", () => {
  const market = (status: string, over: object = {}) => JSON.stringify({ market: { ticker: "A", status, ...over } });
  const steps = (scenario: Scenario) =>
    scenario.of("lifecycle").map(({ fromStatus, toStatus }) => [fromStatus, toStatus]);
  const settled = {
    result: "yes",
    settlement_value_dollars: "1.0000",
    expiration_value: "85.00",
    settlement_ts: "2026-11-22T05:00:00Z",
  };
  const alone = new Scenario();
  for (const status of ["active", "active", "inactive", "active", "closed", "active", "closed"])
    alone.fetch("/markets/A", market(status));
  alone.fetch("/markets/A", market("finalized", settled));
  assert.deepEqual(steps(alone), [
    ["open", "paused"],
    ["paused", "open"],
    ["open", "closed"],
    ["closed", "open"],
    ["open", "closed"],
    ["closed", "settled"],
  ]);
  const last = alone.of("lifecycle").at(-1);
  assert.equal(last?.ts, Date.UTC(2026, 10, 22, 5) * 1000);
  assert.deepEqual(JSON.parse(last?.detail ?? ""), {
    venue_status: "finalized",
    result: "yes",
    settlement_value: "1",
    expiration_value: "85.00",
  });
  assert.equal(alone.of("market").at(-1)?.settlementValue, 1_000_000);
  const beside = new Scenario().connect();
  for (const status of ["active", "closed", "active", "determined", "closed"])
    beside.fetch("/markets/A", market(status));
  assert.deepEqual(steps(beside), [
    ["open", "closed"],
    ["closed", "determined"],
  ]);
});

test("answers for other tables are passed over", () => {
  const scenario = new Scenario()
    .fetch("/account/limits", "{}")
    .fetch("/series/S/markets/T/candlesticks?start_ts=1", "{}");
  assert.deepEqual(scenario.events, []);
});

test("a created market has facts; later steps know where it was", () => {
  const created = {
    market_ticker: "KXA-1",
    event_type: "created",
    open_ts: 1_780_000_000,
    close_ts: 1_780_000_900,
    price_ranges: [{ start: "0.0000", end: "1.0000", step: "0.0010" }],
    additional_metadata: {
      name: "N",
      title: "T",
      yes_sub_title: "Up",
      event_ticker: "KXA",
      strike_type: "greater",
      floor_strike: 74299.99,
    },
  };
  const step = (seq: number, msg: object) => ({
    type: "market_lifecycle_v2",
    sid: 1,
    seq,
    msg: { market_ticker: "KXA-1", ...msg },
  });
  const scenario = new Scenario().connect().receive(subscribed(1, "market_lifecycle_v2")).receive(step(1, created));
  scenario.receive(step(2, { event_type: "activated", is_deactivated: false }));
  scenario.receive(step(3, { event_type: "close_date_updated", close_ts: 1_780_000_800 }));
  scenario.receive(step(4, { event_type: "determined", determination_ts: 1_780_000_901, result: "void" }));
  scenario.receive(step(5, { event_type: "settled", settled_ts: 1_780_000_902 }));
  assert.deepEqual(
    scenario.of("lifecycle").map(({ fromStatus, toStatus }) => [fromStatus, toStatus]),
    [
      [null, "unopened"],
      ["unopened", "open"],
      [null, null],
      ["open", "determined"],
      ["determined", "voided"],
    ],
  );
  const [facts, ...more] = scenario.of("market");
  assert.deepEqual(more, []);
  assert.deepEqual(
    [facts?.title, facts?.subtitle, facts?.floorStrike, facts?.strikePeriod, facts?.closeAt],
    ["T", "Up", 74_299_990_000, "fifteen_min", 1_780_000_900_000_000],
  );
  assert.equal((JSON.parse(facts?.raw ?? "") as { event_type: string }).event_type, "created");
});

test("events of the lifecycle channel, and a fee override that is set and cleared", () => {
  const scenario = new Scenario().connect().receive(subscribed(1, "market_lifecycle_v2"));
  const event = { event_ticker: "KXA", series_ticker: "KX", title: "T", subtitle: "S", strike_date: 1_780_000_000 };
  scenario.receive({ type: "event_lifecycle", sid: 1, seq: 1, msg: event });
  const fee = (seq: number, type: string | null, multiplier: number | null) => ({
    type: "event_fee_update",
    sid: 1,
    seq,
    msg: { event_ticker: "KXA", fee_type_override: type, fee_multiplier_override: multiplier },
  });
  scenario.receive(fee(2, "quadratic", 0.5)).receive(fee(3, null, null));
  const rows = scenario.of("event").map((row) => [row.title, row.strikeDate, row.feeType, row.feeMultiplier]);
  assert.deepEqual(rows, [
    ["T", 1_780_000_000_000_000, null, null],
    ["T", 1_780_000_000_000_000, "quadratic", 500_000],
    ["T", 1_780_000_000_000_000, null, null],
  ]);
  assert.deepEqual([scenario.of("quarantine"), scenario.of("gap_opened")], [[], []]);
});

test("the period of a strike: the event, the series, the cadence, the duration", () => {
  const hour = 3_600_000_000;
  assert.equal(strikePeriod({ strikePeriod: "hour", frequency: "daily" }), "hour");
  assert.equal(strikePeriod({ strikePeriod: "", frequency: "daily", cadence: "fifteen_min" }), "day");
  assert.equal(strikePeriod({ frequency: "custom", cadence: "fifteen_min" }), "fifteen_min");
  assert.equal(strikePeriod({ frequency: "one_off", openAt: 0, closeAt: hour }), "hour");
  assert.equal(strikePeriod({ openAt: 0, closeAt: 9_999 * hour * 24 }), null);
});
