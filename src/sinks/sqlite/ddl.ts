import { seeds } from "../../seeds/index.ts";
import { viewSelect } from "../../seeds/seed.ts";
import { sqlite } from "../../seeds/sqlite.ts";
import { type ColumnType, marketColumn, type Table, tables } from "../../tables/schema.ts";
import { storedName } from "../sql.ts";

export { storedName };

/** Raised with every change of these statements. */
export const SCHEMA_VERSION = 3;

/** `Ftap`, SQLite's `application_id` of our databases. */
export const APPLICATION_ID = 0x46746170;

/**
 * SQLite's type of each column type. Prices and sizes are REAL in dollars and contracts: six decimal places come back
 * exactly up to two thousand million, the eight of spot columns up to 67 million (rounded to eight places), beyond any
 * price and any trade but those of the cheapest coins. TEXT would hold all digits, but `price > 60000` would compare it
 * as text. Times are TEXT in SQLite's own form, UTC with microseconds
 * (`2026-11-21 16:59:00.000000`), so that `datetime()`, `strftime()` and comparisons with them work. Booleans are 0
 * and 1, levels JSON: `[{"price":0.48,"size":10.5}, …]`.
 */
const types: Readonly<Record<ColumnType, string>> = {
  text: "TEXT",
  word: "TEXT",
  json: "TEXT",
  price: "REAL",
  size: "REAL",
  usd: "REAL",
  strike: "REAL",
  spot: "REAL",
  integer: "INTEGER",
  bigint: "INTEGER",
  timestamp: "TEXT",
  boolean: "INTEGER",
  levels: "TEXT",
};

const quoted = (name: string): string => `"${name}"`;
const list = (names: readonly string[]): string => names.map(quoted).join(", ");

/**
 * What makes one table. A rowid table with the identity as its primary key: measured against WITHOUT ROWID it takes as many delta rows
 * (230,000/s with the index, on two cores of 2026) and twice as many snapshots with full depth.
 */
export function tableStatements(table: Table): string[] {
  const stored = storedName(table);
  const identity = new Set(["recorder", "frame", "n"]);
  const columns = table.columns.map(
    ({ name, type }) => `${quoted(name)} ${types[type]}${identity.has(name) ? " NOT NULL" : ""}`,
  );
  const create = `CREATE TABLE ${quoted(stored)} (\n  ${columns.join(",\n  ")},\n  PRIMARY KEY (recorder, frame, n)\n) STRICT`;
  const byMarket = `CREATE INDEX ${quoted(`${stored}_by_market`)} ON ${quoted(stored)} (${marketColumn(table)}, received_at)`;
  if (table.naturalKey === null) return [create, byMarket];
  const same = table.naturalKey.map((name) => `other.${quoted(name)} IS this.${quoted(name)}`);
  const best = rank(table, "other.").map((term) => `${term} DESC`);
  return [
    create,
    `CREATE INDEX ${quoted(`${stored}_by_key`)} ON ${quoted(stored)} (${[list(table.naturalKey), ...rank(table, "")].join(", ")})`,
    // Behind the key's: of two indexes with one column each of `venue = … AND market_id = …`, SQLite takes the last made.
    byMarket,
    // One look into the index per row, and conditions on any column are applied first. A window function would sort
    // all rows; NOT EXISTS of a better row takes time with the square of a fact's history.
    `CREATE VIEW ${quoted(table.name)} AS
SELECT ${list(table.columns.map(({ name }) => name))} FROM ${quoted(stored)} AS this
WHERE rowid = (
  SELECT rowid FROM ${quoted(stored)} AS other
  WHERE ${same.join(" AND ")}
  ORDER BY ${best.join(", ")} LIMIT 1
)`,
  ];
}

/** What makes one of several rows of a natural key the one to show, most important first: stream before history, then the latest. */
function rank(table: Table, alias: string): string[] {
  const arrival = [`${alias}frame`, `${alias}n`];
  if (table.naturalKey?.includes("recorder") === true) return arrival;
  const streamed = table.name === "trades" ? [`(${alias}source IS 'stream')`] : [];
  return [...streamed, `coalesce(${alias}received_at, '')`, `${alias}recorder`, ...arrival];
}

const state: readonly string[] = [
  "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT",
  `INSERT INTO schema_version VALUES (${SCHEMA_VERSION})`,
  `CREATE TABLE recorders (
  recorder INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  journal TEXT NOT NULL UNIQUE,
  host TEXT NOT NULL,
  since TEXT NOT NULL
) STRICT`,
  `CREATE TABLE checkpoints (
  recorder INTEGER PRIMARY KEY REFERENCES recorders,
  journal TEXT NOT NULL,
  frame INTEGER NOT NULL,
  crc INTEGER NOT NULL
) STRICT`,
  // Which version of the interpreters made the rows of which frames, and which tables were kept of them.
  `CREATE TABLE interpreted (
  recorder INTEGER NOT NULL REFERENCES recorders,
  first_frame INTEGER NOT NULL,
  last_frame INTEGER NOT NULL,
  interpreter INTEGER NOT NULL,
  tables TEXT NOT NULL,
  PRIMARY KEY (recorder, first_frame)
) STRICT`,
];

/** The seeds' views, in place of an older version's: `seed3_contracts`, as SQLite has no schemas. */
export const seedStatements: readonly string[] = seeds.flatMap(({ schema, views }) =>
  views(sqlite).flatMap((view) => {
    const name = sqlite.view(schema, view.name);
    return [`DROP VIEW IF EXISTS ${name}`, `CREATE VIEW ${name} AS ${viewSelect(view)}`];
  }),
);

/** Everything an empty database needs. */
export const schemaStatements: readonly string[] = [...state, ...tables.flatMap(tableStatements), ...seedStatements];
