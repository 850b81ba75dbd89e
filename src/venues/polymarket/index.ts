import type { Venue } from "../venue.ts";
import { polymarketConfig } from "./config.ts";
import { polymarketFilters } from "./filters.ts";
import { polymarketInterpreter } from "./interpret.ts";
import { polymarketLive } from "./live.ts";
import { polymarketWire } from "./wire-shapes.ts";

/** Polymarket: one book per outcome token, public WebSocket without sequence numbers but with book hashes. */
export const polymarket: Venue<"polymarket", typeof polymarketConfig, typeof polymarketFilters> = {
  id: "polymarket",
  docs: "https://docs.polymarket.com",
  needs: "needs no key",
  channels: {
    all: ["book", "trades", "ticker", "lifecycle"],
    usual: ["book", "trades", "ticker", "lifecycle"],
  },
  silent: ["PONG", "PING", "[]"],
  config: polymarketConfig,
  filters: polymarketFilters,
  interpreter: polymarketInterpreter,
  wire: polymarketWire,
  live: polymarketLive,
};
