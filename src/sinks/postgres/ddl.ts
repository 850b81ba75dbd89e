import { type ColumnType, marketColumn, type Table } from "../../tables/schema.ts";
import { storedName } from "../sql.ts";
import { columnComment, tableComments } from "./comments.ts";
import { partitionUnit } from "./partitioning.ts";

/** Everything of ours is in this schema; roles and connections have it in their search path, so that plain names work. */
export const SCHEMA = "foretape";

/**
 * PostgreSQL's type of each column type. Prices and sizes are exact decimals. `json`, not `jsonb`: it keeps a venue's
 * text as it came, and text with the escape of a NUL character, which `jsonb` refuses.
 */
const types: Readonly<Record<ColumnType, string>> = {
  text: "text",
  word: "text",
  json: "json",
  price: "numeric",
  size: "numeric",
  usd: "numeric",
  strike: "numeric",
  spot: "numeric",
  integer: "integer",
  bigint: "bigint",
  timestamp: "timestamptz",
  boolean: "boolean",
  levels: "json",
};

const identity = ["recorder", "frame", "n"];
const quoted = (name: string): string => `"${name}"`;

/** A name with its schema, for SQL. */
export function qualified(name: string): string {
  return `${SCHEMA}.${quoted(name)}`;
}

/** A text constant for SQL; `standard_conforming_strings` is on. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What makes one table with its indexes, its view and its comments. */
export function tableStatements(table: Table): string[] {
  const stored = qualified(storedName(table));
  const unit = partitionUnit(table);
  const columns = table.columns.map(
    ({ name, type }) => `${quoted(name)} ${types[type]}${identity.includes(name) ? " NOT NULL" : ""}`,
  );
  const key = unit === null ? identity : [...identity, "date"];
  if (unit !== null) columns.push(`"date" date NOT NULL`);
  return [
    `CREATE TABLE ${stored} (\n  ${columns.join(",\n  ")},\n  PRIMARY KEY (${key.join(", ")})\n)${unit === null ? "" : " PARTITION BY RANGE (date)"}`,
    ...indexStatements(table, stored),
    ...(table.naturalKey === null ? [] : [factView(table, table.naturalKey)]),
    ...commentStatements(table),
  ];
}

function indexStatements(table: Table, stored: string): string[] {
  const indexes = [`(${marketColumn(table)}, received_at)`];
  // Rows of a day's partition lie in the order of their arrival: a few pages say where a minute is.
  if (partitionUnit(table) === "day") indexes.push("USING brin (received_at)");
  if (table.name === "gaps") indexes.push("(detected_at)");
  if (table.naturalKey !== null) {
    indexes.push(`(${[...table.naturalKey.map((name) => keyTerm(name, "")), ...rank(table, "")].join(", ")})`);
  }
  return indexes.map((index) => `CREATE INDEX ON ${stored} ${index}`);
}

/** The view with one row per fact: the best one is found at the end of the index, one look per row. */
function factView(table: Table, naturalKey: readonly string[]): string {
  const stored = qualified(storedName(table));
  const names = [...table.columns.map(({ name }) => name), ...(partitionUnit(table) === null ? [] : ["date"])];
  return `CREATE VIEW ${qualified(table.name)} WITH (security_invoker = true) AS
SELECT ${names.map(quoted).join(", ")} FROM ${stored} AS this
WHERE (this.recorder, this.frame, this.n) = (
  SELECT other.recorder, other.frame, other.n FROM ${stored} AS other
  WHERE ${naturalKey.map((name) => `${keyTerm(name, "other.")} = ${keyTerm(name, "this.")}`).join(" AND ")}
  ORDER BY ${rank(table, "other.")
    .map((term) => `${term} DESC`)
    .join(", ")} LIMIT 1
)`;
}

/** What is compared of a natural key. A subscription may be of no market; no index serves IS NOT DISTINCT FROM. */
function keyTerm(name: string, alias: string): string {
  return name === "market_id" || name === "outcome_id" ? `(coalesce(${alias}${name}, ''))` : `${alias}${quoted(name)}`;
}

/** What makes one of several rows of a natural key the one to show, most important first: stream before history, then the latest. */
function rank(table: Table, alias: string): string[] {
  const arrival = [`${alias}frame`, `${alias}n`];
  if (table.naturalKey?.includes("recorder") === true) return arrival;
  const streamed = table.name === "trades" ? [`(${alias}source IS NOT DISTINCT FROM 'stream')`] : [];
  return [...streamed, `(coalesce(${alias}received_at, '-infinity'::timestamptz))`, `${alias}recorder`, ...arrival];
}

function commentStatements(table: Table): string[] {
  const relations: (readonly [string, string])[] = [["TABLE", storedName(table)]];
  if (table.naturalKey !== null) relations.push(["VIEW", table.name]);
  const names = [...table.columns.map(({ name }) => name), ...(partitionUnit(table) === null ? [] : ["date"])];
  return relations.flatMap(([kind, name]) => [
    `COMMENT ON ${kind} ${qualified(name)} IS ${literal(tableComment(table, name))}`,
    ...names.map(
      (column) => `COMMENT ON COLUMN ${qualified(name)}.${quoted(column)} IS ${literal(columnComment(column))}`,
    ),
  ]);
}

function tableComment(table: Table, relation: string): string {
  const about = tableComments[table.name] ?? table.name;
  if (table.naturalKey === null) return about;
  return relation === table.name
    ? `${about}; one row per ${table.naturalKey.join(", ")}: the stream's before history's, then the latest`
    : `${about}; every row that was made`;
}
