import type { Dialect } from "./dialect.ts";
import { column, type Seed, type SeedColumn, type SeedView } from "./seed.ts";

const SCHEMA = "seed5";

/** Kalshi's hourly and daily markets in PostgreSQL on a cluster. */
export const seed5: Seed = {
  schema: SCHEMA,
  title: "the hourly and daily market ingestor",
  differences: `The seed kept hourly and daily events only; here are those of every period, and the condition on \`strike_period\` chooses. It left out ticks that repeated another within a quarter of a second; here each has its row. Times are UTC. Tables of its machinery (\`ingest_state\`, \`work_queue\`) have no counterpart.`,
  views: (d) => [
    events(d),
    markets(d),
    activeMarkets(d),
    marketTicks(d),
    marketCandles(d),
    lifecycleEvents(d),
    eventOutcomesLatest(d),
    eventLeaderLatest(d),
  ],
};

function events(d: Dialect): SeedView {
  return {
    name: "events",
    row: "An event as last told, of any period; key `event_ticker`.",
    columns: [
      column("event_ticker", "e.event_id", ""),
      column("series_ticker", "e.series_id", ""),
      column("title", "e.title", ""),
      column("sub_title", "e.subtitle", ""),
      column("category", "e.category", ""),
      column("mutually_exclusive", "e.mutually_exclusive", ""),
      column("strike_date", "e.strike_date", "UTC"),
      column(
        "strike_period",
        "e.strike_period",
        "`hour`, `day`, …; where Kalshi leaves it empty, from the cadence or the series",
      ),
      column("updated_at", "e.received_at", "UTC"),
    ],
    from: `FROM ${d.table("events")} AS e WHERE e.venue = 'kalshi'`,
  };
}

function markets(d: Dialect): SeedView {
  return {
    name: "markets",
    row: "A market (an outcome of an event) as last told; key `ticker`.",
    columns: [
      column("ticker", "m.market_id", ""),
      column("event_ticker", "m.event_id", ""),
      column("title", "m.title", ""),
      column("subtitle", "m.subtitle", ""),
      column("open_time", "m.open_at", "UTC"),
      column("close_time", "m.close_at", "UTC"),
      column("expected_expiration_time", "m.expected_expiration_at", "UTC"),
      column("latest_expiration_time", "m.latest_expiration_at", "UTC"),
      column("rules_primary", "m.rules", "both of Kalshi's rules"),
      column("strike_type", "m.strike_type", ""),
      column("floor_strike", "m.floor_strike", "a decimal; the seed cut it to a whole number"),
      column("cap_strike", "m.cap_strike", "likewise"),
      column("result", "m.result", "`yes` or `no`"),
      column("settlement_value_dollars", "m.settlement_value", "dollars"),
      column("settlement_ts", "m.settled_at", "UTC"),
      column("status", "m.status", "Foretape's word"),
      column("updated_at", "m.received_at", "UTC"),
    ],
    from: `FROM ${d.table("markets")} AS m WHERE m.venue = 'kalshi'`,
  };
}

function activeMarkets(d: Dialect): SeedView {
  return {
    name: "active_markets",
    row: "A market that is open or paused, as last told; key `ticker`.",
    columns: [
      column("ticker", "m.market_id", ""),
      column("event_ticker", "m.event_id", ""),
      column("close_time", "m.close_at", "UTC"),
      column("status", "m.status", "`open` or `paused`"),
      column("last_seen_ts", "m.received_at", "UTC"),
      column("updated_at", "m.received_at", "UTC"),
    ],
    from: `FROM ${d.table("markets")} AS m WHERE m.venue = 'kalshi' AND m.status IN ('open', 'paused')`,
  };
}

const TICK_TIME = "coalesce(t.ts, t.received_at)";
const MID = "(t.bid + t.ask) / 2";
/** What makes one of several ticks the latest: arrival, as several may have the same time. */
const LATEST = "t.received_at DESC, t.recorder DESC, t.frame DESC, t.n DESC";

const tickPrices = (d: Dialect): SeedColumn[] => [
  column("price_dollars", "t.last_price", "dollars"),
  column("yes_bid_dollars", "t.bid", "dollars; null: no bid"),
  column("yes_ask_dollars", "t.ask", "dollars; null: no ask"),
  column("volume", d.real("t.volume"), "contracts"),
  column("open_interest", d.real("t.open_interest"), "contracts"),
  column("implied_yes_mid", d.price(MID), "dollars; null where a side is missing"),
];

