import type { DuckDBConnection } from "@duckdb/node-api";
import type { Micros } from "../model/time.ts";
import { literal } from "./views.ts";

/** Tables that coverage is made of. */
export const coverageTables = [
  "orderbook_deltas",
  "orderbook_snapshots",
  "market_snapshots",
  "trades_history",
  "market_lifecycle",
  "spot_ticks",
  "spot_trades_history",
  "subscriptions",
  "gaps",
] as const;

export const MINUTE: Micros = 60_000_000;

export interface CoverageWindow {
  readonly from: Micros;
  readonly to: Micros;
  /** Length of a bucket; buckets begin at multiples of it. */
  readonly every: Micros;
}

export interface CoverageFilter {
  readonly venue?: string | undefined;
  readonly markets?: readonly string[] | undefined;
  readonly listener?: string | undefined;
  /** `book`, `trades`, `ticker`, `lifecycle`. */
  readonly channel?: string | undefined;
}

/** What the venues' own channels carry, in the words of the configuration. A channel that is not here keeps its name. */
const CARRIES = [
  ["kalshi", "orderbook_delta", "book"],
  ["kalshi", "trade", "trades"],
  ["kalshi", "ticker", "ticker"],
  ["kalshi", "market_lifecycle_v2", "lifecycle"],
  ["coinbase", "market_trades", "trades"],
  ["coinbase", "matches", "trades"],
  ["polymarket", "market", "book"],
  ["polymarket", "market", "trades"],
  ["polymarket", "market", "ticker"],
  ["polymarket", "market", "lifecycle"],
] as const;

/** Data that proves a connection alive comes at last this long after a silence, or the watchdog opens a gap. */
const PROOF: Micros = 15 * 60_000_000;
/** A connection whose last data is not older than this when it ends, or now, was alive until then. */
const SLACK: Micros = 5_000_000;

/**
 * Common table expressions over the tape's views, times in microseconds:
 * - `spans`: from when to when (`lo`, `hi`) a market was subscribed to a channel, up to when that is proven (`proof`)
 * - `holes`: what of it was lost (`lo`, `hi`, `cause`, `is_full`: wholly repaired)
 * - `activity`: messages by bucket
 *
 * Proof that a connection was alive at an instant is data of the same connection that arrived later: TCP keeps the
 * order, and what did not arrive before it is a row of `gaps`. Keep-alives prove only the socket, REST (epoch 0) nothing.
 */
