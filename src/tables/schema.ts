/**
 * The tables of `product.md` 6, as data: Parquet, SQLite, `query` and the docs are all derived from this list, so that
 * every sink has the same names and columns.
 *
 * Column types and what they hold in memory (`buffer.ts`):
 * - `text`, `json`: strings, or null; `word`: text from a handful of words, so that a sink may code it
 * - `price`: millionths of a dollar per contract, DECIMAL(9,6)
 * - `size`, `usd`, `strike`: millionths, DECIMAL(18,6)
 * - `spot`: spot prices and sizes in 10⁻⁸, DECIMAL(20,8)
 * - `integer` (INTEGER), `bigint` (BIGINT): safe integers
 * - `timestamp`: microseconds UTC
 * - `boolean`
 * - `levels`: list of {price, size}, best first
 */
export type ColumnType =
  | "text"
  | "word"
  | "json"
  | "price"
  | "size"
  | "usd"
  | "strike"
  | "spot"
  | "integer"
  | "bigint"
  | "timestamp"
  | "boolean"
  | "levels";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Columns that name a fact which can be seen more than once; the plain name of the table is a view with one row each. */
  readonly naturalKey: readonly string[] | null;
  /** The fact's own time: the partition time of rows that were fetched or imported. Streams use `received_at`. */
  readonly ownTime: string | null;
}

const t = (name: string): Column => ({ name, type: "text" });
const word = (name: string): Column => ({ name, type: "word" });
const json = (name: string): Column => ({ name, type: "json" });
const price = (name: string): Column => ({ name, type: "price" });
const size = (name: string): Column => ({ name, type: "size" });
const usd = (name: string): Column => ({ name, type: "usd" });
const strike = (name: string): Column => ({ name, type: "strike" });
const spot = (name: string): Column => ({ name, type: "spot" });
const integer = (name: string): Column => ({ name, type: "integer" });
const bigint = (name: string): Column => ({ name, type: "bigint" });
const time = (name: string): Column => ({ name, type: "timestamp" });
const bool = (name: string): Column => ({ name, type: "boolean" });
const levels = (name: string): Column => ({ name, type: "levels" });

function table(
  name: string,
  columns: readonly Column[],
  options: {
    naturalKey?: readonly string[];
    ownTime?: string;
    /** Names in front, beside `venue`, of what a row is about: a market's outcome unless said otherwise. */
    subject?: readonly ["market_id"] | readonly ["product"];
  } = {},
): Table {
  return {
    name,
    columns: [
      t("venue"),
      ...(options.subject ?? ["market_id", "outcome_id"]).map(t),
      ...columns,
      integer("recorder"),
      bigint("frame"),
      integer("n"),
    ],
    naturalKey: options.naturalKey ?? null,
    ownTime: options.ownTime ?? null,
  };
}

export const orderbookDeltas: Table = table(
  "orderbook_deltas",
  [
    time("ts"),
    time("received_at"),
    bigint("seq"),
    integer("epoch"),
    word("side"),
    price("price"),
    size("size"),
    size("change"),
    t("venue_hash"),
  ],
  { ownTime: "ts" },
);

export const orderbookSnapshots: Table = table(
  "orderbook_snapshots",
  [
    time("snapshot_ts"),
    time("ts"),
    time("received_at"),
    t("listener"),
    word("trigger"),
    word("book_state"),
    bool("is_forward_filled"),
    time("source_ts"),
    bigint("seq"),
    integer("epoch"),
    t("venue_hash"),
    levels("bids"),
    levels("asks"),
    price("best_bid"),
    size("best_bid_size"),
    price("best_ask"),
    size("best_ask_size"),
    price("spread"),
    price("mid_price"),
  ],
  { ownTime: "ts" },
);

export const marketSnapshots: Table = table(
  "market_snapshots",
  [
    time("snapshot_ts"),
    time("ts"),
    time("received_at"),
    t("listener"),
    word("trigger"),
    price("bid"),
    size("bid_size"),
    price("ask"),
    size("ask_size"),
    price("last_price"),
    size("last_size"),
    size("volume"),
    usd("volume_usd"),
    size("open_interest"),
    usd("liquidity_usd"),
  ],
  { ownTime: "ts" },
);

