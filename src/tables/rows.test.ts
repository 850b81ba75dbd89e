import assert from "node:assert/strict";
import { test } from "node:test";
import type { BookRow } from "../books/book-row.ts";
import { Instruments } from "../model/instrument.ts";
import { Rows } from "./rows.ts";
import { marketColumn, tables } from "./schema.ts";

const DAY = 86_400_000_000;
const AT = 20_778 * DAY + 7;
/** The venue's time, a day before. */
const TS = AT - DAY;
const instruments = new Instruments();
const instrument = instruments.get("kalshi", "M", "yes");
const levels = { prices: [480_000, 470_000], sizes: [1_000_000, 2_000_000] };

const where = { venue: "kalshi", market: "M", outcome: "yes", epoch: 3, sid: 4 };
const group = {
  venue: "kalshi",
  eventId: "E",
  seriesId: "S",
  title: "t",
  subtitle: "s",
  category: "c",
  strikeDate: 5,
  strikePeriod: "hour",
  mutuallyExclusive: true,
  feeType: "quadratic",
  feeMultiplier: 1_000_000,
  frequency: "hourly",
  raw: "{}",
};

const delta = {
  type: "book_delta",
  instrument,
  ts: TS,
  seq: 9,
  epoch: 3,
  sid: 4,
  side: "bid",
  price: 480_000,
  size: null,
  change: -1_000_000,
  venueHash: "h",
} as const;
const snapshot = {
  type: "book_snapshot",
  instrument,
  trigger: "venue",
  bookState: "live",
  ts: TS,
  seq: 9,
  epoch: 3,
  sid: 4,
  venueHash: null,
  bids: levels,
  asks: { prices: [520_000], sizes: [3_000_000] },
} as const;
const trade = {
  type: "trade",
  instrument,
  tradeId: "T",
  ts: TS,
  price: 480_000,
  size: 1_000_000,
  takerSide: "buy",
  source: "stream",
  isBlock: false,
  isAggregate: null,
  transactionHash: null,
  priceReported: null,
} as const;
const market = {
  type: "market",
  venue: "kalshi",
  market: "M",
  eventId: "E",
  seriesId: "S",
  slug: "slug",
  title: "t",
  subtitle: "s",
  status: "open",
  venueStatus: "active",
  openAt: 1,
  closeAt: 2,
  expectedExpirationAt: 3,
  latestExpirationAt: 4,
  settledAt: null,
  result: null,
  settlementValue: null,
  expirationValue: "95000",
  settlementSource: "src",
  strikeType: "greater",
  floorStrike: 95_000_000_000,
  capStrike: null,
  strikePeriod: "hour",
  tickSizes: "[]",
  fee: "{}",
  outcomes: "[]",
  volume: 10,
  openInterest: 11,
  liquidityUsd: 12,
  rules: "r",
  raw: "{}",
} as const;
const gap = {
  type: "gap",
  ...where,
  channel: "book",
  from: TS,
  to: null,
  cause: "sequence",
  confidence: "proven",
  evidence: "{}",
  detectedAt: AT,
  resolvedAt: null,
  repair: null,
  openingFrame: null,
  openingN: null,
} as const;

const NAMES = { venue: "kalshi", market_id: "M", outcome_id: "yes" };
const NO_MARKET = { venue: "kalshi", market_id: "", outcome_id: null };

