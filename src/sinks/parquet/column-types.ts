import type { ColumnType } from "../../tables/schema.ts";

/** DuckDB's (and so Parquet's) type of each column type. */
export const duckdbTypes: Readonly<Record<ColumnType, string>> = {
  text: "VARCHAR",
  word: "VARCHAR",
  json: "VARCHAR",
  price: "DECIMAL(9,6)",
  size: "DECIMAL(18,6)",
  usd: "DECIMAL(18,6)",
  strike: "DECIMAL(18,6)",
  spot: "DECIMAL(20,8)",
  integer: "INTEGER",
  bigint: "BIGINT",
  timestamp: "TIMESTAMP",
  boolean: "BOOLEAN",
  levels: "STRUCT(price DECIMAL(9,6), size DECIMAL(18,6))[]",
};
