import type { Venue } from "../venue.ts";
import { rtdsConfig } from "./config.ts";
import { rtdsFilters } from "./filters.ts";
import { rtdsInterpreter } from "./interpret.ts";
import { rtdsLive } from "./live.ts";
import { rtdsWire } from "./wire-shapes.ts";

/** Polymarket's Real-Time Data Socket: the reference prices of its crypto markets. */
export const polymarketRtds: Venue<"polymarket_rtds", typeof rtdsConfig, typeof rtdsFilters> = {
  id: "polymarket_rtds",
  docs: "https://docs.polymarket.com/market-data/websocket/rtds",
  needs: "needs no key; recorded wherever `venues.polymarket_rtds` is configured",
  config: rtdsConfig,
  filters: rtdsFilters,
  channels: { all: ["ticker"], usual: ["ticker"] },
  silent: ["PONG", "PING", ""],
  ownListener: () => ({ channels: ["ticker"], filters: {} }),
  wire: rtdsWire,
  interpreter: rtdsInterpreter,
  live: rtdsLive,
};
