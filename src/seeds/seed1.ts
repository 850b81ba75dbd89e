import type { Dialect } from "./dialect.ts";
import { column, type Seed, type SeedView } from "./seed.ts";

/**
 * Kalshi's sports markets in Supabase. Its description prints the seven names, not their columns; those are the fields
 * that its collector sent.
 */
export const seed1: Seed = {
  schema: "seed1",
  title: "sports markets in Supabase",
  differences: `Its description prints the tables' names only; the columns are those that its collector filled. Its trades that were alike in price, size, side and second were one row; here each is its own. Its snapshots came every second or five; here each message of Kalshi's has its row.`,
  views: (d) => [
    marketMetadata(d),
    marketSnapshots(d),
    orderbookDepth(d),
    trades(d),
    historicalPrices(d),
    collectionLogs(d),
    collectionHealth(d),
  ],
};

function marketMetadata(d: Dialect): SeedView {
  return {
    name: "market_metadata",
    row: "A Kalshi market as last told; key `market_ticker`.",
    columns: [
      column("market_ticker", "m.market_id", "Kalshi's ticker"),
      column("event_ticker", "m.event_id", ""),
      column("series_ticker", "coalesce(m.series_id, e.series_id)", ""),
      column("title", "m.title", ""),
      column("subtitle", "m.subtitle", ""),
      column("market_type", d.field("m.raw", "market_type", "text"), "Kalshi's word"),
      column("category", "e.category", "of the event"),
      column("open_time", d.seconds("m.open_at"), "Unix seconds"),
      column("close_time", d.seconds("m.close_at"), "Unix seconds"),
      column("expected_expiration_time", d.seconds("m.expected_expiration_at"), "Unix seconds"),
      column("settlement_value", "m.settlement_value", "dollars"),
      column("result", "m.result", "`yes` or `no`"),
      column("status", "m.venue_status", "Kalshi's word; `markets.status` has the common vocabulary"),
      column("volume_24h", d.field("m.raw", "volume_24h_fp", "real"), "contracts"),
      column("liquidity", d.real("m.liquidity_usd"), "dollars"),
      column("can_close_early", d.field("m.raw", "can_close_early", "boolean"), ""),
      column("expiration_value", "m.expiration_value", ""),
      column("open_interest", d.real("m.open_interest"), "contracts"),
    ],
    from: `FROM ${d.table("markets")} AS m
LEFT JOIN ${d.table("events")} AS e ON e.venue = m.venue AND e.event_id = m.event_id
WHERE m.venue = 'kalshi'`,
  };
}

function marketSnapshots(d: Dialect): SeedView {
  const at = "coalesce(s.received_at, s.ts)";
  return {
    name: "market_snapshots",
    row: "What Kalshi said of a market's quote at one time; a row for each message, not each second.",
    columns: [
      column("market_ticker", "s.market_id", ""),
      column("timestamp", d.seconds(at), "receive time, Unix seconds"),
      column(
        "timestamp_ms",
        d.millis(at),
        "receive time, Unix milliseconds; `market_snapshots.received_at` has microseconds",
      ),
      column("yes_bid", d.cents("s.bid"), "cents"),
      column("yes_ask", d.cents("s.ask"), "cents"),
      column("no_bid", d.cents("1 - s.ask"), "cents; the same order as `yes_ask`"),
      column("no_ask", d.cents("1 - s.bid"), "cents; the same order as `yes_bid`"),
      column("last_price", d.cents("s.last_price"), "cents"),
      column("yes_bid_size", d.real("s.bid_size"), "contracts"),
      column("yes_ask_size", d.real("s.ask_size"), "contracts"),
      column("no_bid_size", d.real("s.ask_size"), "contracts"),
      column("no_ask_size", d.real("s.bid_size"), "contracts"),
      column("volume", d.real("s.volume"), "contracts"),
      column("volume_24h", d.none("real"), "null: the stream does not tell it"),
      column("open_interest", d.real("s.open_interest"), "contracts"),
      column("mid_price", d.cents("(s.bid + s.ask) / 2"), "cents"),
      column("spread", d.cents("s.ask - s.bid"), "cents"),
      column("liquidity_score", d.none("real"), "null: the seed's own formula is not known"),
    ],
    from: `FROM ${d.table("market_snapshots")} AS s
WHERE s.venue = 'kalshi' AND s.outcome_id = 'yes'`,
  };
}

