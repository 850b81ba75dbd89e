import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  type DuckDBConnection,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampValue,
} from "@duckdb/node-api";
import fc from "fast-check";
import type { Levels } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import { TableBuffer } from "../../tables/buffer.ts";
import type { Column, ColumnType, Table } from "../../tables/schema.ts";
import { OrderedRows } from "./ordered-rows.ts";
import { Staging } from "./staging.ts";

type Cell = number | string | Levels | null;

const TYPES: readonly ColumnType[] = [
  "text",
  "word",
  "json",
  "price",
  "size",
  "usd",
  "strike",
  "spot",
  "integer",
  "bigint",
  "timestamp",
  "boolean",
  "levels",
];
const own = TYPES.map((type): Column => ({ name: `a_${type}`, type }));
const everything: Table = {
  name: "everything",
  columns: [
    { name: "venue", type: "text" },
    { name: "market_id", type: "text" },
    { name: "outcome_id", type: "text" },
    ...own,
    { name: "recorder", type: "integer" },
    { name: "frame", type: "bigint" },
    { name: "n", type: "integer" },
  ],
  naturalKey: null,
  ownTime: null,
};

const MAX = Number.MAX_SAFE_INTEGER;
const wide = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(0, -1, 1, MAX, -MAX, 2 ** 32, 2 ** 32 - 1, -(2 ** 32), -(2 ** 32) - 1, 2 ** 31, -(2 ** 31)),
);
const int32 = fc.oneof(
  fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }),
  fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31) + 1),
);
const price = fc.integer({ min: -999_999_999, max: 999_999_999 });
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("", "\u0000", "85° or above", "it's", "λ🎲", "x".repeat(5000)),
);
const levels: fc.Arbitrary<Levels> = fc
  .array(fc.tuple(price, fc.integer({ min: 1, max: MAX })), { maxLength: 12 })
  .map((pairs) => ({ prices: pairs.map(([each]) => each), sizes: pairs.map(([, size]) => size) }));

const cells: Readonly<Record<ColumnType, fc.Arbitrary<Cell>>> = {
  text,
  word: fc.constantFrom("bid", "ask", "it's", ""),
  json: text,
  price,
  size: wide,
  usd: wide,
  strike: wide,
  spot: wide,
  integer: int32,
  bigint: wide,
  timestamp: wide,
  boolean: fc.constantFrom(0, 1),
  levels,
};
const rowOf: fc.Arbitrary<Cell[]> = fc
  .tuple(...TYPES.map((type) => fc.option(cells[type], { nil: null, freq: 3 })))
  .map((row) => [...row]);

let dir: string;
let duckdb: DuckDBInstance;
let connection: DuckDBConnection;
const instruments = new Instruments();
const market = instruments.get("kalshi", "M", "yes");

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "foretape-staging-"));
  duckdb = await DuckDBInstance.create(":memory:", { preserve_insertion_order: "true" });
  connection = await duckdb.connect();
  await connection.run("CREATE TABLE instruments (id INTEGER, venue VARCHAR, market_id VARCHAR, outcome_id VARCHAR)");
  await connection.run(`INSERT INTO instruments VALUES (${market.id}, 'kalshi', 'M', 'yes')`);
});
after(() => {
  connection.closeSync();
  duckdb.closeSync();
  rmSync(dir, { recursive: true });
});

function fill(buffer: TableBuffer, rows: readonly (readonly Cell[])[], firstFrame: number): void {
  for (const [i, row] of rows.entries()) {
    const at = buffer.add(market, 20_000 + i, firstFrame + i, i % 7);
    for (const [c, column] of buffer.columns.entries()) {
      const cell = row[c] ?? null;
      if (column.kind === "number") column.values[at] = typeof cell === "number" ? cell : Number.NaN;
      else if (column.kind === "text") column.values[at] = typeof cell === "string" ? cell : null;
      else column.set(at, typeof cell === "object" ? cell : null);
    }
  }
}

/** A value as DuckDB gives it, in our units. */
function plain(value: unknown): unknown {
  if (value instanceof DuckDBDecimalValue) return value.value;
  if (value instanceof DuckDBTimestampValue) return value.micros;
  if (value instanceof DuckDBListValue) {
    const pairs = value.items.map((item) =>
      item instanceof DuckDBStructValue ? Object.values(item.entries).map(plain) : [],
    );
    return pairs;
  }
  if (typeof value === "number") return BigInt(value);
  return typeof value === "boolean" ? BigInt(value) : value;
}