function marketTicks(d: Dialect): SeedView {
  return {
    name: "market_ticks",
    row: "What Kalshi said of a market's quote at one time, over the stream or, without one, over REST.",
    columns: [
      column("ts", TICK_TIME, "UTC, Kalshi's time where it gave one"),
      column("ticker", "t.market_id", ""),
      column("price", d.cents("t.last_price"), "cents"),
      column("yes_bid", d.cents("t.bid"), "cents"),
      column("yes_ask", d.cents("t.ask"), "cents"),
      column("no_bid_dollars", d.price("1 - t.ask"), "dollars"),
      ...tickPrices(d),
      column("dollar_volume", d.real("t.volume_usd"), "dollars"),
    ],
    from: `FROM ${d.table("market_snapshots")} AS t WHERE t.venue = 'kalshi' AND t.outcome_id = 'yes'`,
  };
}

function marketCandles(d: Dialect): SeedView {
  return {
    name: "market_candles",
    row: "A candle; key `market_ticker, period_interval_minutes, end_period_ts`. No rows yet.",
    columns: [
      column("market_ticker", d.none("text"), ""),
      column("period_interval_minutes", d.none("integer"), "1, 60 or 1440"),
      column("end_period_ts", d.none("timestamp"), "UTC"),
      column("start_period_ts", d.none("timestamp"), "UTC"),
      ...["open", "high", "low", "close"].map((name) => column(name, d.none("real"), "dollars")),
      column("volume", d.none("real"), "contracts"),
      column("open_interest", d.none("real"), "contracts"),
    ],
    from: null,
  };
}

function lifecycleEvents(d: Dialect): SeedView {
  return {
    name: "lifecycle_events",
    row: "A message about a market's life, or a step that REST told.",
    columns: [
      column("ts", "coalesce(l.ts, l.received_at)", "UTC, Kalshi's time where it gave one"),
      column("market_ticker", "l.market_id", ""),
      column("event_type", "l.kind", "Kalshi's word"),
      column("open_ts", d.field("l.detail", "open_ts", "integer"), "Unix seconds, where the message has it"),
      column("close_ts", d.field("l.detail", "close_ts", "integer"), "Unix seconds, where the message has it"),
      column("raw", "l.detail", "JSON, Kalshi's own message"),
    ],
    from: `FROM ${d.table("market_lifecycle")} AS l WHERE l.venue = 'kalshi'`,
  };
}

function eventOutcomesLatest(d: Dialect): SeedView {
  const own = "t.venue = m.venue AND t.market_id = m.market_id AND t.outcome_id = 'yes'";
  return {
    name: "event_outcomes_latest",
    row: "An outcome of an event with its latest tick; key `event_ticker, market_ticker`.",
    columns: [
      column("event_ticker", "e.event_id", ""),
      column("event_title", "e.title", ""),
      column("event_category", "e.category", ""),
      column("strike_date", "e.strike_date", "UTC"),
      column("strike_period", "e.strike_period", ""),
      column("market_ticker", "m.market_id", ""),
      column("outcome_title", "m.title", ""),
      column("outcome_subtitle", "m.subtitle", ""),
      column("last_ts", TICK_TIME, "UTC"),
      ...tickPrices(d),
    ],
    from: `FROM ${d.table("events")} AS e
JOIN ${d.table("markets")} AS m ON m.venue = e.venue AND m.event_id = e.event_id
${d.joinFirst("market_snapshots", "t", own, LATEST)}
WHERE e.venue = 'kalshi'`,
  };
}

function eventLeaderLatest(d: Dialect): SeedView {
  return {
    name: "event_leader_latest",
    row: "The outcome of an event with the highest middle price; key `event_ticker`.",
    columns: [
      column("event_ticker", "o.event_ticker", ""),
      column("event_title", "o.event_title", ""),
      column("event_category", "o.event_category", ""),
      column("strike_date", "o.strike_date", "UTC"),
      column("strike_period", "o.strike_period", ""),
      column("leader_market_ticker", "o.market_ticker", "of equals, the one with the later tick"),
      column("leader_outcome_title", "o.outcome_title", ""),
      column("leader_implied_yes_mid", "o.implied_yes_mid", "dollars"),
      column("last_ts", "o.last_ts", "UTC"),
    ],
    from: `FROM (
  SELECT *, row_number() OVER (
    PARTITION BY event_ticker ORDER BY implied_yes_mid DESC, last_ts DESC, market_ticker
  ) AS place
  FROM ${d.view(SCHEMA, "event_outcomes_latest")}
  WHERE implied_yes_mid IS NOT NULL
) AS o WHERE o.place = 1`,
  };
}
