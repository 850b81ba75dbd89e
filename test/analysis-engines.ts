import { DatabaseSync } from "node:sqlite";
import { TapeQuery } from "../src/tape/query.ts";

/** One of the engines that the documented SQL is run on. To add another, add its runner to the test's list. */
export interface Engine {
  readonly name: string;
  /** Rows of one statement, comparable between engines: decimals as numbers, times as SQLite has them. */
  readonly rows: (sql: string) => Promise<unknown[][]>;
}

/** `foretape query` over a tape, with a seed's names first where `schema` says so. */
export function duckdbEngine(tape: string, schema?: string): Engine {
  return {
    name: "duckdb",
    async rows(sql) {
      const signal = new AbortController().signal;
      await using query = await TapeQuery.run({ tape, sql, signal, ...(schema === undefined ? {} : { schema }) });
      const rows: unknown[][] = [];
      for await (const chunk of query.chunks()) rows.push(...chunk.map((row) => row.map(comparable)));
      return rows;
    },
  };
}

/** The SQLite sink's file, after `prepare` ran on the connection. */
export function sqliteEngine(path: string, prepare?: (database: DatabaseSync) => void): Engine {
  return {
    name: "sqlite",
    async rows(sql) {
      using database = new DatabaseSync(path, { readOnly: true });
      prepare?.(database);
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row).map(comparable));
    },
  };
}

/** A value of any engine as one of text, number or null. Booleans are SQLite's 0 and 1; JSON has its numbers in one form. */
function comparable(value: unknown): unknown {
  if (value === null || typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "bigint") return Number(value);
  const text = String(value);
  if (/^[[{]/.test(text)) return JSON.stringify(JSON.parse(text));
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  // SQLite's times have six places always.
  const [, seconds, fraction = ""] = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d+))?$/.exec(text) ?? [];
  return seconds === undefined ? text : `${seconds}.${fraction.padEnd(6, "0")}`;
}