/** Every kind of row, the table that it belongs to, and its cells there. */
const cases: readonly (readonly [row: BookRow, table: string, cells: Readonly<Record<string, unknown>>])[] = [
  [
    delta,
    "orderbook_deltas",
    {
      ...NAMES,
      ts: TS,
      received_at: AT,
      seq: 9,
      epoch: 3,
      side: "bid",
      price: 480_000,
      size: null,
      change: -1_000_000,
      venue_hash: "h",
    },
  ],
  [
    snapshot,
    "orderbook_snapshots",
    {
      ...NAMES,
      snapshot_ts: null,
      ts: TS,
      received_at: AT,
      listener: null,
      trigger: "venue",
      book_state: "live",
      is_forward_filled: 0,
      source_ts: null,
      seq: 9,
      epoch: 3,
      venue_hash: null,
      bids: levels,
      asks: { prices: [520_000], sizes: [3_000_000] },
      best_bid: 480_000,
      best_bid_size: 1_000_000,
      best_ask: 520_000,
      best_ask_size: 3_000_000,
      spread: 40_000,
      mid_price: 500_000,
    },
  ],
  [
    {
      type: "quote",
      instrument,
      trigger: "poll",
      ts: TS,
      bid: 1,
      bidSize: 2,
      ask: 3,
      askSize: 4,
      lastPrice: 5,
      lastSize: 6,
      volume: 7,
      volumeUsd: 8,
      openInterest: 9,
      liquidityUsd: 10,
    },
    "market_snapshots",
    {
      ...NAMES,
      snapshot_ts: null,
      ts: TS,
      received_at: AT,
      listener: null,
      trigger: "poll",
      bid: 1,
      bid_size: 2,
      ask: 3,
      ask_size: 4,
      last_price: 5,
      last_size: 6,
      volume: 7,
      volume_usd: 8,
      open_interest: 9,
      liquidity_usd: 10,
    },
  ],
  [
    trade,
    "trades",
    {
      ...NAMES,
      trade_id: "T",
      ts: TS,
      received_at: AT,
      price: 480_000,
      size: 1_000_000,
      taker_side: "buy",
      source: "stream",
      is_block: 0,
      is_aggregate: null,
      transaction_hash: null,
      price_reported: null,
    },
  ],
  [
    {
      type: "lifecycle",
      instrument,
      ts: TS,
      fromStatus: "open",
      toStatus: "closed",
      kind: "deactivated",
      detail: "{}",
    },
    "market_lifecycle",
    { ...NAMES, ts: TS, received_at: AT, from_status: "open", to_status: "closed", kind: "deactivated", detail: "{}" },
  ],
  [
    market,
    "markets",
    {
      venue: "kalshi",
      market_id: "M",
      event_id: "E",
      series_id: "S",
      slug: "slug",
      title: "t",
      subtitle: "s",
      status: "open",
      venue_status: "active",
      open_at: 1,
      close_at: 2,
      expected_expiration_at: 3,
      latest_expiration_at: 4,
      settled_at: null,
      result: null,
      settlement_value: null,
      expiration_value: "95000",
      settlement_source: "src",
      strike_type: "greater",
      floor_strike: 95_000_000_000,
      cap_strike: null,
      strike_period: "hour",
      tick_sizes: "[]",
      fee: "{}",
      outcomes: "[]",
      volume: 10,
      open_interest: 11,
      liquidity_usd: 12,
      rules: "r",
      raw: "{}",
      received_at: AT,
    },
  ],
  ...(["events", "series"] as const).map((table): (typeof cases)[number] => [
    table === "events" ? { ...group, type: "event" } : { ...group, type: "series" },
    table,
    {
      ...NO_MARKET,
      event_id: "E",
      series_id: "S",
      title: "t",
      subtitle: "s",
      category: "c",
      strike_date: 5,
      strike_period: "hour",
      mutually_exclusive: 1,
      fee_type: "quadratic",
      fee_multiplier: 1_000_000,
      frequency: "hourly",
      raw: "{}",
      received_at: AT,
    },
  ]),
  [
    gap,
    "gaps",
    {
      ...NAMES,
      epoch: 3,
      sid: 4,
      channel: "book",
      from_ts: TS,
      to_ts: null,
      cause: "sequence",
      confidence: "proven",
      evidence: "{}",
      detected_at: AT,
      resolved_at: null,
      repair: null,
      opening_frame: 17,
      opening_n: 0,
      received_at: AT,
    },
  ],
  [
    {
      type: "subscription",
      ...where,
      listener: "l",
      channel: "book",
      requestedAt: 1,
      acknowledgedAt: 2,
      firstDataAt: 3,
      endedAt: 4,
      reason: "stopped",
    },
    "subscriptions",
    {
      ...NAMES,
      listener: "l",
      epoch: 3,
      sid: 4,
      channel: "book",
      requested_at: 1,
      acknowledged_at: 2,
      first_data_at: 3,
      ended_at: 4,
      reason: "stopped",
      received_at: AT,
    },
  ],
  [
    { type: "quarantine", venue: "kalshi", market: "M", outcome: "yes", reason: "bad_number", detail: "price is x" },
    "quarantine",
    { ...NAMES, received_at: AT, reason: "bad_number", detail: "price is x", excerpt: "the frame" },
  ],
  [
    {
      type: "spot_tick",
      venue: "coinbase",
      product: "BTC-USD",
      ts: 9,
      price: 6_428_170_000_000,
      bid: 1,
      bidSize: 2,
      ask: 3,
      askSize: 4,
      volume24h: 5,
      sequence: 6,
      isStale: true,
    },
    "spot_ticks",
    {
      venue: "coinbase",
      product: "BTC-USD",
      ts: 9,
      received_at: AT,
      price: 6_428_170_000_000,
      bid: 1,
      bid_size: 2,
      ask: 3,
      ask_size: 4,
      volume_24h: 5,
      sequence: 6,
      is_stale: 1,
    },
  ],
  [
    {
      type: "spot_trade",
      venue: "coinbase",
      product: "BTC-USD",
      tradeId: "1056309463",
      ts: 9,
      price: 6_458_940_000_000,
      size: 14,
      side: "BUY",
    },
    "spot_trades",
    {
      venue: "coinbase",
      product: "BTC-USD",
      ts: 9,
      received_at: AT,
      price: 6_458_940_000_000,
      size: 14,
      side: "BUY",
      trade_id: "1056309463",
    },
  ],
];

