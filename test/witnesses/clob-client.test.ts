import assert from "node:assert/strict";
import { test } from "node:test";
import { ClobClient } from "@polymarket/clob-client";
import { startExchange } from "../../src/exchange/exchange.ts";

test("Polymarket's own client reads books and computes their hashes", async () => {
  await using exchange = await startExchange({ seed: "witness", keyType: "ed25519" });
  const client = new ClobClient(exchange.polymarket.clob_url, 137);
  const [token = "", other = ""] = exchange.tokens;

  const book = await client.getOrderBook(token);
  assert.equal(book.asset_id, token);
  assert.ok(book.bids.length > 0 && book.asks.length > 0);
  assert.ok(Number(book.bids[0]?.price) < Number(book.bids.at(-1)?.price), "the best bid is the last one");
  const said = book.hash;
  assert.equal(await client.getOrderBookHash(book), said);

  const books = await client.getOrderBooks([token, other, "1"].map((token_id) => ({ token_id }) as never));
  assert.deepEqual(
    books.map(({ asset_id }) => asset_id),
    [token, other],
    "a token without a book is left out",
  );
  for (const each of books) {
    const { hash } = each;
    assert.equal(await client.getOrderBookHash(each), hash);
  }

  assert.ok(Number((await client.getMidpoint(token)).mid) > 0);
  assert.equal(Number(await client.getTickSize(token)), 0.01);
  assert.equal(await client.getNegRisk(token), false);
  assert.ok(Math.abs((await client.getServerTime()) - Date.now() / 1000) < 60);
  const market = await client.getMarket(book.market);
  assert.equal(market.condition_id, book.market);
});