export const trades: Table = table(
  "trades",
  [
    t("trade_id"),
    time("ts"),
    time("received_at"),
    price("price"),
    size("size"),
    t("taker_side"),
    t("source"),
    bool("is_block"),
    bool("is_aggregate"),
    t("transaction_hash"),
    t("price_reported"),
  ],
  { naturalKey: ["venue", "trade_id"], ownTime: "ts" },
);

export const marketLifecycle: Table = table(
  "market_lifecycle",
  [time("ts"), time("received_at"), t("from_status"), t("to_status"), t("kind"), json("detail")],
  { ownTime: "ts" },
);

export const markets: Table = table(
  "markets",
  [
    t("event_id"),
    t("series_id"),
    t("slug"),
    t("title"),
    t("subtitle"),
    t("status"),
    t("venue_status"),
    time("open_at"),
    time("close_at"),
    time("expected_expiration_at"),
    time("latest_expiration_at"),
    time("settled_at"),
    t("result"),
    price("settlement_value"),
    t("expiration_value"),
    t("settlement_source"),
    t("strike_type"),
    strike("floor_strike"),
    strike("cap_strike"),
    t("strike_period"),
    json("tick_sizes"),
    json("fee"),
    json("outcomes"),
    size("volume"),
    size("open_interest"),
    usd("liquidity_usd"),
    t("rules"),
    json("raw"),
    time("received_at"),
  ],
  { naturalKey: ["venue", "market_id"], subject: ["market_id"] },
);

const groupColumns: readonly Column[] = [
  t("event_id"),
  t("series_id"),
  t("title"),
  t("subtitle"),
  t("category"),
  time("strike_date"),
  t("strike_period"),
  bool("mutually_exclusive"),
  t("fee_type"),
  strike("fee_multiplier"),
  t("frequency"),
  json("raw"),
  time("received_at"),
];

/** `events` and `series` have no market: their `market_id` is null. */
export const events: Table = table("events", groupColumns, { naturalKey: ["venue", "event_id"] });
export const series: Table = table("series", groupColumns, { naturalKey: ["venue", "series_id"] });

/**
 * A gap is one natural key, `(recorder, opening_frame, opening_n)`: the row that opened it. Every later row of that
 * key is the same gap with more known (its end, its repair).
 */
export const gaps: Table = table(
  "gaps",
  [
    integer("epoch"),
    integer("sid"),
    t("channel"),
    time("from_ts"),
    time("to_ts"),
    t("cause"),
    t("confidence"),
    json("evidence"),
    time("detected_at"),
    time("resolved_at"),
    t("repair"),
    bigint("opening_frame"),
    integer("opening_n"),
    time("received_at"),
  ],
  { naturalKey: ["recorder", "opening_frame", "opening_n"], ownTime: "detected_at" },
);

export const subscriptions: Table = table(
  "subscriptions",
  [
    t("listener"),
    integer("epoch"),
    integer("sid"),
    t("channel"),
    time("requested_at"),
    time("acknowledged_at"),
    time("first_data_at"),
    time("ended_at"),
    t("reason"),
    time("received_at"),
  ],
  { naturalKey: ["recorder", "epoch", "venue", "market_id", "outcome_id", "channel"] },
);

/** Prices of what markets settle on or track. */
export const spotTicks: Table = table(
  "spot_ticks",
  [
    time("ts"),
    time("received_at"),
    spot("price"),
    spot("bid"),
    spot("bid_size"),
    spot("ask"),
    spot("ask_size"),
    spot("volume_24h"),
    bigint("sequence"),
    bool("is_stale"),
  ],
  { ownTime: "ts", subject: ["product"] },
);

export const spotTrades: Table = table(
  "spot_trades",
  [time("ts"), time("received_at"), spot("price"), spot("size"), t("side"), t("trade_id")],
  { naturalKey: ["venue", "product", "trade_id"], ownTime: "ts", subject: ["product"] },
);

/** Name of the column that holds `Instrument.market`. */
export function marketColumn({ columns }: Table): "market_id" | "product" {
  return columns.some(({ name }) => name === "product") ? "product" : "market_id";
}

export const quarantine: Table = table("quarantine", [time("received_at"), t("reason"), t("detail"), t("excerpt")]);

/** Every table that interpretation fills, in the order of `product.md`. */
export const tables: readonly Table[] = [
  orderbookDeltas,
  orderbookSnapshots,
  marketSnapshots,
  trades,
  marketLifecycle,
  markets,
  events,
  series,
  gaps,
  subscriptions,
  quarantine,
  spotTicks,
  spotTrades,
];