function expected(cell: Cell): unknown {
  if (typeof cell === "number") return BigInt(cell);
  if (typeof cell !== "object" || cell === null) return cell;
  return cell.prices.map((each, i) => [BigInt(each), BigInt(cell.sizes[i]!)]);
}

let tables = 0;

/** Stages the pieces, reads them back through DuckDB and through a Parquet file, and compares every value. */
async function roundTrip(pieces: readonly (readonly (readonly Cell[])[])[]): Promise<void> {
  const name = `t${++tables}`;
  const staging = await Staging.create(connection, everything, name);
  const buffer = new TableBuffer(everything, 2);
  let frame = 2 ** 40;
  for (const rows of pieces) {
    fill(buffer, rows, frame);
    staging.append(buffer);
    buffer.clear();
    frame += rows.length;
  }
  staging.finish();
  const all = pieces.flat();
  assert.equal(staging.rows, all.length);
  const select = staging.select({ instruments: "instruments", recorder: 7 });
  const file = join(dir, `${name}.parquet`);
  await connection.run(`COPY (${select}) TO '${file}' (FORMAT parquet, PARQUET_VERSION v2)`);
  for (const source of [select, `SELECT * FROM '${file}'`]) {
    const rows = (await connection.runAndReadAll(`SELECT * FROM (${source}) ORDER BY frame`)).getRows();
    assert.equal(rows.length, all.length);
    for (const [i, row] of rows.entries()) {
      const names = ["kalshi", "M", "yes"];
      const identity = [7n, BigInt(2 ** 40 + i)];
      assert.deepEqual(row.slice(0, -1).map(plain), [...names, ...all[i]!.map(expected), ...identity], `row ${i}`);
    }
  }
  await connection.run(`DROP TABLE ${name}`);
  rmSync(file);
}

test("every column type comes back exactly, through DuckDB and through Parquet", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.array(rowOf, { maxLength: 20 }), { maxLength: 4 }), roundTrip), {
    seed: 20261121,
    numRuns: 40,
  });
});

test("nulls stay where they are across the boundaries of chunks and pieces", async () => {
  const sample = fc.sample(rowOf, { seed: 20261121, numRuns: 61 });
  const many = (count: number, from = 0): Cell[][] =>
    Array.from({ length: count }, (_, i) => sample[(from + i) % sample.length]!);
  const nothing: Cell[] = TYPES.map(() => null);
  await roundTrip([many(2047), many(1, 5), many(2049, 11)]);
  await roundTrip([many(4097, 3)]);
  // Masks are used again: a chunk without nulls after one of nulls, and the reverse.
  const full =
    sample.find((row) => row.every((cell) => cell !== null)) ??
    TYPES.map((type) => fc.sample(cells[type], { seed: 1, numRuns: 1 })[0]!);
  const filled = Array.from({ length: 2048 }, () => full);
  const empty = Array.from({ length: 2048 }, () => nothing);
  await roundTrip([[...empty, ...filled, ...empty.slice(0, 9), ...filled.slice(0, 9)]]);
});

test("an empty list is not null", async () => {
  const row = (value: Levels | null): Cell[] => TYPES.map((type) => (type === "levels" ? value : null));
  const [one, none] = [
    { prices: [480_000], sizes: [5] },
    { prices: [], sizes: [] },
  ];
  await roundTrip([[row(none), row(null), row(one), row(none), row(null)], [row(null)], [row(none)]]);
});

test("rows in another order are those rows", async () => {
  const sample = fc.sample(rowOf, { seed: 3, numRuns: 2500 });
  const ordered = new OrderedRows(connection, everything);
  const buffer = new TableBuffer(everything);
  fill(buffer, sample, 1);
  const order = Int32Array.from(sample, (_, i) => i).toReversed();
  const select = ordered.select(buffer, order, 7);
  for (const _ of ["once", "again"]) {
    const rows = (await connection.runAndReadAll(select)).getRows();
    assert.deepEqual(
      rows.map((row) => Number(row.at(-2))),
      Array.from(order, (i) => i + 1),
    );
    for (const [at, i] of order.entries())
      assert.deepEqual(rows[at]!.slice(2, -3).map(plain), sample[i]!.map(expected));
  }
});

test("text that is no Unicode is replaced, not refused: the journal has its bytes", async () => {
  const staging = await Staging.create(connection, everything, "surrogates");
  const buffer = new TableBuffer(everything);
  fill(buffer, [TYPES.map((type) => (type === "text" ? "a\ud800b" : null))], 1);
  staging.append(buffer);
  staging.finish();
  const rows = (await connection.runAndReadAll(staging.select({ instruments: "instruments", recorder: 7 }))).getRows();
  assert.equal(rows[0]?.[3], "a\ufffdb");
});
