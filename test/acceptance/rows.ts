import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { readManifests } from "../../src/sinks/parquet/manifest.ts";

/** Rows of a query over the live Parquet files of a tape; each table is there by its name with all of its rows. */
export async function rows<Row>(tape: string, tables: readonly string[], sql: string): Promise<Row[]> {
  const files = readManifests(tape).flatMap(({ entries }) => [...entries.values()].flatMap(({ files: of }) => of));
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await instance.connect();
  try {
    for (const table of tables) {
      const paths = files
        .filter((file) => file.table === table)
        .map(({ path }) => `'${join(tape, path).replaceAll("'", "''")}'`);
      if (paths.length === 0) return [];
      await connection.run(
        `CREATE VIEW ${table} AS SELECT * FROM read_parquet([${paths.join(", ")}], hive_partitioning = true)`,
      );
    }
    const reader = await connection.runAndReadAll(sql);
    return reader.getRowObjectsJson() as Row[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The same by the frame that made them; the query gives `frame` as a double. */
export async function rowsByFrame<Row extends { readonly frame: number }>(
  tape: string,
  tables: readonly string[],
  sql: string,
): Promise<Map<number, Row[]>> {
  return Map.groupBy(await rows<Row>(tape, tables, sql), ({ frame }) => frame);
}
