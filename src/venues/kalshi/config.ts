import { z } from "zod";

/** `venues.kalshi`. Hosts: `external-api*` since 2026-05-07 (docs.kalshi.com changelog); `demo` and `prod` keys do not cross over. */
export const kalshiConfig = z.strictObject({
  env: z
    .enum(["prod", "demo"])
    .default("prod")
    .describe("which of Kalshi's two environments; the two URLs override it"),
  rate_share: z.number().gt(0).max(1).default(0.5).describe("share of the key's request budget that Foretape may use"),
  rest_url: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe("REST base, up to and including /trade-api/v2"),
  ws_url: z
    .url({ protocol: /^wss?$/ })
    .optional()
    .describe("WebSocket URL"),
  key_id: z.string().optional().describe("API key id; the WebSocket needs one, REST market data does not"),
  private_key_path: z.string().optional().describe("PEM file of the RSA or Ed25519 private key").meta({ path: true }),
  markets_per_connection: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe("markets on one connection; the venue takes 500,000 subscriptions, fewer keep a resync short"),
  private_key: z.string().optional().describe("PEM text of the private key; prefer the file").meta({ secret: true }),
});

export type KalshiConfig = z.infer<typeof kalshiConfig>;

/** Base URLs in force: the configured ones, else those of the environment. */
export function kalshiUrls(config: KalshiConfig): { readonly rest: string; readonly ws: string } {
  const demo = config.env === "demo";
  return {
    rest:
      config.rest_url ??
      (demo ? "https://external-api.demo.kalshi.co/trade-api/v2" : "https://external-api.kalshi.com/trade-api/v2"),
    ws:
      config.ws_url ??
      (demo
        ? "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2"
        : "wss://external-api-ws.kalshi.com/trade-api/ws/v2"),
  };
}
