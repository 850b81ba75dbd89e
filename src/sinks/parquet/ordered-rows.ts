import { type DuckDBConnection, DuckDBTableFunction } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { TableBuffer } from "../../tables/buffer.ts";
import type { Table } from "../../tables/schema.ts";
import { CHUNK_ROWS, ChunkWriter } from "./chunk-writer.ts";

/**
 * Rows of one table, held here, as a table function of a DuckDB connection: a COPY takes them chunk by chunk in the order
 * that it is given, and DuckDB neither stores nor sorts them. Measured against a table of DuckDB's and ORDER BY: 40 % less
 * CPU for a segment of book deltas, and none of the memory.
 */
export class OrderedRows {
  readonly #writer: ChunkWriter;
  readonly #piece: TableBuffer;
  readonly #function: DuckDBTableFunction;
  readonly #name: string;
  #buffer: TableBuffer | null = null;
  #order: Int32Array = new Int32Array(0);
  #at = 0;

  constructor(connection: DuckDBConnection, table: Table) {
    this.#writer = new ChunkWriter(table);
    this.#piece = new TableBuffer(table, CHUNK_ROWS);
    this.#name = `ordered_${table.name}`;
    this.#function = DuckDBTableFunction.create({
      name: this.#name,
      bindFunction: (info) => {
        for (const { name, type } of this.#writer.columns) info.addResultColumn(name, type);
        // Else the rows might become the side of the join that is kept in memory.
        info.setCardinality(this.#order.length, true);
      },
      initFunction: () => {
        this.#at = 0;
      },
      mainFunction: (_, { chunk }) => this.#next(chunk),
    });
    connection.registerTableFunction(this.#function);
  }

  /**
   * These rows of `buffer` as SQL, in this order; see `ChunkWriter.select`. They are held until the next call, and read by
   * one statement at a time.
   */
  select(
    buffer: TableBuffer,
    order: Int32Array,
    options: Omit<Parameters<ChunkWriter["select"]>[0], "source">,
  ): string {
    this.#buffer = buffer;
    this.#order = order;
    this.#writer.learn(buffer);
    return this.#writer.select({ ...options, source: `${this.#name}()` });
  }

  #next(chunk: duckdb.DataChunk): void {
    const to = Math.min(this.#order.length, this.#at + CHUNK_ROWS);
    if (this.#buffer === null || to === this.#at) {
      duckdb.data_chunk_set_size(chunk, 0);
      return;
    }
    this.#piece.gather(this.#buffer, this.#order, this.#at, to);
    this.#writer.write(chunk, this.#piece, 0, to - this.#at);
    this.#at = to;
  }
}