function orderbookDepth(d: Dialect): SeedView {
  const source = `${d.table("orderbook_snapshots")} AS b
  WHERE b.venue = 'kalshi' AND b.outcome_id = 'yes' AND b.bids IS NOT NULL AND b.book_state <> 'uncertain'`;
  const bids = d.levelsJson("b.bids", d.cents, d.real);
  const asks = d.levelsJson("b.asks", (price) => d.cents(`1 - ${price}`), d.real);
  return {
    name: "orderbook_depth",
    row: "One side of a whole book; key `market_ticker, timestamp_ms, side` but for books in one millisecond. Uncertain books are left out.",
    columns: [
      column("market_ticker", "b.market_id", ""),
      column("timestamp", d.seconds("b.at"), "receive time, Unix seconds"),
      column("timestamp_ms", d.millis("b.at"), "receive time, Unix milliseconds"),
      column("side", "b.side", "`yes` or `no`: whose bids these are"),
      column("orderbook", "b.orderbook", 'JSON, `[{"price":48,"size":10}, …]`, cents and contracts, best bid first'),
    ],
    from: `FROM (
  SELECT b.market_id, coalesce(b.received_at, b.ts) AS at, 'yes' AS side, ${bids} AS orderbook FROM ${source}
  UNION ALL
  SELECT b.market_id, coalesce(b.received_at, b.ts), 'no', ${asks} FROM ${source}
) AS b`,
  };
}

function trades(d: Dialect): SeedView {
  const at = "coalesce(t.ts, t.received_at)";
  return {
    name: "trades",
    row: "A trade print; key `trade_id`. The seed kept one of several alike in a second; here each has its row.",
    columns: [
      column("market_ticker", "t.market_id", ""),
      column("trade_id", "t.trade_id", "Kalshi's"),
      column("timestamp", d.seconds(at), "Kalshi's time, Unix seconds"),
      column("timestamp_ms", d.millis(at), "Kalshi's time, Unix milliseconds"),
      column("price", d.cents("t.price"), "cents, always of YES (the seed's was of the taker's side)"),
      column("size", d.real("t.size"), "contracts"),
      column(
        "side",
        "CASE t.taker_side WHEN 'buy' THEN 'yes' WHEN 'sell' THEN 'no' END",
        "which side the taker bought",
      ),
      column("taker_side", "t.taker_side", "`buy` or `sell`, of YES"),
    ],
    from: `FROM ${d.table("trades")} AS t WHERE t.venue = 'kalshi' AND t.outcome_id = 'yes'`,
  };
}

function historicalPrices(d: Dialect): SeedView {
  const real = ["open", "high", "low", "close", "volume", "open_interest"].concat(
    ["bid", "ask"].flatMap((side) => ["open", "high", "low", "close"].map((price) => `${side}_${price}`)),
  );
  return {
    name: "historical_prices",
    row: "A candle from PolyRouter. No rows yet.",
    columns: [
      column("market_ticker", d.none("text"), ""),
      column("platform", d.none("text"), ""),
      column("timestamp", d.none("integer"), "Unix seconds"),
      column("interval", d.none("text"), "`1m`, `5m`, `1h`, `4h`, `1d`"),
      ...real.map((name) => column(name, d.none("real"), /volume|interest/.test(name) ? "contracts" : "dollars")),
      column("source", d.none("text"), ""),
    ],
    from: null,
  };
}

function collectionLogs(d: Dialect): SeedView {
  const text = ["log_level", "component", "message", "details", "error_trace"];
  return {
    name: "data_collection_logs",
    row: "A line of the log. No rows yet.",
    columns: [
      column("timestamp", d.none("integer"), "Unix seconds"),
      ...text.map((name) => column(name, d.none("text"), name === "details" ? "JSON" : "")),
    ],
    from: null,
  };
}

function collectionHealth(d: Dialect): SeedView {
  return {
    name: "collection_health",
    row: "A component's health in one minute. No rows yet; `foretape status` has it now.",
    columns: [
      column("timestamp", d.none("integer"), "Unix seconds"),
      column("component", d.none("text"), ""),
      column("metrics", d.none("text"), "JSON"),
      column("is_healthy", d.none("boolean"), ""),
    ],
    from: null,
  };
}
