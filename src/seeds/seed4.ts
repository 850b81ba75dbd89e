import type { Dialect } from "./dialect.ts";
import { column, type Seed, type SeedView } from "./seed.ts";

const VENUES = "('kalshi', 'polymarket')";

/** Order books of Polymarket and Kalshi, normalised, in PostgreSQL or Supabase. */
export const seed4: Seed = {
  schema: "seed4",
  title: "the orderbook liquidity service",
  differences: `Ids are text, no UUIDs. The seed wrote a whole book for each change, and copies of it every 100 ms; here there are the whole books that the venue sent, and \`foretape book\` gives the book at any instant. It passed over Polymarket's \`price_change\`; those are in \`orderbook_deltas\`. Snapshots and trades belong to a market, not to one listener.`,
  views: (d) => [listeners(d), markets(d), marketStateHistory(d), orderbookSnapshots(d), trades(d)],
};

/** The seed's asset: Polymarket's token, Kalshi's ticker. */
const asset = (alias: string): string =>
  `CASE ${alias}.venue WHEN 'kalshi' THEN ${alias}.market_id ELSE ${alias}.outcome_id END`;
const rowId = (alias: string): string => `${alias}.recorder || '-' || ${alias}.frame || '-' || ${alias}.n`;

function listeners(d: Dialect): SeedView {
  // A subscription has the names of all that want its market, with commas between.
  const each = d.eachElement(`'[{"name":"' || replace(s.listener, ',', '"},{"name":"') || '"}]'`, "one");
  const name = d.field(each.json, "name", "text");
  return {
    name: "listeners",
    row: "A listener, as far as the tape shows it by what it subscribed to; key `name, platform`. Its configuration is not in the tables yet.",
    columns: [
      column("id", name, "its name"),
      column("name", name, ""),
      column("description", d.none("text"), "null"),
      column("filters", d.none("text"), "null; `foretape listeners list` shows them"),
      column("discovery_interval_seconds", d.none("integer"), "null"),
      column("emit_interval_ms", d.none("integer"), "null"),
      column("enable_forward_fill", d.none("boolean"), "null"),
      column(
        "is_active",
        "count(*) FILTER (WHERE s.ended_at IS NULL) > 0 OR max(s.ended_at) IS DISTINCT FROM max(s.ended_at) FILTER (WHERE s.reason = 'unsubscribed')",
        "false where it took back the last of its subscriptions; a stopped recorder leaves it true",
      ),
      column("platform", "s.venue", "`polymarket` or `kalshi`"),
      column("created_at", "min(s.requested_at)", "UTC; its first subscription"),
      column("updated_at", "max(s.received_at)", "UTC; the last that was heard of it"),
    ],
    from: `FROM ${d.table("subscriptions")} AS s${each.from}
WHERE s.listener IS NOT NULL AND s.venue IN ${VENUES}
GROUP BY s.venue, ${name}`,
  };
}

function markets(d: Dialect): SeedView {
  const outcome = d.eachElement("m.outcomes", "o");
  const id = d.field(outcome.json, "outcome_id", "text");
  const token = `CASE m.venue WHEN 'kalshi' THEN m.market_id ELSE ${id} END`;
  return {
    name: "markets",
    row: "An outcome of a market as last told (Kalshi's YES only); key `platform, token_id`.",
    columns: [
      column("id", token, "the same as `token_id`"),
      column("listener_id", d.none("text"), "null: `subscriptions.listener` has the listeners of each market"),
      column("condition_id", "m.market_id", "Polymarket's condition id, Kalshi's ticker"),
      column("token_id", token, "Polymarket's token id, Kalshi's ticker"),
      column("market_slug", "m.slug", ""),
      column("event_slug", d.none("text"), "null"),
      column("question", "m.title", ""),
      column("outcome", d.field(outcome.json, "name", "text"), ""),
      column("outcome_index", outcome.place, "0 is the first"),
      column("event_id", "m.event_id", ""),
      column("event_title", "e.title", ""),
      column("category", "e.category", ""),
      column("subcategory", d.none("text"), "null"),
      column("series_id", "coalesce(m.series_id, e.series_id)", ""),
      column("tags", d.none("text"), "null"),
      column("description", "m.rules", ""),
      column("start_date", "m.open_at", "UTC"),
      column("end_date", "m.close_at", "UTC"),
      column("game_start_time", d.none("timestamp"), "null"),
      column("outcome_prices", d.none("text"), "null: prices are in the snapshots"),
      column("volume", "m.volume", "contracts"),
      column("liquidity", "m.liquidity_usd", "dollars"),
      column("is_active", "m.status IN ('open', 'paused')", ""),
      column("is_closed", "m.status IN ('closed', 'determined', 'disputed', 'settled', 'voided')", ""),
      column("state", "m.status", "Foretape's word, the same for both venues"),
      column("platform", "m.venue", "`polymarket` or `kalshi`"),
      column("updated_at", "m.received_at", "UTC"),
    ],
    from: `FROM ${d.table("markets")} AS m
LEFT JOIN ${d.table("events")} AS e ON e.venue = m.venue AND e.event_id = m.event_id${outcome.from}
WHERE m.venue = 'polymarket' OR (m.venue = 'kalshi' AND ${id} = 'yes')`,
  };
}

