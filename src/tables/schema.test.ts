import assert from "node:assert/strict";
import { test } from "node:test";
import { tables } from "./schema.ts";

/**
 * What users were promised, in order, between the names in front and the identity behind. Behind the colon: what is there
 * beyond the promise.
 */
const promised: Readonly<Record<string, string>> = {
  orderbook_deltas: "ts received_at seq epoch side price size change venue_hash",
  orderbook_snapshots:
    "snapshot_ts ts received_at listener trigger book_state is_forward_filled source_ts seq epoch venue_hash bids asks best_bid best_bid_size best_ask best_ask_size spread mid_price",
  market_snapshots:
    "snapshot_ts ts received_at listener trigger bid bid_size ask ask_size last_price last_size volume volume_usd open_interest liquidity_usd",
  trades: "trade_id ts received_at price size taker_side source is_block is_aggregate transaction_hash price_reported",
  market_lifecycle: "ts received_at from_status to_status kind detail",
  markets:
    "event_id series_id slug title subtitle status venue_status open_at close_at expected_expiration_at latest_expiration_at settled_at result settlement_value expiration_value settlement_source strike_type floor_strike cap_strike strike_period tick_sizes fee outcomes volume open_interest liquidity_usd rules raw received_at",
  events:
    "event_id series_id title subtitle category strike_date strike_period mutually_exclusive fee_type fee_multiplier frequency raw received_at",
  series:
    "event_id series_id title subtitle category strike_date strike_period mutually_exclusive fee_type fee_multiplier frequency raw received_at",
  gaps: "epoch sid channel from_ts to_ts cause confidence evidence detected_at resolved_at repair : opening_frame opening_n received_at",
  subscriptions: "listener epoch sid channel requested_at acknowledged_at first_data_at ended_at reason : received_at",
  quarantine: "received_at reason detail excerpt",
  spot_ticks: "ts received_at price bid bid_size ask ask_size volume_24h sequence is_stale",
  spot_trades: "ts received_at price size side trade_id",
};

test("the tables are the promised ones, in order", () => {
  assert.deepEqual(
    tables.map(({ name }) => name),
    Object.keys(promised),
  );
});

for (const table of tables) {
  test(`${table.name} has the promised columns, in order`, () => {
    const own = (promised[table.name] ?? "").replace(" :", "").split(" ");
    const subject = { markets: ["market_id"], spot_ticks: ["product"], spot_trades: ["product"] }[table.name];
    const names = ["venue", ...(subject ?? ["market_id", "outcome_id"])];
    assert.deepEqual(
      table.columns.map(({ name }) => name),
      [...names, ...own, "recorder", "frame", "n"],
    );
  });

  test(`${table.name}: keys and partition time are columns of it`, () => {
    const columns = new Set(table.columns.map(({ name }) => name));
    assert.equal(columns.size, table.columns.length);
    for (const name of table.naturalKey ?? []) assert.ok(columns.has(name), name);
    if (table.ownTime !== null)
      assert.equal(table.columns.find(({ name }) => name === table.ownTime)?.type, "timestamp");
    assert.ok(columns.has("received_at"));
  });
}

test("prices, sizes and times have their one type everywhere", () => {
  const types = new Map<string, Set<string>>();
  for (const { columns, name: table } of tables) {
    for (const { name: column, type } of columns) {
      // Spot prices and sizes have a scale of their own.
      const name = table.startsWith("spot_") && type === "spot" ? `spot ${column}` : column;
      // What is text may be JSON in one table and words in another.
      const stored = type === "json" || type === "word" ? "text" : type;
      types.set(name, (types.get(name) ?? new Set<string>()).add(stored));
    }
  }
  for (const [name, found] of types) assert.equal(found.size, 1, `${name} is ${[...found].join(" and ")}`);
  for (const [name, found] of types) if (/(_at|_ts|^ts)$/.test(name)) assert.deepEqual([...found], ["timestamp"], name);
});
