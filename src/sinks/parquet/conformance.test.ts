import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { DuckDBInstance, type JS } from "@duckdb/node-api";
import type { Column, Table } from "../../tables/schema.ts";
import { type Destination, type PlainRow, testSink } from "../conformance.ts";
import { readManifest } from "./manifest.ts";
import { ParquetSink } from "./parquet-sink.ts";

const dir = mkdtempSync(join(tmpdir(), "foretape-parquet-"));
const duckdb = await DuckDBInstance.create(":memory:", { threads: "1" });
after(() => {
  duckdb.closeSync();
  rmSync(dir, { recursive: true });
});
let tapes = 0;

testSink("parquet", (): Destination => {
  const tape = join(dir, String(++tapes));
  return {
    sink: () => new ParquetSink({ tape }),
    rows: (table) => readRows(tape, table),
  };
});

/** The rows of the files that the manifest names. */
async function readRows(tape: string, table: Table): Promise<readonly PlainRow[]> {
  const entries = [...(readManifest(tape, "main")?.entries.values() ?? [])];
  const files = entries.flatMap((entry) => entry.files).filter((file) => file.table === table.name);
  if (files.length === 0) return [];
  const connection = await duckdb.connect();
  try {
    const paths = files.map(({ path }) => `'${join(tape, path)}'`).join(", ");
    const reader = await connection.runAndReadAll(
      `SELECT ${table.columns.map(scaled).join(", ")} FROM read_parquet([${paths}], hive_partitioning = true)
       ORDER BY recorder, frame, n`,
    );
    return reader
      .getRowObjectsJS()
      .map((row) =>
        Object.fromEntries(
          table.columns.map(({ name, type }) => [name, type === "levels" ? levels(row[name]) : cell(row[name])]),
        ),
      );
  } finally {
    connection.closeSync();
  }
}

function scaled({ name, type }: Column): string {
  const millionths = (value: string): string => `(${value}::DECIMAL(38, 6) * 1000000)::BIGINT`;
  switch (type) {
    case "price":
    case "size":
    case "usd":
    case "strike":
      return `${millionths(`"${name}"`)} AS "${name}"`;
    case "spot":
      return `("${name}"::DECIMAL(38, 8) * 100000000)::BIGINT AS "${name}"`;
    case "timestamp":
      return `epoch_us("${name}") AS "${name}"`;
    case "boolean":
      return `"${name}"::INTEGER AS "${name}"`;
    case "levels":
      return `list_transform("${name}", lambda l: [${millionths("l.price")}, ${millionths("l.size")}]) AS "${name}"`;
    default:
      return `"${name}"`;
  }
}

function cell(value: JS | undefined): number | string | null {
  if (value === null || value === undefined) return null;
  return typeof value === "string" ? value : Number(value);
}

function levels(value: JS | undefined): PlainRow[string] {
  if (!Array.isArray(value)) return null;
  const pairs = value.map((pair) => (Array.isArray(pair) ? pair.map(Number) : []));
  return { prices: pairs.map(([price]) => price ?? Number.NaN), sizes: pairs.map(([, size]) => size ?? Number.NaN) };
}