function marketStateHistory(d: Dialect): SeedView {
  return {
    name: "market_state_history",
    row: "A change of a market's state; key `id`.",
    columns: [
      column("id", rowId("l"), "recorder, frame and ordinal"),
      column("market_id", "l.market_id", "the same as `condition_id`"),
      column("listener_id", d.none("text"), "null"),
      column("condition_id", "l.market_id", "Polymarket's condition id, Kalshi's ticker"),
      column("previous_state", "l.from_status", ""),
      column("new_state", "l.to_status", "Foretape's word, the same for both venues"),
      column("metadata", "l.detail", "JSON, the venue's own message"),
      column("transitioned_at", "coalesce(l.ts, l.received_at)", "UTC, the venue's time where it gave one"),
      column("platform", "l.venue", "`polymarket` or `kalshi`"),
    ],
    from: `FROM ${d.table("market_lifecycle")} AS l
WHERE l.venue IN ${VENUES} AND l.market_id IS NOT NULL AND l.to_status IS NOT NULL`,
  };
}

function orderbookSnapshots(d: Dialect): SeedView {
  return {
    name: "orderbook_snapshots",
    row: "A whole book, as the venue sent it or as it stood at a segment's start; key `id`. Changes between are in `orderbook_deltas`; uncertain books are left out.",
    columns: [
      column("id", rowId("b"), "recorder, frame and ordinal"),
      column("listener_id", "b.listener", "a listener's name; null where the venue made the snapshot"),
      column("asset_id", asset("b"), "Polymarket's token id, Kalshi's ticker"),
      column("market", "b.market_id", "Polymarket's condition id, Kalshi's ticker"),
      column(
        "timestamp",
        d.millis("coalesce(b.snapshot_ts, b.ts, b.received_at)"),
        "Unix milliseconds; the venue's time where it gave one",
      ),
      column(
        "bids",
        d.levelsJson("b.bids", d.text, d.text),
        'JSON, `[{"price":"0.5","size":"100"}, …]`, dollars and contracts as text, best first',
      ),
      column("asks", d.levelsJson("b.asks", d.text, d.text), "likewise; Kalshi's NO bid at P is an ask at 1−P"),
      column("best_bid", "b.best_bid", "dollars"),
      column("best_ask", "b.best_ask", "dollars"),
      column("spread", "b.spread", "dollars"),
      column("mid_price", "b.mid_price", "dollars"),
      column("bid_depth", d.levelsSize("b.bids"), "contracts on all levels"),
      column("ask_depth", d.levelsSize("b.asks"), "contracts on all levels"),
      column("hash", "b.venue_hash", "Polymarket's"),
      column("raw_payload", d.none("text"), "null: the journal has the frame"),
      column("is_forward_filled", "b.is_forward_filled", "false: there is no forward fill yet"),
      column("source_timestamp", d.millis("b.source_ts"), "Unix milliseconds"),
      column("platform", "b.venue", "`polymarket` or `kalshi`"),
      column("created_at", "b.received_at", "UTC, receive time"),
    ],
    from: `FROM ${d.table("orderbook_snapshots")} AS b
WHERE b.venue IN ${VENUES} AND b.book_state <> 'uncertain'`,
  };
}

function trades(d: Dialect): SeedView {
  return {
    name: "trades",
    row: "A trade print; key `platform, id`.",
    columns: [
      column("id", "t.trade_id", "the venue's, or made from the print where it has none"),
      column("listener_id", d.none("text"), "null: a trade is kept once for all listeners"),
      column("asset_id", asset("t"), "Polymarket's token id, Kalshi's ticker"),
      column("market", "t.market_id", "Polymarket's condition id, Kalshi's ticker"),
      column("timestamp", d.millis("coalesce(t.ts, t.received_at)"), "Unix milliseconds, the venue's time"),
      column("price", "t.price", "dollars, of YES for Kalshi"),
      column("size", "t.size", "contracts"),
      column("side", "upper(t.taker_side)", "`BUY` or `SELL`: what the taker did"),
      column("fee_rate_bps", d.none("integer"), "null"),
      column("raw_payload", d.none("text"), "null: the journal has the frame"),
      column("platform", "t.venue", "`polymarket` or `kalshi`"),
      column("created_at", "t.received_at", "UTC, receive time"),
    ],
    from: `FROM ${d.table("trades")} AS t WHERE t.venue IN ${VENUES}`,
  };
}
