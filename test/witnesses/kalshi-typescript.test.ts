import assert from "node:assert/strict";
import { test } from "node:test";
import { AccountApi, Configuration, EventsApi, ExchangeApi, MarketApi } from "kalshi-typescript";
import { startExchange } from "../../src/exchange/exchange.ts";

test("Kalshi's own SDK reads markets, events, books, trades and the exchange's status", async () => {
  await using exchange = await startExchange({ seed: "witness", rate: 4000 });
  const { rest_url, key_id, private_key } = exchange.kalshi;
  const configuration = new Configuration({ basePath: rest_url, apiKey: key_id, privateKeyPem: private_key });
  const markets = new MarketApi(configuration);
  const events = new EventsApi(configuration);

  const status = await new ExchangeApi(configuration).getExchangeStatus();
  assert.equal(status.data.exchange_active, true);

  const limits = await new AccountApi(configuration).getAccountApiLimits();
  assert.equal(limits.data.usage_tier, "basic", "the SDK's signature is verified here");

  const first = await markets.getMarkets(3, undefined, undefined, undefined);
  assert.equal(first.data.markets.length, 3);
  const second = await markets.getMarkets(1000, first.data.cursor);
  assert.equal(second.data.cursor, "");
  const all = [...first.data.markets, ...second.data.markets];
  assert.deepEqual(
    all.map(({ ticker }) => ticker),
    exchange.tickers,
  );
  for (const market of all) {
    assert.equal(market.market_type, "binary");
    assert.match(market.yes_bid_dollars, /^\d\.\d{4}$/);
    assert.ok(market.price_ranges.length > 0);
  }

  const listed = await events.getEvents(200, undefined, true);
  const nested = listed.data.events.flatMap((event) => event.markets ?? []);
  assert.equal(nested.length, all.length);
  const [event] = listed.data.events;
  assert.ok(event);
  const single = await events.getEvent(event.event_ticker, true);
  assert.equal(single.data.event.event_ticker, event.event_ticker);

  const [ticker = ""] = exchange.tickers;
  const book = await markets.getMarketOrderbook(ticker, 5);
  const yes = book.data.orderbook_fp.yes_dollars;
  assert.equal(yes.length, 5);
  assert.ok(Number(yes[0]?.[0]) < Number(yes[4]?.[0]), "the best price is the last one");

  while ((await markets.getTrades()).data.trades.length === 0) assert.ok(exchange.now);
  const [trade] = (await markets.getTrades(1)).data.trades;
  assert.ok(trade);
  assert.match(trade.yes_price_dollars, /^0\.\d{4}$/);
  assert.ok(exchange.tickers.includes(trade.ticker));
});