export function coverageParts({ from, to, every }: CoverageWindow, filter: CoverageFilter, now: Micros): string {
  const until = Math.min(to + PROOF, now + PROOF);
  const at = "coalesce(received_at, ts)";
  const inWindow = `${at} >= make_timestamp(${from}::BIGINT) AND ${at} < make_timestamp(${until}::BIGINT)`;
  const messages = (table: string, kind: string, where = "true", proves = "true", market = "market_id"): string =>
    `SELECT recorder, venue, ${market} AS market_id, '${kind}' AS kind, epoch_us(${at}) // ${every} AS b, count(*) AS messages,
      max(epoch_us(${at})) FILTER (${proves}) AS last
     FROM ${table} WHERE ${inWindow} AND ${where} GROUP BY ALL`;
  const selected = [
    ...(filter.venue === undefined ? [] : [`venue = ${literal(filter.venue)}`]),
    ...(filter.markets === undefined ? [] : [`market_id IN (${filter.markets.map(literal).join(", ") || "NULL"})`]),
    ...(filter.channel === undefined ? [] : [`kind = ${literal(filter.channel)}`]),
  ];
  const where = selected.length === 0 ? "true" : selected.join(" AND ");
  const ofListener =
    filter.listener === undefined
      ? "true"
      : `(venue, market_id) IN (SELECT (venue, market_id) FROM asked WHERE listener = ${literal(filter.listener)})`;
  return `
carries(venue, channel, kind) AS (VALUES ${CARRIES.map((row) => `(${row.map(literal).join(", ")})`).join(", ")}),
asked AS MATERIALIZED (
  SELECT recorder, venue, market_id, outcome_id, listener, epoch, sid, channel,
    epoch_us(least(requested_at, acknowledged_at, first_data_at)) AS lo,
    coalesce(epoch_us(ended_at), ${now}) AS hi,
    epoch_us(least(acknowledged_at, first_data_at)) AS granted, epoch_us(greatest(acknowledged_at, first_data_at)) AS answered
  FROM subscriptions WHERE least(requested_at, acknowledged_at, first_data_at) IS NOT NULL
),
-- A channel that was asked for whole covers the markets of its connection.
named AS MATERIALIZED (
  SELECT a.*, coalesce(c.kind, a.channel) AS kind FROM (
    SELECT * FROM asked WHERE market_id IS NOT NULL
    UNION ALL
    SELECT w.recorder, w.venue, m.market_id, m.outcome_id, m.listener, w.epoch, w.sid, w.channel, greatest(w.lo, m.lo), least(w.hi, m.hi), w.granted, w.answered
    FROM asked w JOIN (SELECT DISTINCT recorder, venue, epoch, market_id, outcome_id, listener, lo, hi FROM asked WHERE market_id IS NOT NULL) m
      USING (recorder, venue, epoch)
    WHERE w.market_id IS NULL AND m.lo < w.hi AND w.lo < m.hi
  ) a LEFT JOIN carries c USING (venue, channel)
),
heard AS MATERIALIZED (
  ${[
    messages("orderbook_deltas", "book"),
    messages("orderbook_snapshots", "book", "trigger IN ('venue', 'resync')", "epoch <> 0"),
    messages("market_snapshots", "ticker", "trigger IN ('tick', 'poll')", "trigger = 'tick'"),
    messages("trades_history", "trades", "source = 'stream'"),
    messages("market_lifecycle", "lifecycle"),
    messages("spot_ticks", "ticker", "is_stale IS NOT TRUE", "true", "product"),
    messages("spot_trades_history", "trades", "true", "true", "product"),
  ].join("\n  UNION ALL ")}
),
proofs AS MATERIALIZED (
  SELECT n.recorder, n.epoch, max(greatest(h.last, n.answered)) AS proof
  FROM named n LEFT JOIN heard h ON h.recorder = n.recorder AND h.venue = n.venue AND h.market_id = n.market_id AND h.kind = n.kind
    AND h.last >= n.lo AND h.last <= n.hi
  GROUP BY ALL
),
-- Between question and grant it is asked for and proven nothing.
parts AS (
  SELECT recorder, epoch, venue, market_id, outcome_id, kind, lo, least(hi, coalesce(granted, hi)) AS hi, false AS granted FROM named
  WHERE granted IS NULL OR granted > lo
  UNION ALL SELECT recorder, epoch, venue, market_id, outcome_id, kind, greatest(lo, granted), hi, true FROM named WHERE granted IS NOT NULL
),
spans AS MATERIALIZED (
  SELECT recorder, venue, market_id, kind, greatest(lo, ${from}) AS lo, least(hi, ${to}) AS hi,
    CASE WHEN NOT granted OR proof IS NULL THEN lo WHEN proof >= hi - ${SLACK} THEN hi ELSE proof END AS proof
  FROM parts LEFT JOIN proofs USING (recorder, epoch)
  WHERE lo < ${to} AND hi >= ${from} AND ${where} AND ${ofListener}
),
lost AS (
  SELECT recorder, venue, market_id, outcome_id, epoch, sid, channel, cause, coalesce(repair = 'full', false) AS is_full,
    epoch_us(coalesce(from_ts, detected_at, received_at)) AS lo, epoch_us(to_ts) AS until, coalesce(epoch_us(to_ts), ${now}) AS hi, epoch_us(resolved_at) AS resolved
  FROM gaps
),
hit AS (
  SELECT l.recorder, l.venue, coalesce(l.market_id, n.market_id) AS market_id, coalesce(l.outcome_id, n.outcome_id) AS outcome_id, coalesce(n.kind, c.kind, l.channel) AS kind,
    l.cause, l.is_full, CASE WHEN l.market_id IS NULL THEN greatest(l.lo, n.lo) ELSE l.lo END AS lo, l.hi, l.until, l.resolved
  FROM lost l LEFT JOIN named n ON n.recorder = l.recorder AND n.venue = l.venue AND n.lo <= l.hi AND n.hi >= l.lo
    AND (l.epoch IS NULL OR n.epoch = l.epoch) AND (l.sid IS NULL OR n.sid = l.sid OR n.sid IS NULL) AND (l.channel IS NULL OR n.channel = l.channel)
    AND (l.market_id IS NULL OR n.market_id = l.market_id) AND (l.outcome_id IS NULL OR n.outcome_id IS NULL OR n.outcome_id = l.outcome_id)
  LEFT JOIN carries c ON c.venue = l.venue AND c.channel = l.channel AND n.kind IS NULL
  WHERE coalesce(l.market_id, n.market_id) IS NOT NULL AND coalesce(n.kind, c.kind, l.channel) IS NOT NULL
),
-- A book is uncertain until its own next snapshot, which may come long before that of the last book of the same gap.
fresh AS (
  SELECT recorder, venue, market_id, outcome_id, epoch_us(${at}) AS known FROM orderbook_snapshots
  WHERE trigger IN ('venue', 'resync') AND book_state = 'live' AND epoch <> 0 AND ${inWindow}
),
holes AS MATERIALIZED (
  SELECT recorder, venue, market_id, kind, cause, is_full, greatest(lo, ${from}) AS lo, least(hi, ${to}) AS hi FROM (
    SELECT recorder, venue, market_id, kind, cause, is_full, lo, hi FROM hit WHERE kind <> 'book' OR until IS NULL
    UNION ALL
    SELECT h.recorder, h.venue, h.market_id, h.kind, h.cause, h.is_full, h.lo, greatest(h.until, coalesce(f.known, h.resolved, h.until))
    FROM (FROM hit WHERE kind = 'book' AND until IS NOT NULL) h ASOF LEFT JOIN fresh f
      ON f.recorder = h.recorder AND f.venue = h.venue AND f.market_id = h.market_id AND f.outcome_id = h.outcome_id AND f.known >= h.until
  ) WHERE lo < ${to} AND hi >= ${from} AND ${where} AND ${ofListener}
),
activity AS MATERIALIZED (
  SELECT recorder, venue, market_id, kind, b, sum(messages) AS messages FROM heard
  WHERE b >= ${from} // ${every} AND b <= (${to} - 1) // ${every} AND market_id IS NOT NULL AND ${where} AND ${ofListener} GROUP BY ALL
)`;
}

