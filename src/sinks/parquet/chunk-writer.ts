import {
  BIGINT,
  BOOLEAN,
  DECIMAL,
  type DuckDBType,
  INTEGER,
  LIST,
  STRUCT,
  TIMESTAMP,
  UTINYINT,
  VARCHAR,
} from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { ownColumns, type ColumnBuffer, type LevelsColumn, type TableBuffer } from "../../tables/buffer.ts";
import type { ColumnType, Table } from "../../tables/schema.ts";

/** Rows of a DuckDB data chunk. */
export const CHUNK_ROWS = 2048;
const TWO_32 = 0x1_0000_0000;
/** DECIMAL(9,6) ends here; no venue quotes a contract in thousands of dollars. */
const PRICE_LIMIT = 1_000_000_000;
const LEVEL_TYPE = STRUCT({ price: DECIMAL(9, 6), size: DECIMAL(18, 6) });

const vectorTypes: Readonly<Record<ColumnType, DuckDBType>> = {
  text: VARCHAR,
  word: UTINYINT,
  json: VARCHAR,
  price: DECIMAL(9, 6),
  size: DECIMAL(18, 6),
  usd: DECIMAL(18, 6),
  strike: DECIMAL(18, 6),
  spot: DECIMAL(20, 8),
  integer: INTEGER,
  bigint: BIGINT,
  timestamp: TIMESTAMP,
  boolean: BOOLEAN,
  levels: LIST(LEVEL_TYPE),
};

/**
 * A table's own columns, `frame` and `n` as DuckDB's vectors, words as codes, which `select` turns back. What stands in
 * front of them, and how, is the owner's. Values are copied as raw vectors, because the row-wise appender is ten times
 * slower.
 */
export class ChunkWriter {
  /** Name and type of each column. */
  readonly columns: readonly { readonly name: string; readonly type: DuckDBType }[];
  #chunk: duckdb.DataChunk | null = null;
  readonly #words: (Map<string, number> | null)[];
  readonly #scratch32: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS);
  readonly #scratch64: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS * 2);
  readonly #scratch128: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS * 4);
  readonly #scratch8: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_ROWS);
  readonly #validity: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_ROWS / 8);
  readonly #entries: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS * 4);
  #prices: Int32Array<ArrayBuffer> = new Int32Array(0);
  #sizes: Int32Array<ArrayBuffer> = new Int32Array(0);

  constructor(table: Table) {
    const own = ownColumns(table);
    this.#words = own.map(({ type }) => (type === "word" ? new Map() : null));
    this.columns = [
      ...own.map(({ name, type }) => ({ name, type: vectorTypes[type] })),
      { name: "frame", type: BIGINT },
      { name: "n", type: INTEGER },
    ];
  }

  /** Gives the words of `buffer` their codes, so that `select` knows them before the rows are written. */
  learn(buffer: TableBuffer): void {
    for (const [i, column] of buffer.columns.entries()) {
      const words = this.#words[i];
      if (!words || column.kind !== "text") continue;
      let last: string | null = null;
      for (const word of column.values) {
        if (word === last || word === null) continue;
        last = word;
        if (!words.has(word)) words.set(word, words.size);
      }
    }
  }

  /** Puts the rows [from, to) of `buffer`, at most `CHUNK_ROWS`, into the vectors of an empty chunk from `first` on. */
  write(chunk: duckdb.DataChunk, first: number, buffer: TableBuffer, from: number, to: number): void {
    this.#chunk = chunk;
    const rows = to - from;
    for (const [i, column] of buffer.columns.entries()) this.#column(this.#vector(first + i), column, i, from, rows);
    const last = first + buffer.columns.length;
    this.#wide(this.#vector(last), buffer.frame, from, rows);
    const scratch32 = this.#scratch32;
    for (let i = 0; i < rows; i++) scratch32[i] = buffer.n[from + i] ?? 0;
    this.#copy(this.#vector(last + 1), scratch32, rows * 4);
  }

  #vector(index: number): duckdb.Vector {
    return duckdb.data_chunk_get_vector(this.#chunk!, index);
  }

