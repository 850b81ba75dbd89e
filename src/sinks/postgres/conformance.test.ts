import { after } from "node:test";
import { parseMillionths, parseSpot } from "../../model/decimal.ts";
import type { Levels } from "../../model/events.ts";
import { parseTime } from "../../model/time.ts";
import type { Table } from "../../tables/schema.ts";
import { type Destination, type PlainRow, testSink } from "../conformance.ts";
import { storedName } from "../sql.ts";
import { Connection } from "./connection.ts";
import { qualified } from "./ddl.ts";
import { PostgresSink } from "./postgres-sink.ts";
import { startServer } from "./server.fixture.ts";

const server = await startServer();
after(() => server[Symbol.asyncDispose]());

/** Destinations that the suite asks for: one a test, and one for each run of its property. */
const DATABASES = 16;
const databases: string[] = [];
for (let i = 0; i < DATABASES; i++) databases.push(await server.create());

testSink("postgres", (): Destination => {
  const url = server.url(databases.pop()!);
  return {
    sink: () => new PostgresSink({ url, tables: "all" }),
    rows: async (table) => {
      await using connection = await Connection.open(url);
      const columns = table.columns.map(({ name, type }) => selected(name, type));
      const rows = await connection.rows(
        `SELECT ${columns.join(", ")} FROM ${qualified(storedName(table))} ORDER BY recorder, frame, n`,
      );
      return rows.map((row) => plain(table, row));
    },
  };
});

/** Everything as text, so that nothing is rounded on its way here. */
function selected(name: string, type: string): string {
  if (type === "timestamp")
    return `to_char("${name}" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "${name}"`;
  return `"${name}"::text AS "${name}"`;
}

function plain(table: Table, row: Readonly<Record<string, unknown>>): PlainRow {
  return Object.fromEntries(
    table.columns.map(({ name, type }): [string, number | string | null | Levels] => {
      const text = row[name] as string | null;
      if (text === null) return [name, null];
      switch (type) {
        case "text":
        case "word":
        case "json":
          return [name, text];
        case "price":
        case "size":
        case "usd":
        case "strike":
          return [name, parseMillionths(text)];
        case "spot":
          return [name, parseSpot(text)];
        case "integer":
        case "bigint":
          return [name, Number(text)];
        case "boolean":
          return [name, text === "true" ? 1 : 0];
        case "timestamp":
          return [name, parseTime(text)];
        case "levels":
          return [name, levels(text)];
      }
    }),
  );
}

function levels(text: string): Levels {
  const list = [...text.matchAll(/\{"price":([\d.-]+),"size":([\d.-]+)\}/g)];
  return {
    prices: list.map(([, price]) => parseMillionths(price!)!),
    sizes: list.map(([, , size]) => parseMillionths(size!)!),
  };
}
