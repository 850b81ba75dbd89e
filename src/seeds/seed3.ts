import type { Dialect, SeedType } from "./dialect.ts";
import { column, type Seed, type SeedColumn, type SeedView } from "./seed.ts";

/** Bitcoin's spot price, Kalshi's contracts on it and their edges, in SQLite. Times are Unix seconds. */
export const seed3: Seed = {
  schema: "seed3",
  title: "Bitcoin edges in SQLite",
  differences: `Its description prints the tables' names only, and the columns are those of its database, where some tables had longer names (\`kalshi_contracts\`, \`kalshi_quotes\`, \`kalshi_edges\`, \`kalshi_edge_snapshots\`). Contracts and quotes are of every Kalshi market on the tape: \`ticker LIKE 'KXBTC%'\` leaves Bitcoin's. Times are whole Unix seconds; ask Foretape's own tables where the order within a second matters.`,
  views: (d) => [spotTicks(d), contracts(d), quotes(d), edges(d), snapshots(d), opportunities(d)],
};

function spotTicks(d: Dialect): SeedView {
  return {
    name: "spot_ticks",
    row: "A price of Coinbase's.",
    columns: [
      column("ts", d.seconds("coalesce(s.received_at, s.ts)"), "receive time, Unix seconds"),
      column("product_id", "s.product", "`BTC-USD`"),
      column("price", d.real("s.price"), "dollars"),
      column("best_bid", d.real("s.bid"), "dollars"),
      column("best_ask", d.real("s.ask"), "dollars"),
      column("bid_qty", d.real("s.bid_size"), "units of the product"),
      column("ask_qty", d.real("s.ask_size"), "units of the product"),
      column("sequence_num", "s.sequence", "Coinbase's"),
    ],
    from: `FROM ${d.table("spot_ticks")} AS s WHERE s.venue = 'coinbase'`,
  };
}

function contracts(d: Dialect): SeedView {
  return {
    name: "contracts",
    row: "A Kalshi market as last told, of any series; key `ticker`.",
    columns: [
      column("ticker", "m.market_id", ""),
      column("lower", d.real("m.floor_strike"), "units of the underlying; null: none"),
      column("upper", d.real("m.cap_strike"), "units of the underlying; null: none"),
      column("strike_type", "m.strike_type", "Kalshi's word"),
      column("close_ts", d.seconds("m.close_at"), "Unix seconds"),
      column("expected_expiration_ts", d.seconds("m.expected_expiration_at"), "Unix seconds"),
      column(
        "settlement_ts",
        d.seconds("m.latest_expiration_at"),
        "Unix seconds: the latest expiration, for what has no other horizon",
      ),
      column("settled_ts", d.seconds("m.settled_at"), "Unix seconds; null: not yet"),
      column("outcome", "CASE m.result WHEN 'yes' THEN 1 WHEN 'no' THEN 0 END", "1 for YES, 0 for NO"),
      column("updated_ts", d.seconds("m.received_at"), "Unix seconds"),
    ],
    from: `FROM ${d.table("markets")} AS m WHERE m.venue = 'kalshi'`,
  };
}

function quotes(d: Dialect): SeedView {
  const mid = "(s.bid + s.ask) / 2";
  return {
    name: "quotes",
    row: "What Kalshi said of a market's quote at one time.",
    columns: [
      column("ts", d.seconds("coalesce(s.received_at, s.ts)"), "receive time, Unix seconds"),
      column("market_id", "s.market_id", "Kalshi's ticker"),
      column("yes_bid", d.cents("s.bid"), "cents"),
      column("yes_ask", d.cents("s.ask"), "cents"),
      column("no_bid", d.cents("1 - s.ask"), "cents"),
      column("no_ask", d.cents("1 - s.bid"), "cents"),
      column("yes_mid", d.cents(mid), "cents"),
      column("no_mid", d.cents(`1 - ${mid}`), "cents"),
      column("p_mid", d.price(mid), "probability"),
      column("volume", d.real("s.volume"), "contracts"),
      column("volume_24h", d.none("real"), "null: the stream does not tell it"),
      column("open_interest", d.real("s.open_interest"), "contracts"),
    ],
    from: `FROM ${d.table("market_snapshots")} AS s WHERE s.venue = 'kalshi' AND s.outcome_id = 'yes'`,
  };
}

/** Columns that have nothing to show yet: name → type and unit. */
function later(d: Dialect, columns: Readonly<Record<string, readonly [SeedType, string]>>): SeedColumn[] {
  return Object.entries(columns).map(([name, [type, holds]]) => column(name, d.none(type), holds));
}

const PRICES = {
  yes_bid: ["real", "cents"],
  yes_ask: ["real", "cents"],
  no_bid: ["real", "cents"],
  no_ask: ["real", "cents"],
} as const;
const VALUES = { ev_take_yes: ["real", "dollars"], ev_take_no: ["real", "dollars"] } as const;

function edges(d: Dialect): SeedView {
  const columns = later(d, {
    ts: ["integer", "Unix seconds"],
    market_id: ["text", "Kalshi's ticker"],
    settlement_ts: ["integer", "Unix seconds"],
    horizon_seconds: ["integer", ""],
    spot_price: ["real", "dollars"],
    sigma_annualized: ["real", ""],
    prob_yes: ["real", "probability"],
    ...PRICES,
    ...VALUES,
  });
  return { name: "edges", row: "A model's value of a contract. No rows yet.", columns, from: null };
}

function snapshots(d: Dialect): SeedView {
  const columns = later(d, {
    asof_ts: ["integer", "Unix seconds"],
    market_id: ["text", "Kalshi's ticker"],
    settlement_ts: ["integer", "Unix seconds"],
    spot_ts: ["integer", "Unix seconds"],
    spot_price: ["real", "dollars"],
    sigma_annualized: ["real", ""],
    prob_yes: ["real", "probability"],
    horizon_seconds: ["integer", ""],
    quote_ts: ["integer", "Unix seconds"],
    ...PRICES,
    ...VALUES,
    spot_age_seconds: ["integer", ""],
    quote_age_seconds: ["integer", ""],
    skip_reason: ["text", ""],
  });
  return { name: "snapshots", row: "An edge kept to be scored. No rows yet.", columns, from: null };
}

function opportunities(d: Dialect): SeedView {
  const columns = later(d, {
    ts_eval: ["integer", "Unix seconds"],
    market_id: ["text", "Kalshi's ticker"],
    settlement_ts: ["integer", "Unix seconds"],
    strike: ["real", "units of the underlying"],
    spot_price: ["real", "dollars"],
    sigma: ["real", ""],
    tau: ["real", "years"],
    p_model: ["real", "probability"],
    p_market: ["real", "probability"],
    best_yes_bid: ["real", "cents"],
    best_yes_ask: ["real", "cents"],
    best_no_bid: ["real", "cents"],
    best_no_ask: ["real", "cents"],
    spread: ["real", "cents"],
    eligible: ["integer", "0 or 1"],
    reason_not_eligible: ["text", ""],
    would_trade: ["integer", "0 or 1"],
    side: ["text", "`yes` or `no`"],
    ev_raw: ["real", "dollars"],
    ev_net: ["real", "dollars"],
  });
  return { name: "opportunities", row: "A decision of the edge engine. No rows yet.", columns, from: null };
}