  #copy(vector: duckdb.Vector, from: Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>, bytes: number): void {
    duckdb.copy_data_to_vector(vector, 0, from.buffer, from.byteOffset, bytes);
  }

  #column(vector: duckdb.Vector, column: ColumnBuffer, index: number, from: number, rows: number): void {
    if (column.kind === "levels") this.#levels(vector, column, from, rows);
    else if (column.kind === "text") {
      const words = this.#words[index];
      if (words) this.#coded(vector, column.values, words, from, rows);
      else this.#strings(vector, column.values, from, rows);
    } else if (column.type === "price" || column.type === "integer") {
      this.#narrow(vector, column.values, from, rows, column.type === "price" ? PRICE_LIMIT : TWO_32 / 2);
    } else if (column.type === "spot") this.#widest(vector, column.values, from, rows);
    else if (column.type === "boolean") this.#bytes(vector, column.values, from, rows);
    else this.#wide(vector, column.values, from, rows);
  }

  #narrow(vector: duckdb.Vector, values: Float64Array, from: number, rows: number, limit: number): void {
    const scratch = this.#scratch32;
    let nulls = false;
    for (let i = 0; i < rows; i++) {
      const value = values[from + i]!;
      if (value > -limit && value < limit) scratch[i] = value;
      else nulls = this.#null(i, nulls);
    }
    this.#copy(vector, scratch, rows * 4);
    if (nulls) this.#nulls(vector);
  }

  /** 64-bit integers, written as two halves: a BigInt for each would cost ten times as much. */
  #wide(vector: duckdb.Vector, values: Float64Array, from: number, rows: number): void {
    const scratch = this.#scratch64;
    let nulls = false;
    for (let i = 0; i < rows; i++) {
      const value = values[from + i]!;
      if (value === value) {
        const high = Math.floor(value / TWO_32);
        scratch[2 * i] = value - high * TWO_32;
        scratch[2 * i + 1] = high;
      } else nulls = this.#null(i, nulls);
    }
    this.#copy(vector, scratch, rows * 8);
    if (nulls) this.#nulls(vector);
  }

  /** DECIMAL(20,8) is a 128-bit integer: the two halves of `#wide`, and the sign in the two above them. */
  #widest(vector: duckdb.Vector, values: Float64Array, from: number, rows: number): void {
    const scratch = this.#scratch128;
    let nulls = false;
    for (let i = 0; i < rows; i++) {
      const value = values[from + i]!;
      if (value === value) {
        const high = Math.floor(value / TWO_32);
        scratch[4 * i] = value - high * TWO_32;
        scratch[4 * i + 1] = high;
        scratch[4 * i + 2] = scratch[4 * i + 3] = value < 0 ? -1 : 0;
      } else nulls = this.#null(i, nulls);
    }
    this.#copy(vector, scratch, rows * 16);
    if (nulls) this.#nulls(vector);
  }

  #bytes(vector: duckdb.Vector, values: Float64Array, from: number, rows: number): void {
    const scratch = this.#scratch8;
    let nulls = false;
    for (let i = 0; i < rows; i++) {
      const value = values[from + i]!;
      if (value === value) scratch[i] = value;
      else nulls = this.#null(i, nulls);
    }
    this.#copy(vector, scratch, rows);
    if (nulls) this.#nulls(vector);
  }

  #coded(
    vector: duckdb.Vector,
    values: readonly (string | null)[],
    words: Map<string, number>,
    from: number,
    rows: number,
  ): void {
    const scratch = this.#scratch8;
    let nulls = false;
    let lastWord: string | null = null;
    let lastCode = 0;
    for (let i = 0; i < rows; i++) {
      const value = values[from + i] ?? null;
      if (value === null) {
        nulls = this.#null(i, nulls);
        continue;
      }
      if (value !== lastWord) {
        let code = words.get(value);
        if (code === undefined) words.set(value, (code = words.size));
        lastWord = value;
        lastCode = code;
      }
      scratch[i] = lastCode;
    }
    this.#copy(vector, scratch, rows);
    if (nulls) this.#nulls(vector);
  }

  #strings(vector: duckdb.Vector, values: readonly (string | null)[], from: number, rows: number): void {
    let nulls = false;
    for (let i = 0; i < rows; i++) {
      const value = values[from + i] ?? null;
      if (value === null) nulls = this.#null(i, nulls);
      else duckdb.vector_assign_string_element(vector, i, value);
    }
    if (nulls) this.#nulls(vector);
  }

  #levels(vector: duckdb.Vector, column: LevelsColumn, from: number, rows: number): void {
    let total = 0;
    for (let i = 0; i < rows; i++) total += Math.max(0, column.counts[from + i]!);
    duckdb.list_vector_reserve(vector, total);
    duckdb.list_vector_set_size(vector, total);
    if (this.#prices.length < total) {
      this.#prices = new Int32Array(total * 2);
      this.#sizes = new Int32Array(total * 4);
    }
    const entries = this.#entries;
    const prices = this.#prices;
    const sizes = this.#sizes;
    let nulls = false;
    let at = 0;
    for (let i = 0; i < rows; i++) {
      const count = column.counts[from + i]!;
      const start = column.starts[from + i]!;
      entries[4 * i] = at;
      entries[4 * i + 2] = Math.max(0, count);
      if (count < 0) {
        nulls = this.#null(i, nulls);
        continue;
      }
      for (let level = start; level < start + count; level++, at++) {
        prices[at] = column.prices[level]!;
        const size = column.sizes[level]!;
        const high = Math.floor(size / TWO_32);
        sizes[2 * at] = size - high * TWO_32;
        sizes[2 * at + 1] = high;
      }
    }
    const child = duckdb.list_vector_get_child(vector);
    if (total > 0) {
      this.#copy(duckdb.struct_vector_get_child(child, 0), prices, total * 4);
      this.#copy(duckdb.struct_vector_get_child(child, 1), sizes, total * 8);
    }
    this.#copy(vector, entries, rows * 16);
    if (nulls) this.#nulls(vector);
  }

  /** Marks row `i` of the column under way as null. */
  #null(i: number, already: boolean): true {
    if (!already) this.#validity.fill(0xff);
    this.#validity[i >> 3]! &= ~(1 << (i & 7));
    return true;
  }

  #nulls(vector: duckdb.Vector): void {
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, this.#validity.buffer, 0, this.#validity.byteLength);
  }

  /** SQL of the columns behind the names, out of `d`, whose columns are these. */
  select(recorder: number): string[] {
    const own = this.columns.slice(0, -2).map(({ name }, index) => {
      const words = this.#words[index];
      return words ? `${decode(`d."${name}"`, words)} AS "${name}"` : `d."${name}"`;
    });
    return [...own, `${recorder}::INTEGER AS recorder`, "d.frame", "d.n"];
  }
}

function decode(column: string, words: ReadonlyMap<string, number>): string {
  if (words.size === 0) return "NULL::VARCHAR";
  const cases = [...words].map(([word, code]) => `WHEN ${code} THEN '${word.replaceAll("'", "''")}'`);
  return `CASE ${column} ${cases.join(" ")} END`;
}