/**
 * SQL with a row per venue, market, channel and bucket: `venue, market_id, channel, minute, state, messages`. Where
 * several recorders have the market, the best of them counts.
 */
export function coverageSelect(window: CoverageWindow, filter: CoverageFilter, now: Micros): string {
  const { from, to, every } = window;
  const key = "recorder, venue, market_id, kind";
  return `WITH ${coverageParts(window, filter, now)},
marks AS (
  SELECT ${key}, unnest(range(lo // ${every}, greatest(lo, hi - 1) // ${every} + 1)) AS b, 0 AS messages, false AS lost, false AS repaired, true AS asked,
    proof AS proof, hi FROM spans
  UNION ALL
  SELECT ${key}, unnest(range(lo // ${every}, greatest(lo, hi - 1) // ${every} + 1)), 0, NOT is_full, is_full, false, NULL, NULL FROM holes
  UNION ALL
  SELECT ${key}, b, messages, false, false, false, NULL, NULL FROM activity
  UNION ALL
  SELECT ${key}, unnest(range(${from} // ${every}, (${to} - 1) // ${every} + 1)), 0, false, false, false, NULL, NULL
  FROM (SELECT ${key} FROM spans UNION SELECT ${key} FROM activity UNION SELECT ${key} FROM holes)
),
judged AS (
  SELECT venue, market_id, kind AS channel, b, sum(messages)::BIGINT AS messages,
    CASE WHEN bool_or(lost) THEN 4 WHEN bool_or(repaired) THEN 3 WHEN sum(messages) > 0 THEN 1
      WHEN bool_or(asked AND proof >= least(hi, (b + 1) * ${every})) THEN 2 WHEN bool_or(asked) THEN 5 ELSE 6 END AS rank
  FROM marks GROUP BY ${key}, b
)
SELECT venue, market_id, channel, make_timestamp(b * ${every}) AS minute,
  ['observed', 'quiet', 'repaired', 'gap', 'unproven', 'not subscribed'][min(rank)] AS state, sum(messages)::BIGINT AS messages
FROM judged GROUP BY venue, market_id, channel, b`;
}

/** First and last time that the tape knows of, from subscriptions, gaps and data. */
export async function coverageBounds(connection: DuckDBConnection): Promise<readonly [Micros, Micros]> {
  const sql = `SELECT epoch_us(min(lo)), epoch_us(max(hi)) FROM (
    SELECT min(least(requested_at, acknowledged_at, first_data_at)) AS lo, max(greatest(requested_at, first_data_at, ended_at, received_at)) AS hi FROM subscriptions
    UNION ALL SELECT min(from_ts), max(greatest(to_ts, detected_at, resolved_at)) FROM gaps
    UNION ALL SELECT min(coalesce(received_at, ts)), max(coalesce(received_at, ts)) FROM orderbook_deltas
    UNION ALL SELECT min(coalesce(received_at, ts)), max(coalesce(received_at, ts)) FROM market_snapshots
    UNION ALL SELECT min(coalesce(received_at, ts)), max(coalesce(received_at, ts)) FROM spot_ticks
    UNION ALL SELECT min(coalesce(received_at, ts)), max(coalesce(received_at, ts)) FROM trades_history WHERE source = 'stream')`;
  const [row] = (await connection.runAndReadAll(sql)).getRows();
  return [Number(row?.[0] ?? 0), Number(row?.[1] ?? 0)];
}
