import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk } from "@duckdb/node-api";
import { ownColumns, type TableBuffer } from "../../tables/buffer.ts";
import type { Table } from "../../tables/schema.ts";
import { CHUNK_ROWS, ChunkWriter } from "./chunk-writer.ts";
import { duckdbTypes } from "./column-types.ts";

/** An in-memory DuckDB table that takes rows of one of our tables, to be read by any SQL. */
export class Staging {
  readonly name: string;
  readonly #writer: ChunkWriter;
  readonly #appender: DuckDBAppender;
  readonly #chunk: DuckDBDataChunk;
  rows = 0;

  private constructor(name: string, writer: ChunkWriter, appender: DuckDBAppender) {
    this.name = name;
    this.#writer = writer;
    this.#appender = appender;
    this.#chunk = DuckDBDataChunk.create(writer.columns.map(({ type }) => type));
  }

  static async create(connection: DuckDBConnection, table: Table, name: string): Promise<Staging> {
    const columns = ownColumns(table);
    const list = columns.map(
      (column) => `"${column.name}" ${column.type === "word" ? "UTINYINT" : duckdbTypes[column.type]}`,
    );
    await connection.run(
      `CREATE TABLE "${name}" (instrument INTEGER, day INTEGER, ${list.join(", ")}, frame BIGINT, n INTEGER)`,
    );
    return new Staging(name, new ChunkWriter(table), await connection.createAppender(name));
  }

  /** Copies every row of `buffer`. */
  append(buffer: TableBuffer): void {
    for (let from = 0; from < buffer.length; from += CHUNK_ROWS) {
      this.#chunk.reset();
      this.#writer.write(this.#chunk.chunk, buffer, from, Math.min(buffer.length, from + CHUNK_ROWS));
      this.#appender.appendDataChunk(this.#chunk);
    }
    this.rows += buffer.length;
  }

  /** Makes the appended rows visible to SQL. No row can follow. */
  finish(): void {
    this.#appender.closeSync();
  }

  /** The rows as SQL; see `ChunkWriter.select`. */
  select(options: Omit<Parameters<ChunkWriter["select"]>[0], "source">): string {
    return this.#writer.select({ ...options, source: `"${this.name}"` });
  }
}
