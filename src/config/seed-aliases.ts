import type { Path } from "./fields.ts";

/** Reads one variable. A path that begins with `listener` belongs to the one Kalshi listener that these variables describe. */
export type SeedAlias = (text: string) => { readonly path: Path; readonly value: unknown };

const text =
  (...path: Path): SeedAlias =>
  (value) => ({ path, value });
const list =
  (...path: Path): SeedAlias =>
  (value) => ({ path, value: value.split(",").map((item) => item.trim()) });
const seconds =
  (...path: Path): SeedAlias =>
  (value) => ({ path, value: `${value.trim()}s` });
const count =
  (...path: Path): SeedAlias =>
  (value) => ({ path, value: /^\d+$/.test(value.trim()) ? Number(value) : value });

/** Levels as Python's logging names them. */
const levels: Readonly<Record<string, string>> = { warning: "warn", critical: "error", trace: "debug", fatal: "error" };

/** Environment names that recorders before this one used, accepted so that their `.env` files go on working. */
export const seedAliases: Readonly<Record<string, SeedAlias>> = {
  KALSHI_ENV: text("venues", "kalshi", "env"),
  KALSHI_REST_URL: text("venues", "kalshi", "rest_url"),
  KALSHI_WS_URL: text("venues", "kalshi", "ws_url"),
  KALSHI_API_KEY: text("venues", "kalshi", "key_id"),
  KALSHI_API_KEY_ID: text("venues", "kalshi", "key_id"),
  KALSHI_PRIVATE_KEY_PATH: text("venues", "kalshi", "private_key_path"),
  KALSHI_PRIVATE_KEY_PEM_PATH: text("venues", "kalshi", "private_key_path"),
  // A shell's `export` and many .env readers keep the two characters \n where the PEM has a line end.
  KALSHI_PRIVATE_KEY: (pem) => ({ path: ["venues", "kalshi", "private_key"], value: pem.replaceAll("\\n", "\n") }),
  COINBASE_WS_URL: text("venues", "coinbase", "ws_url"),
  COINBASE_PRODUCT_ID: list("venues", "coinbase", "products"),
  COINBASE_STALE_SECONDS: seconds("venues", "coinbase", "stale_after"),
  KALSHI_MARKET_TICKERS: list("listener", "filters", "market_tickers"),
  KALSHI_EVENT_TICKER: list("listener", "filters", "event_tickers"),
  KALSHI_SERIES_TICKER: list("listener", "filters", "series_tickers"),
  STRIKE_PERIODS: list("listener", "filters", "strike_periods"),
  DISCOVERY_SECONDS: seconds("listener", "discovery_every"),
  MAX_ACTIVE_TICKERS: count("listener", "max_markets"),
  DB_PATH: text("sqlite"),
  DATABASE_URL: text("postgres"),
  LOG_PATH: text("log", "file"),
  LOG_LEVEL: (level) => ({ path: ["log", "level"], value: levels[level.toLowerCase()] ?? level.toLowerCase() }),
};

/** Names of theirs whose meaning comes with a later release: said, not ignored. */
export const seedAliasesLater: readonly string[] = [
  "COLLECTOR_SECONDS",
  "SUPABASE_URL",
  "SUPABASE_KEY",
  "WS_SUB_REFRESH_SECONDS",
  "BACKFILL_SECONDS",
  "WS_BATCH_SIZE",
];