function rowsOf({ live = true, fallback = 0 } = {}): Rows {
  return new Rows({ instruments, live, fallback });
}

/** All rows of a table as named cells. */
function cells(rows: Rows, table: string): Record<string, unknown>[] {
  const buffer = rows.tables.find((each) => each.table.name === table)!;
  const hasOutcome = buffer.table.columns.some(({ name }) => name === "outcome_id");
  return Array.from({ length: buffer.length }, (_, row) => {
    const { venue, market: name, outcome } = buffer.instrument[row]!;
    return {
      venue,
      [marketColumn(buffer.table)]: name,
      ...(hasOutcome ? { outcome_id: outcome } : {}),
      ...Object.fromEntries(
        buffer.columns.map((column) => {
          if (column.kind === "levels") return [column.name, column.get(row)];
          const value = column.values[row] ?? null;
          return [column.name, Number.isNaN(value) ? null : value];
        }),
      ),
    };
  });
}

const identity = (rows: Rows, table: string): (readonly number[])[] => {
  const buffer = rows.tables.find((each) => each.table.name === table)!;
  return Array.from({ length: buffer.length }, (_, row) => [buffer.frame[row]!, buffer.n[row]!, buffer.day[row]!]);
};

for (const [row, table, expected] of cases) {
  test(`${row.type} becomes a row of ${table}, every cell of it`, () => {
    const rows = rowsOf();
    rows.begin(17, AT, Buffer.from("the frame"));
    assert.equal(rows.write(row), 0);
    assert.deepEqual(cells(rows, table), [expected]);
    assert.deepEqual(identity(rows, table), [[17, 0, 20_778]]);
    for (const { table: other, length } of rows.tables) if (other.name !== table) assert.equal(length, 0, other.name);
  });
}

test("every table is the table of some row", () => {
  assert.deepEqual(new Set(cases.map(([, table]) => table)), new Set(tables.map(({ name }) => name)));
});

test("ordinals count within a table and frame", () => {
  const rows = rowsOf();
  rows.begin(1, AT, Buffer.alloc(0));
  assert.deepEqual(
    [delta, trade, delta, snapshot, trade, delta].map((row) => rows.write(row)),
    [0, 0, 1, 0, 1, 2],
  );
  rows.begin(2, AT, Buffer.alloc(0));
  assert.deepEqual(
    [trade, delta].map((row) => rows.write(row)),
    [0, 0],
  );
  assert.deepEqual(
    identity(rows, "trades").map(([frame, n]) => [frame, n]),
    [
      [1, 0],
      [1, 1],
      [2, 0],
    ],
  );
  rows.clear();
  // Clearing hands rows over in the middle of a frame: the count goes on.
  assert.equal(rows.write(trade), 1);
});

test("live rows are filed under the day they were received, imported ones under their own", () => {
  const fallback = 5 * DAY;
  for (const [live, at, ts, day] of [
    [true, AT, TS, 20_778],
    [true, AT, null, 20_778],
    [false, AT, TS, 20_777],
    [false, AT, null, 20_778],
    [false, null, TS, 20_777],
    [false, null, null, 5],
  ] as const) {
    const rows = rowsOf({ live, fallback });
    rows.begin(1, at, Buffer.alloc(0));
    for (const row of [delta, snapshot, trade]) rows.write({ ...row, ts });
    for (const table of ["orderbook_deltas", "orderbook_snapshots", "trades"])
      assert.equal(identity(rows, table)[0]?.[2], day, `${table} ${live} ${at} ${ts}`);
  }
});

test("fetched trades are filed under the day they happened, also live", () => {
  const rows = rowsOf();
  rows.begin(1, AT, Buffer.alloc(0));
  rows.write({ ...trade, source: "history" });
  rows.write({ ...trade, source: "history", ts: null });
  assert.deepEqual(
    identity(rows, "trades").map(([, , day]) => day),
    [20_777, 20_778],
  );
});

test("a snapshot of our own has our time as its time, and the last change's beside it", () => {
  const rows = rowsOf({ live: false });
  rows.begin(1, AT, Buffer.alloc(0));
  rows.write({ ...snapshot, trigger: "segment", bookState: "stale" });
  const [row] = cells(rows, "orderbook_snapshots");
  assert.deepEqual([row?.["snapshot_ts"], row?.["ts"], row?.["book_state"]], [AT, TS, "stale"]);
  assert.equal(identity(rows, "orderbook_snapshots")[0]?.[2], 20_778);
});

