import { z } from "zod";
import { duration } from "../../config/units.ts";

/** `venues.coinbase`. All market data is public. Hosts: docs.cdp.coinbase.com, "Advanced Trade WebSocket" and "Exchange WebSocket". */
export const coinbaseConfig = z.strictObject({
  feed: z
    .enum(["advanced", "exchange"])
    .default("advanced")
    .describe(
      "advanced numbers every frame of a connection, so that any loss is seen; exchange says the time of each trade",
    ),
  ws_url: z
    .url({ protocol: /^wss?$/ })
    .optional()
    .describe("WebSocket URL; without it that of the feed"),
  rest_url: z
    .url({ protocol: /^https?$/ })
    .default("https://api.coinbase.com")
    .describe("REST base, for history; the stream does not need it"),
  products: z.array(z.string().min(1)).min(1).default(["BTC-USD"]).describe("what is recorded"),
  market_trades: z
    .boolean()
    .default(false)
    .describe("record every trade too; for a listener of its own, `channels` says that"),
  stale_after: duration
    .default(5_000_000)
    .describe(
      "silence, heartbeats included, after which prices are marked stale; after twice that the connection is made anew",
    ),
});

export type CoinbaseConfig = z.infer<typeof coinbaseConfig>;

/** The URL in force. */
export function coinbaseSocket({ feed, ws_url }: CoinbaseConfig): string {
  return (
    ws_url ?? (feed === "advanced" ? "wss://advanced-trade-ws.coinbase.com" : "wss://ws-feed.exchange.coinbase.com")
  );
}
