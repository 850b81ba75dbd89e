import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
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

/** A PostgreSQL database, with these schemas' names first, as `SET search_path` does. */
export function postgresEngine(url: string, ...schemas: readonly string[]): Engine {
  return {
    name: "postgres",
    async rows(sql) {
      // Text as the server gives it: the client would make its own objects of times and JSON.
      const client = new Client({ connectionString: url, types: { getTypeParser: () => String } });
      await client.connect();
      try {
        await client.query(`SET search_path = ${[...schemas, "foretape"].join(", ")}; SET timezone = 'UTC'`);
        const { rows, fields } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
        const booleans = new Set(fields.flatMap(({ dataTypeID }, i) => (dataTypeID === BOOLEAN ? [i] : [])));
        return rows.map((row) =>
          row.map((value, i) => comparable(booleans.has(i) && value !== null ? value === "t" : utc(value))),
        );
      } finally {
        await client.end();
      }
    },
  };
}

/** PostgreSQL's number of its type `boolean`. */
const BOOLEAN = 16;

/** A time without its `+00`, which the other engines leave out. */
function utc(value: unknown): unknown {
  return typeof value === "string" ? value.replace(/^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)\+00$/, "$1") : value;
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