test("spread and middle are there only where both sides are, and exact", () => {
  const none = { prices: [], sizes: [] };
  for (const [bids, asks, spread, mid] of [
    [levels, none, null, null],
    [none, levels, null, null],
    [none, none, null, null],
    [{ prices: [480_000], sizes: [1] }, { prices: [480_001], sizes: [1] }, 1, null],
    [{ prices: [520_000], sizes: [1] }, { prices: [480_000], sizes: [1] }, -40_000, 500_000],
  ] as const) {
    const rows = rowsOf();
    rows.begin(1, AT, Buffer.alloc(0));
    rows.write({ ...snapshot, bids, asks });
    const [row] = cells(rows, "orderbook_snapshots");
    assert.deepEqual([row?.["spread"], row?.["mid_price"]], [spread, mid]);
    assert.deepEqual([row?.["bids"], row?.["asks"]], [bids, asks]);
  }
});

test("a later row of a gap names the row that opened it; an opening names itself", () => {
  const rows = rowsOf();
  rows.begin(17, AT, Buffer.alloc(0));
  rows.write(gap);
  rows.write(gap);
  rows.begin(18, AT, Buffer.alloc(0));
  rows.write({ ...gap, to: AT, resolvedAt: AT, repair: "none", openingFrame: 17, openingN: 1 });
  assert.deepEqual(
    cells(rows, "gaps").map((row) => [row["opening_frame"], row["opening_n"]]),
    [
      [17, 0],
      [17, 1],
      [17, 1],
    ],
  );
});

test("an excerpt is the beginning of the frame as text, without what databases refuse", () => {
  const rows = rowsOf();
  const quarantine = { type: "quarantine", venue: "", market: null, outcome: null, reason: "r", detail: "d" } as const;
  for (const payload of [Buffer.from("x".repeat(500)), Buffer.from([0x61, 0, 0xff, 0x62]), Buffer.alloc(0)]) {
    rows.begin(1, AT, payload);
    rows.write(quarantine);
  }
  assert.deepEqual(
    cells(rows, "quarantine").map((row) => row["excerpt"]),
    ["x".repeat(240), "a\ufffd\ufffdb", ""],
  );
});

test("a value that its column cannot hold is null and said, never cut or guessed", () => {
  const beyond = 1_000_000_000;
  for (const [row, table, column] of [
    [{ ...delta, price: beyond }, "orderbook_deltas", "price"],
    [{ ...delta, price: Number.NaN }, "orderbook_deltas", "price"],
    [{ ...trade, price: -beyond }, "trades", "price"],
    [{ ...trade, size: 0.5 }, "trades", "size"],
    [{ ...market, settlementValue: beyond }, "markets", "settlement_value"],
    [{ ...snapshot, bids: { prices: [480_000, beyond], sizes: [1, 1] } }, "orderbook_snapshots", "bids"],
    [{ ...gap, sid: 2 ** 31 }, "gaps", "sid"],
  ] as const) {
    const rows = rowsOf();
    rows.begin(1, AT, Buffer.from("the frame"));
    rows.write(row);
    assert.equal(cells(rows, table)[0]?.[column], null);
    const [said] = cells(rows, "quarantine");
    assert.equal(said?.["reason"], "out_of_range");
    assert.match(String(said["detail"]), new RegExp(`^${table}\\.${column} cannot hold `));
    assert.deepEqual([said["venue"], said["market_id"], said["excerpt"]], ["kalshi", "M", "the frame"]);
  }
});

test("the largest values that fit are kept: no size of a safe integer is beyond DECIMAL(18,6)", () => {
  const rows = rowsOf();
  rows.begin(1, AT, Buffer.alloc(0));
  const most = Number.MAX_SAFE_INTEGER;
  rows.write({ ...trade, price: 999_999_999, size: most });
  rows.write({ ...delta, size: most, change: -most });
  // Venues write the year 9999 for "never": no safe integer, yet exact.
  rows.write({ ...market, latestExpirationAt: 253_402_300_799_000_000 });
  assert.deepEqual([cells(rows, "trades")[0]?.["price"], cells(rows, "trades")[0]?.["size"]], [999_999_999, most]);
  assert.deepEqual(
    [cells(rows, "orderbook_deltas")[0]?.["size"], cells(rows, "orderbook_deltas")[0]?.["change"]],
    [most, -most],
  );
  assert.equal(cells(rows, "markets")[0]?.["latest_expiration_at"], 253_402_300_799_000_000);
  assert.equal(cells(rows, "quarantine").length, 0);
});
