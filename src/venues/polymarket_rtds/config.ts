import { z } from "zod";
import { duration } from "../../config/units.ts";

/** Topics whose prices Polymarket's crypto markets track or settle on; both stream about one price a second and symbol. */
export const TOPICS = ["crypto_prices", "crypto_prices_chainlink"] as const;

/** `venues.polymarket_rtds` (docs.polymarket.com/market-data/websocket/rtds). */
export const rtdsConfig = z.strictObject({
  ws_url: z
    .url({ protocol: /^wss?$/ })
    .default("wss://ws-live-data.polymarket.com")
    .describe("Real-Time Data Socket"),
  topics: z
    .array(z.enum(TOPICS))
    .min(1)
    .default([...TOPICS])
    .describe("Binance's prices (crypto_prices) and Chainlink's, on which crypto markets settle"),
  stale_after: duration
    .default(10_000_000)
    .describe(
      "silence of a topic after which its prices are marked stale; after twice that the connection is made anew",
    ),
});

export type RtdsConfig = z.infer<typeof rtdsConfig>;
