import { join } from "node:path";
import { duckdbTypes } from "../sinks/parquet/column-types.ts";
import type { Column, Table } from "../tables/schema.ts";

/** Text as an SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What may be a name in SQL text, in lower case. */
export function wordsOf(sql: string): ReadonlySet<string> {
  return new Set(sql.toLowerCase().match(/[a-z_0-9]+/g));
}

/**
 * SQL of the view with every row of a table: its Parquet files and rows that are in no file yet. Its columns are those
 * of `tables/schema.ts` and `date`, the partition.
 */
export function historyView(table: Table, tape: string, files: readonly string[], fresh: readonly string[]): string {
  const columns = [...table.columns.map(({ name }) => `"${name}"`), "date"].join(", ");
  const parts = fresh.map((select) => `SELECT ${columns} FROM (${select})`);
  if (files.length > 0) {
    const paths = files.map((file) => literal(join(tape, file))).join(", ");
    parts.unshift(
      `SELECT ${columns} FROM read_parquet([${paths}], hive_partitioning = true, hive_types = {'venue': VARCHAR, 'date': DATE})`,
    );
  }
  return parts.length > 0 ? parts.join(" UNION ALL ") : nothing(table.columns);
}

function nothing(columns: readonly Column[]): string {
  const list = columns.map(({ name, type }) => `NULL::${duckdbTypes[type]} AS "${name}"`);
  return `SELECT ${list.join(", ")}, NULL::DATE AS date WHERE false`;
}

/** SQL of the view with one row per fact: the stream's before history's, then the latest. */
export function factView(table: Table, history: string): string {
  const key = table.naturalKey;
  if (key === null) return `SELECT * FROM "${history}"`;
  const order = [
    ...(table.columns.some(({ name }) => name === "source") ? ["(source = 'stream') DESC"] : []),
    // Rows of one journal are in the order of arrival; those of several only in that of their clocks.
    ...(key.includes("recorder") ? [] : ["received_at DESC NULLS LAST", "recorder DESC"]),
    "frame DESC",
    "n DESC",
  ];
  const partition = key.map((name) => `"${name}"`).join(", ");
  return `SELECT * FROM "${history}" QUALIFY row_number() OVER (PARTITION BY ${partition} ORDER BY ${order.join(", ")}) = 1`;
}
