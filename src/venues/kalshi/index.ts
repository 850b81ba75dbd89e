import type { Venue } from "../venue.ts";
import { kalshiConfig } from "./config.ts";
import { kalshiFilters } from "./filters.ts";
import { kalshiInterpreter } from "./interpret.ts";
import { kalshiLive } from "./live.ts";
import { kalshiWire } from "./wire-shapes.ts";

/** Kalshi: markets on one YES/NO book each, WebSocket with sequence numbers, signed handshakes. */
export const kalshi: Venue<"kalshi", typeof kalshiConfig, typeof kalshiFilters> = {
  id: "kalshi",
  docs: "https://docs.kalshi.com",
  needs: "needs an API key to stream",
  channels: {
    all: ["book", "trades", "ticker", "lifecycle", "index"],
    usual: ["book", "trades", "ticker", "lifecycle"],
  },
  silent: ["subscribed", "unsubscribed", "ok"],
  config: kalshiConfig,
  filters: kalshiFilters,
  interpreter: kalshiInterpreter,
  wire: kalshiWire,
  live: kalshiLive,
};
