import assert from "node:assert/strict";
import { test } from "node:test";
import ccxt from "ccxt";
import { startExchange } from "../../src/exchange/exchange.ts";

test("ccxt watches a Polymarket order book", async () => {
  await using exchange = await startExchange({ seed: "witness", keyType: "ed25519", rate: 2000 });
  const client = new ccxt.prediction.polymarket();
  const { gamma_url, clob_url, data_url, ws_url } = exchange.polymarket;
  client.urls["api"] = { gamma: gamma_url, clob: clob_url, data: data_url, ws: ws_url, wsUser: ws_url };
  // ccxt asks for this before it talks to any ws:// address, wss:// being what venues have.
  await client.loadHttpProxyAgent();
  const [token = ""] = exchange.tokens;
  try {
    const seen = new Set<number>();
    while (seen.size < 5) {
      const book = await client.watchOrderBook(token);
      const bid = book.bids[0]?.[0];
      const ask = book.asks[0]?.[0];
      assert.ok(bid !== undefined && ask !== undefined && bid > 0 && ask < 1);
      seen.add(Number(book.timestamp));
    }
    const fetched = await client.fetchOrderBook(token);
    assert.ok(fetched.bids.length > 0);
  } finally {
    await client.close();
  }
});
