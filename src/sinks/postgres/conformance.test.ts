import { after } from "node:test";
import { parseMillionths, parseSpot } from "../../model/decimal.ts";
import type { Levels } from "../../model/events.ts";
import { parseTime } from "../../model/time.ts";
import { type Table, tables } from "../../tables/schema.ts";
import { type Destination, type PlainRow, testDatabaseSink } from "../conformance.ts";
import type { Checkpoint, DatabaseSink, JournalIdentity } from "../sink.ts";
import { storedName } from "../sql.ts";
import { Connection } from "./connection.ts";
import { qualified } from "./ddl.ts";
import { schemaVersion } from "./migrate.ts";
import { PostgresSink } from "./postgres-sink.ts";
import { startServer } from "./server.fixture.ts";

const server = await startServer();
const url = server.url(await server.create());
const connection = await Connection.open(url);
after(async () => {
  await connection[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const stored = tables.map((table) => `DELETE FROM ${qualified(storedName(table))}`);
const state = ["interpreted", "checkpoints", "recorders"].map((name) => `DELETE FROM ${qualified(name)}`);

/** Without what the test before left: that takes a tenth of the time that a new database does. */
class EmptiedSink extends PostgresSink {
  readonly #emptied: Promise<unknown>;

  constructor(emptied: Promise<unknown>) {
    super({ url, tables: "all" });
    this.#emptied = emptied;
  }

  override async open(journal: JournalIdentity): Promise<Checkpoint | null> {
    await this.#emptied;
    return super.open(journal);
  }
}

async function empty(): Promise<void> {
  if ((await schemaVersion(connection)) > 0) await connection.run([...stored, ...state]);
}

testDatabaseSink("postgres", (): Destination<DatabaseSink> => {
  const emptied = empty();
  return {
    sink: () => new EmptiedSink(emptied),
    rows: async (table) => {
      const columns = table.columns.map(({ name, type }) => selected(name, type));
      const rows = await connection.rows(
        `SELECT ${columns.join(", ")} FROM ${qualified(storedName(table))} AS t ORDER BY t.recorder, t.frame, t.n`,
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
