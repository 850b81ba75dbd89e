import { z } from "zod";

/** `venues.polymarket`. All reads are public. */
export const polymarketConfig = z.strictObject({
  rate_share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.33)
    .describe("share of the published request limits that Foretape may use"),
  gamma_url: z
    .url({ protocol: /^https?$/ })
    .default("https://gamma-api.polymarket.com")
    .describe("Gamma API: events, markets, series"),
  clob_url: z
    .url({ protocol: /^https?$/ })
    .default("https://clob.polymarket.com")
    .describe("CLOB REST: books"),
  data_url: z
    .url({ protocol: /^https?$/ })
    .default("https://data-api.polymarket.com")
    .describe("Data API: trades and price history"),
  ws_url: z
    .url({ protocol: /^wss?$/ })
    .default("wss://ws-subscriptions-clob.polymarket.com/ws/market")
    .describe("market WebSocket"),
  tokens_per_connection: z
    .number()
    .int()
    .min(2)
    .max(500)
    .default(250)
    .describe("above about 500 tokens the venue silently skips first books"),
});

export type PolymarketConfig = z.infer<typeof polymarketConfig>;
