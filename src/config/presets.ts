/** Listeners that many people want, as data: `listeners: [{ preset: kalshi-btc }]`. */
export const presets = {
  /**
   * Series names as Kalshi lists them under https://kalshi.com/category/crypto: daily, range and 15-minute markets; and the
   * index that they settle on.
   */
  "kalshi-btc": {
    name: "kalshi-btc",
    venue: "kalshi",
    filters: { series_tickers: ["KXBTCD", "KXBTC", "KXBTC15M"], index_ids: ["BRTI"] },
    channels: ["book", "trades", "ticker", "lifecycle", "index"],
  },
  /** Daily high temperatures of the cities that Kalshi settles on the National Weather Service's climate report. */
  "kalshi-temperatures": {
    name: "kalshi-temperatures",
    venue: "kalshi",
    filters: {
      series_tickers: ["KXHIGHNY", "KXHIGHCHI", "KXHIGHMIA", "KXHIGHAUS", "KXHIGHDEN", "KXHIGHPHIL", "KXHIGHLAX"],
    },
  },
  /** Gamma's series "NBA" (https://gamma-api.polymarket.com/series/10345). */
  "polymarket-nba": {
    name: "polymarket-nba",
    venue: "polymarket",
    filters: { series_ids: ["10345"] },
  },
  /** Up-or-down markets on Bitcoin, whatever their length. */
  "polymarket-btc": {
    name: "polymarket-btc",
    venue: "polymarket",
    filters: { slug_patterns: ["btc-updown-*", "bitcoin-up-or-down-*"] },
  },
} as const;

/** What `record` runs when no listener is configured: it needs no key. */
export const defaultListener = {
  name: "busiest",
  venue: "polymarket",
  filters: {},
  max_markets: 100,
} as const;

export type Preset = keyof typeof presets;
