import {
  BIGINT,
  BOOLEAN,
  DECIMAL,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  INTEGER,
  LIST,
  STRUCT,
  TIMESTAMP,
  UTINYINT,
  VARCHAR,
} from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { ownColumns, type ColumnBuffer, type LevelsColumn, TableBuffer } from "../../tables/buffer.ts";
import { type ColumnType, marketColumn, type Table } from "../../tables/schema.ts";
import { duckdbTypes } from "./column-types.ts";
import type { GrowingMemory } from "./growing-memory.ts";

/** Rows of a DuckDB data chunk. */
const CHUNK_ROWS = 2048;
const TWO_32 = 0x1_0000_0000;
/** DECIMAL(9,6) ends here; no venue quotes a contract in thousands of dollars. */
const PRICE_LIMIT = 1_000_000_000;
const LEVEL_TYPE = STRUCT({ price: DECIMAL(9, 6), size: DECIMAL(18, 6) });

const staged: Readonly<Record<ColumnType, DuckDBType>> = {
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
 * An in-memory DuckDB table that takes rows of one of our tables by the column: names in front are one instrument
 * number, words are codes; `select` turns both back. Values are copied as raw vectors, because the row-wise appender is
 * ten times slower.
 */
export class Staging {
  readonly table: Table;
  readonly name: string;
  readonly #appender: DuckDBAppender;
  readonly #chunk: DuckDBDataChunk;
  readonly #memory: GrowingMemory | null;
  readonly #words: (Map<string, number> | null)[];
  readonly #scratch32: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS);
  readonly #scratch64: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS * 2);
  readonly #scratch128: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS * 4);
  readonly #scratch8: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_ROWS);
  readonly #validity: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK_ROWS / 8);
  readonly #entries: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS * 4);
  #prices: Int32Array<ArrayBuffer> = new Int32Array(0);
  #sizes: Int32Array<ArrayBuffer> = new Int32Array(0);
  rows = 0;

  private constructor(
    table: Table,
    name: string,
    {
      appender,
      types,
      memory,
    }: { appender: DuckDBAppender; types: readonly DuckDBType[]; memory: GrowingMemory | null },
  ) {
    this.table = table;
    this.name = name;
    this.#appender = appender;
    this.#memory = memory;
    this.#chunk = DuckDBDataChunk.create(types);
    this.#words = ownColumns(table).map(({ type }) => (type === "word" ? new Map() : null));
  }

  /** Without `memory` a lack of it rises. */
  static async create(
    connection: DuckDBConnection,
    table: Table,
    name: string,
    memory: GrowingMemory | null = null,
  ): Promise<Staging> {
    const columns = ownColumns(table);
    const list = columns.map(
      (column) => `"${column.name}" ${column.type === "word" ? "UTINYINT" : duckdbTypes[column.type]}`,
    );
    await connection.run(
      `CREATE TABLE "${name}" (instrument INTEGER, day INTEGER, ${list.join(", ")}, frame BIGINT, n INTEGER)`,
    );
    const appender = await connection.createAppender(name);
    const types = [INTEGER, INTEGER, ...columns.map(({ type }) => staged[type]), BIGINT, INTEGER];
    return new Staging(table, name, { appender, types, memory });
  }

  /** Copies the rows of `buffer` in the order given. */
  async appendOrdered(buffer: TableBuffer, order: Int32Array): Promise<void> {
    const piece = new TableBuffer(buffer.table, CHUNK_ROWS);
    for (let from = 0; from < order.length; from += CHUNK_ROWS) {
      piece.gather(buffer, order, from, Math.min(order.length, from + CHUNK_ROWS));
      await this.append(piece);
    }
  }

  /** Copies every row of `buffer`. */
  async append(buffer: TableBuffer): Promise<void> {
    for (let from = 0; from < buffer.length; from += CHUNK_ROWS) {
      this.#fill(buffer, from, Math.min(buffer.length, from + CHUNK_ROWS));
      try {
        this.#appender.appendDataChunk(this.#chunk);
      } catch (error) {
        // The appender has the chunk; what failed is the flush that it made by itself.
        if (this.#memory === null) throw error;
        await this.#memory.grow(error);
        await this.#memory.run(() => this.#appender.flushSync());
      }
    }
    this.rows += buffer.length;
  }

  #fill(buffer: TableBuffer, from: number, to: number): void {
    const { chunk } = this.#chunk;
    const rows = to - from;
    this.#chunk.reset();
    duckdb.data_chunk_set_size(chunk, rows);
    const scratch32 = this.#scratch32;
    for (let i = 0; i < rows; i++) scratch32[i] = buffer.instrument[from + i]?.id ?? -1;
    this.#copy(this.#vector(0), scratch32, rows * 4);
    for (let i = 0; i < rows; i++) scratch32[i] = buffer.day[from + i] ?? 0;
    this.#copy(this.#vector(1), scratch32, rows * 4);
    for (const [i, column] of buffer.columns.entries()) this.#column(this.#vector(i + 2), column, i, from, rows);
    const last = buffer.columns.length + 2;
    this.#wide(this.#vector(last), buffer.frame, from, rows);
    for (let i = 0; i < rows; i++) scratch32[i] = buffer.n[from + i] ?? 0;
    this.#copy(this.#vector(last + 1), scratch32, rows * 4);
  }

  #vector(index: number): duckdb.Vector {
    return duckdb.data_chunk_get_vector(this.#chunk.chunk, index);
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

  /** Makes the appended rows visible to SQL. No row can follow. */
  async finish(): Promise<void> {
    if (this.#memory !== null) await this.#memory.run(() => this.#appender.flushSync());
    this.#appender.closeSync();
  }

  /**
   * The rows as SQL, with the columns of the table but `venue` where `withVenue` is false (a Parquet file has it in its
   * path), and with the partition's `date` last where `withDate` is true. `instruments` is a table (id, venue, market_id,
   * outcome_id).
   */
  select(options: {
    instruments: string;
    recorder: number;
    withVenue: boolean;
    withDate?: boolean;
    where?: string;
  }): string {
    const own = ownColumns(this.table);
    const outcome = this.table.columns.some(({ name }) => name === "outcome_id");
    const columns = [
      ...(options.withVenue ? ["i.venue"] : []),
      `i.market_id AS "${marketColumn(this.table)}"`,
      ...(outcome ? ["i.outcome_id"] : []),
      ...own.map(({ name }, index) => {
        const words = this.#words[index];
        return words ? `${decode(`d."${name}"`, words)} AS "${name}"` : `d."${name}"`;
      }),
      `${options.recorder}::INTEGER AS recorder`,
      "d.frame",
      "d.n",
      ...(options.withDate ? ["DATE '1970-01-01' + d.day AS date"] : []),
    ];
    return `SELECT ${columns.join(", ")} FROM "${this.name}" d JOIN "${options.instruments}" i ON i.id = d.instrument${
      options.where ? ` WHERE ${options.where}` : ""
    }`;
  }
}

function decode(column: string, words: ReadonlyMap<string, number>): string {
  if (words.size === 0) return "NULL::VARCHAR";
  const cases = [...words].map(([word, code]) => `WHEN ${code} THEN '${word.replaceAll("'", "''")}'`);
  return `CASE ${column} ${cases.join(" ")} END`;
}
