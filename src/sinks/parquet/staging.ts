import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk, INTEGER } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { ownColumns, type TableBuffer } from "../../tables/buffer.ts";
import { marketColumn, type Table } from "../../tables/schema.ts";
import { CHUNK_ROWS, ChunkWriter } from "./chunk-writer.ts";
import { duckdbTypes } from "./column-types.ts";

/**
 * An in-memory DuckDB table that takes rows of one of our tables, to be read by any SQL. The names in front are one
 * instrument number.
 */
export class Staging {
  readonly name: string;
  readonly #table: Table;
  readonly #writer: ChunkWriter;
  readonly #appender: DuckDBAppender;
  readonly #chunk: DuckDBDataChunk;
  readonly #scratch: Int32Array<ArrayBuffer> = new Int32Array(CHUNK_ROWS);
  rows = 0;

  private constructor(table: Table, name: string, appender: DuckDBAppender) {
    this.name = name;
    this.#table = table;
    this.#writer = new ChunkWriter(table);
    this.#appender = appender;
    this.#chunk = DuckDBDataChunk.create([INTEGER, INTEGER, ...this.#writer.columns.map(({ type }) => type)]);
  }

  static async create(connection: DuckDBConnection, table: Table, name: string): Promise<Staging> {
    const columns = ownColumns(table);
    const list = columns.map(
      (column) => `"${column.name}" ${column.type === "word" ? "UTINYINT" : duckdbTypes[column.type]}`,
    );
    await connection.run(
      `CREATE TABLE "${name}" (instrument INTEGER, day INTEGER, ${list.join(", ")}, frame BIGINT, n INTEGER)`,
    );
    return new Staging(table, name, await connection.createAppender(name));
  }

  /** Copies every row of `buffer`. */
  append(buffer: TableBuffer): void {
    for (let from = 0; from < buffer.length; from += CHUNK_ROWS) {
      const to = Math.min(buffer.length, from + CHUNK_ROWS);
      const { chunk } = this.#chunk;
      this.#chunk.reset();
      duckdb.data_chunk_set_size(chunk, to - from);
      this.#copy(0, to - from, (row) => buffer.instrument[from + row]?.id ?? -1);
      this.#copy(1, to - from, (row) => buffer.day[from + row] ?? 0);
      this.#writer.write(chunk, 2, buffer, from, to);
      this.#appender.appendDataChunk(this.#chunk);
    }
    this.rows += buffer.length;
  }

  #copy(index: number, rows: number, value: (row: number) => number): void {
    const scratch = this.#scratch;
    for (let row = 0; row < rows; row++) scratch[row] = value(row);
    const vector = duckdb.data_chunk_get_vector(this.#chunk.chunk, index);
    duckdb.copy_data_to_vector(vector, 0, scratch.buffer, 0, rows * 4);
  }

  /** Makes the appended rows visible to SQL. No row can follow. */
  finish(): void {
    this.#appender.closeSync();
  }

  /**
   * The rows as SQL, with the columns of the table, and with the partition's `date` last where `withDate` is true.
   * `instruments` is a table (id, venue, market_id, outcome_id).
   */
  select(options: { readonly instruments: string; readonly recorder: number; readonly withDate?: boolean }): string {
    const outcome = this.#table.columns.some(({ name }) => name === "outcome_id");
    const columns = [
      "i.venue",
      `i.market_id AS "${marketColumn(this.#table)}"`,
      ...(outcome ? ["i.outcome_id"] : []),
      ...this.#writer.select(options.recorder),
      ...(options.withDate === true ? ["DATE '1970-01-01' + d.day AS date"] : []),
    ];
    return `SELECT ${columns.join(", ")} FROM "${this.name}" d JOIN "${options.instruments}" i ON i.id = d.instrument`;
  }
}
