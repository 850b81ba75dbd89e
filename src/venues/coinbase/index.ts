import type { Venue } from "../venue.ts";
import { type CoinbaseConfig, coinbaseConfig } from "./config.ts";
import { coinbaseFilters } from "./filters.ts";
import { coinbaseInterpreter } from "./interpret.ts";
import { coinbaseLive } from "./live.ts";
import { coinbaseWire } from "./wire-shapes.ts";

/** Coinbase: spot prices and trades, public, as Advanced Trade or as the Exchange feed sends them. */
export const coinbase: Venue<"coinbase", typeof coinbaseConfig, typeof coinbaseFilters> = {
  id: "coinbase",
  docs: "https://docs.cdp.coinbase.com",
  needs: "needs no key; recorded wherever `venues.coinbase` is configured, a listener only says it otherwise",
  config: coinbaseConfig,
  filters: coinbaseFilters,
  channels: { all: ["ticker", "trades"], usual: ["ticker"] },
  silent: ["subscriptions", "heartbeats", "heartbeat"],
  ownListener: ({ market_trades }: CoinbaseConfig) => ({
    channels: market_trades ? ["ticker", "trades"] : ["ticker"],
    filters: {},
  }),
  wire: coinbaseWire,
  interpreter: coinbaseInterpreter,
  live: coinbaseLive,
};
