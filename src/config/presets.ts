/**
 * Listeners that many people want, as data: `listeners: [{ preset: kalshi-btc }]`. Filters that outlive a season are
 * preferred: beginnings of series, categories, tags and names of sports in place of ids. A name that a venue does not
 * have (any more) is said when the listener starts.
 */
export const presets = {
  /**
   * Series as Kalshi lists them under https://kalshi.com/category/crypto: daily, range and 15-minute markets; and the index
   * that they settle on.
   */
  "kalshi-btc": {
    ...kalshi("kalshi-btc", { series_tickers: ["KXBTCD", "KXBTC", "KXBTC15M"], index_ids: ["BRTI"] }),
    channels: ["book", "trades", "ticker", "lifecycle", "index"],
  },
  /** KXHIGHNY, KXHIGHCHI, KXHIGHMIA …: settled on the National Weather Service's reports. KXTEMPNYCH: by the hour. */
  "kalshi-temperatures": kalshi("kalshi-temperatures", {
    series_tickers: ["KXHIGH*", "KXLOW*", "KXTEMP*"],
    categories: ["Climate and Weather"],
  }),
  /** KXNFLGAME, KXMLBGAME, KXMLBSPREAD, KXNCAAFGAME … (REST answers of July 2026); combos (KXMVE…) are other series. */
  "kalshi-nfl": kalshi("kalshi-nfl", { series_tickers: ["KXNFL*"] }),
  "kalshi-nhl": kalshi("kalshi-nhl", { series_tickers: ["KXNHL*"] }),
  "kalshi-nba": kalshi("kalshi-nba", { series_tickers: ["KXNBA*"] }),
  "kalshi-mlb": kalshi("kalshi-mlb", { series_tickers: ["KXMLB*"] }),
  "kalshi-ncaaf": kalshi("kalshi-ncaaf", { series_tickers: ["KXNCAAF*"] }),
  /** Categories as events carry them (REST answers of 2026); Financials is not among those that were seen. */
  "kalshi-elections": kalshi("kalshi-elections", { categories: ["Elections"] }),
  "kalshi-economics": kalshi("kalshi-economics", { categories: ["Economics"] }),
  "kalshi-finance": kalshi("kalshi-finance", { categories: ["Financials"] }),
  /** Sports as `GET /sports` names them; their series change, so they are asked for at run time. That college football is `cfb` was not seen. */
  "polymarket-nfl": polymarket("polymarket-nfl", { sports: ["nfl"] }),
  "polymarket-nhl": polymarket("polymarket-nhl", { sports: ["nhl"] }),
  "polymarket-nba": polymarket("polymarket-nba", { sports: ["nba"] }),
  "polymarket-mlb": polymarket("polymarket-mlb", { sports: ["mlb"] }),
  "polymarket-ncaaf": polymarket("polymarket-ncaaf", { sports: ["cfb"] }),
  /** Up-or-down markets on Bitcoin, whatever their length. The tag spares reading the whole exchange's list. */
  "polymarket-btc": polymarket("polymarket-btc", {
    tag_slugs: ["crypto"],
    slug_patterns: ["btc-updown-", "bitcoin-up-or-down-"],
  }),
  /** Tags elections and fed were seen in Gamma's answers of July 2026; weather, economy and finance were not. */
  "polymarket-temperatures": polymarket("polymarket-temperatures", {
    tag_slugs: ["weather"],
    slug_patterns: ["temperature-in-"],
  }),
  "polymarket-elections": polymarket("polymarket-elections", { tag_slugs: ["elections"] }),
  "polymarket-economics": polymarket("polymarket-economics", { tag_slugs: ["economy", "fed"] }),
  "polymarket-finance": polymarket("polymarket-finance", { tag_slugs: ["finance"] }),
} as const;

function kalshi(name: string, filters: Readonly<Record<string, readonly string[]>>) {
  return { name, venue: "kalshi", filters } as const;
}

function polymarket(name: string, filters: Readonly<Record<string, readonly string[]>>) {
  return { name, venue: "polymarket", filters } as const;
}

/** What `record` runs when no listener is configured: it needs no key. */
export const defaultListener = {
  name: "busiest",
  venue: "polymarket",
  filters: {},
  max_markets: 100,
} as const;

export type Preset = keyof typeof presets;
