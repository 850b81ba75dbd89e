import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../config/load.ts";
import { ownListeners } from "./own-listeners.ts";

function own(flags: Readonly<Record<string, unknown>>) {
  const { config, sources } = loadConfig({ file: null, flags });
  const listeners = config.listeners.map(({ max_markets, discovery_every, ...listener }) => ({
    ...listener,
    maxMarkets: max_markets,
    discoveryEvery: discovery_every,
  }));
  return ownListeners(config, sources, listeners).map(({ name, venue, channels }) => ({ name, venue, channels }));
}

test("Coinbase is recorded where it is configured, once", () => {
  assert.deepEqual(own({}), []);
  assert.deepEqual(own({ "venues.coinbase.products": "BTC-USD" }), [
    { name: "coinbase", venue: "coinbase", channels: ["ticker"] },
  ]);
  assert.deepEqual(own({ "venues.coinbase.market_trades": "true" }), [
    { name: "coinbase", venue: "coinbase", channels: ["ticker", "trades"] },
  ]);
  const listeners = '[{ "name": "spot", "venue": "coinbase" }]';
  assert.deepEqual(own({ "venues.coinbase.products": "BTC-USD", listeners }), []);
});
