import type { Dialect } from "./dialect.ts";
import { column, type Seed, type SeedView } from "./seed.ts";

const TAKER = "CASE t.taker_side WHEN 'buy' THEN 'yes' WHEN 'sell' THEN 'no' END";

/** Kalshi's weather markets in Parquet files. */
export const seed2: Seed = {
  schema: "seed2",
  title: "weather markets in Parquet",
  differences: `What were files are tables here: \`seed2.orderbook_snapshots\` in place of \`read_parquets("orderbook")\`. Both snapshot tables shared \`snapshot_ts\` in a cycle; until there are periodic snapshots, every row has the time of its own message. No table of weather is printed, so there is none.`,
  views: (d) => [marketSnapshots(d), orderbookSnapshots(d), candlesticks(d), trades(d)],
};

function marketSnapshots(d: Dialect): SeedView {
  return {
    name: "market_snapshots",
    row: "What is known of a market at one time; key `snapshot_ts, market_ticker` for one `trigger`.",
    columns: [
      column(
        "snapshot_ts",
        "coalesce(s.snapshot_ts, s.received_at, s.ts)",
        "UTC; the timer's time, or when the message came",
      ),
      column("event_ticker", "m.event_id", ""),
      column("market_ticker", "s.market_id", ""),
      column("subtitle", "m.subtitle", ""),
      column("yes_bid", d.cents("s.bid"), "cents"),
      column("yes_ask", d.cents("s.ask"), "cents"),
      column("last_price", d.cents("s.last_price"), "cents"),
      column("volume", d.real("s.volume"), "contracts"),
      column("open_interest", d.real("s.open_interest"), "contracts"),
      column(
        "trigger",
        "s.trigger",
        "`periodic` and `spike` as in the seed (no such rows yet); `tick` and `poll`: each message of Kalshi's",
      ),
    ],
    from: `FROM ${d.table("market_snapshots")} AS s
LEFT JOIN ${d.table("markets")} AS m ON m.venue = s.venue AND m.market_id = s.market_id
WHERE s.venue = 'kalshi' AND s.outcome_id = 'yes'`,
  };
}

function orderbookSnapshots(d: Dialect): SeedView {
  const source = `${d.table("orderbook_snapshots")} AS b`;
  const where = "WHERE b.venue = 'kalshi' AND b.outcome_id = 'yes' AND b.book_state <> 'uncertain'";
  const at = "coalesce(b.snapshot_ts, b.received_at, b.ts)";
  const bids = d.eachLevel("b.bids", "level");
  const asks = d.eachLevel("b.asks", "level");
  return {
    name: "orderbook_snapshots",
    row: "One level of a whole book; key `snapshot_ts, market_ticker, side, price_cents`. Uncertain books are left out.",
    columns: [
      column("snapshot_ts", "l.at", "UTC"),
      column("market_ticker", "l.market_id", ""),
      column("side", "l.side", "`yes` or `no`: whose bids these are"),
      column("price_cents", d.cents("l.price"), "cents of that side"),
      column("quantity", d.real("l.size"), "contracts"),
    ],
    from: `FROM (
  SELECT ${at} AS at, b.market_id, 'yes' AS side, ${bids.price} AS price, ${bids.size} AS size FROM ${source}${bids.from} ${where}
  UNION ALL
  SELECT ${at}, b.market_id, 'no', 1 - ${asks.price}, ${asks.size} FROM ${source}${asks.from} ${where}
) AS l`,
  };
}

function candlesticks(d: Dialect): SeedView {
  return {
    name: "candlesticks",
    row: "A candle of a market; key `market_ticker, timestamp` for one period. No rows yet.",
    columns: [
      column("timestamp", d.none("timestamp"), "UTC"),
      column("event_ticker", d.none("text"), ""),
      column("market_ticker", d.none("text"), ""),
      ...["open_price", "close_price", "high_price", "low_price"].map((name) => column(name, d.none("real"), "cents")),
      column("volume", d.none("real"), "contracts"),
    ],
    from: null,
  };
}

function trades(d: Dialect): SeedView {
  return {
    name: "trades",
    row: "A trade print; key `trade_id`.",
    columns: [
      column("timestamp", "coalesce(t.ts, t.received_at)", "UTC, Kalshi's time"),
      column("event_ticker", "m.event_id", ""),
      column("market_ticker", "t.market_id", ""),
      column("trade_id", "t.trade_id", "Kalshi's"),
      column("price", d.cents("t.price"), "cents of YES"),
      column("count", d.real("t.size"), "contracts"),
      column("taker_side", TAKER, "`yes` or `no`"),
    ],
    from: `FROM ${d.table("trades")} AS t
LEFT JOIN ${d.table("markets")} AS m ON m.venue = t.venue AND m.market_id = t.market_id
WHERE t.venue = 'kalshi' AND t.outcome_id = 'yes'`,
  };
}
