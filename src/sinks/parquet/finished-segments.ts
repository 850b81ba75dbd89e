import { join } from "node:path";
import { DuckDBInstance, type DuckDBListValue, type DuckDBValue } from "@duckdb/node-api";
import { Instruments } from "../../model/instrument.ts";
import { messageOf, StorageError } from "../../ops/errors.ts";
import { type ColumnBuffer, ownColumns, TableBuffer } from "../../tables/buffer.ts";
import { type ColumnType, marketColumn, type Table } from "../../tables/schema.ts";
import type { FinishedSegment } from "../sink.ts";
import { type ManifestEntry, ManifestReader, type TableFile } from "./manifest.ts";

/** DuckDB streams a scan: what it holds is some row groups of one file. */
const MEMORY = "64MB";
/** Exact as a DOUBLE: scaled integers are safe ones. */
const MILLIONTHS = (value: string): string => `(${value}::DECIMAL(38, 6) * 1000000)::BIGINT::DOUBLE`;

/** SQL of a column in the units of `tables/schema.ts`. */
const scaled: Readonly<Record<Exclude<ColumnType, "levels">, (name: string) => string>> = {
  text: (name) => name,
  word: (name) => name,
  json: (name) => name,
  price: MILLIONTHS,
  size: MILLIONTHS,
  usd: MILLIONTHS,
  strike: MILLIONTHS,
  spot: (name) => `(${name}::DECIMAL(38, 8) * 100000000)::BIGINT::DOUBLE`,
  integer: (name) => `${name}::DOUBLE`,
  bigint: (name) => `${name}::DOUBLE`,
  timestamp: (name) => `epoch_us(${name})::DOUBLE`,
  boolean: (name) => `${name}::INTEGER::DOUBLE`,
};

/**
 * The segments of a journal that are in the tape's Parquet files, for sinks that are behind: one after the other, while
 * more are being published.
 */
export class FinishedSegments implements Disposable {
  readonly #tape: string;
  readonly #manifest: ManifestReader;
  /** Published and not asked past yet, by number. */
  readonly #entries = new Map<number, ManifestEntry>();
  #instance: DuckDBInstance | null = null;

  constructor(tape: string, name: string) {
    this.#tape = tape;
    this.#manifest = new ManifestReader(tape, name);
  }

  /** The oldest segment with records behind frame `after`; null when none is published. */
  next(after: number): FinishedSegment | null {
    for (const entry of this.#manifest.read()) this.#entries.set(entry.segment, entry);
    let oldest: ManifestEntry | null = null;
    for (const entry of this.#entries.values()) {
      if (entry.lastFrame <= after) this.#entries.delete(entry.segment);
      else if (oldest === null || entry.segment < oldest.segment) oldest = entry;
    }
    if (oldest === null) return null;
    const { files, ...segment } = oldest;
    return { ...segment, rows: (tables, from) => this.#rows(files, tables, from) };
  }

  /** Gives DuckDB's memory back until it is needed again. */
  rest(): void {
    this.#instance?.closeSync();
    this.#instance = null;
  }

  [Symbol.dispose](): void {
    this.rest();
  }

  async *#rows(files: readonly TableFile[], tables: readonly Table[], after: number): AsyncGenerator<TableBuffer> {
    this.#instance ??= await DuckDBInstance.create(":memory:", { memory_limit: MEMORY, threads: "1" });
    const connection = await this.#instance.connect();
    // Apart from the live rows' instruments, whose numbers another thread gives.
    const instruments = new Instruments();
    try {
      for (const table of tables) {
        const paths = files.filter((file) => file.table === table.name).map(({ path }) => join(this.#tape, path));
        if (paths.length === 0) continue;
        const buffer = new TableBuffer(table);
        const result = await connection.stream(selectOf(table, paths, after));
        for (let chunk = await result.fetchChunk(); chunk !== null; chunk = await result.fetchChunk()) {
          if (chunk.rowCount === 0) break;
          take(buffer, chunk.getColumns(), instruments);
          yield buffer;
        }
      }
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw new StorageError(`the tape's own tables cannot be read: ${messageOf(error)}`, {
        cause: error,
        hint: "`foretape verify` says what is damaged",
      });
    } finally {
      connection.closeSync();
    }
  }
}

/** Columns: venue, market, outcome, day, frame, n, then the table's own; a list is two, prices and sizes. */
function selectOf(table: Table, paths: readonly string[], after: number): string {
  const hasOutcome = table.columns.some(({ name }) => name === "outcome_id");
  const own = ownColumns(table).flatMap(({ name, type }) => {
    if (type !== "levels") return [scaled[type](`"${name}"`)];
    return ["price", "size"].map((of) => `list_transform("${name}", lambda level: ${MILLIONTHS(`level.${of}`)})`);
  });
  const columns = ["venue", marketColumn(table), hasOutcome ? "outcome_id" : "NULL::VARCHAR"];
  const identity = ["(date - DATE '1970-01-01')::DOUBLE", "frame::DOUBLE", "n::DOUBLE"];
  const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(", ");
  return `SELECT ${[...columns, ...identity, ...own].join(", ")}
FROM read_parquet([${list}], hive_partitioning = true, hive_types = {'venue': VARCHAR, 'date': DATE})
WHERE frame > ${after}`;
}

type Values = readonly DuckDBValue[];

/** Puts the rows of a chunk in place of what `buffer` holds. */
function take(buffer: TableBuffer, columns: readonly Values[], instruments: Instruments): void {
  const [venues, markets, outcomes, days, frames, ns, ...own] = columns as [
    Values,
    Values,
    Values,
    Values,
    Values,
    Values,
    ...Values[],
  ];
  buffer.clear();
  for (const [row, venue] of venues.entries()) {
    const instrument = instruments.get(String(venue), text(markets[row]) ?? "", text(outcomes[row]));
    buffer.add(instrument, Number(days[row]), Number(frames[row]), Number(ns[row]));
  }
  let at = 0;
  for (const column of buffer.columns) {
    fill(column, own[at]!, own[at + 1] ?? [], venues.length);
    at += column.kind === "levels" ? 2 : 1;
  }
}

function fill(column: ColumnBuffer, values: Values, sizes: Values, rows: number): void {
  for (let row = 0; row < rows; row++) {
    const value = values[row] ?? null;
    if (column.kind === "number") column.values[row] = value === null ? Number.NaN : Number(value);
    else if (column.kind === "text") column.values[row] = text(value);
    else if (value === null) column.set(row, null);
    else column.set(row, { prices: numbers(value), sizes: numbers(sizes[row] ?? null) });
  }
}

function text(value: DuckDBValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function numbers(value: DuckDBValue): number[] {
  return (value as DuckDBListValue).items.map(Number);
}
