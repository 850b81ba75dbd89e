import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { readManifests } from "../../src/sinks/parquet/manifest.ts";
import { storedName } from "../../src/sinks/sqlite/ddl.ts";
import { type Column, type Table, tables } from "../../src/tables/schema.ts";
import { Failure } from "./check.ts";

/** All rows of every table as lines of text, in order; both kinds of sink print the same rows alike. */
export type Dump = ReadonlyMap<string, readonly string[]>;

/** A null cell: no value prints like this. */
const NULL = "∅";

export interface DumpOptions {
  /** Only this recorder's rows. */
  readonly recorder?: number;
}

/** Dumps the live Parquet files of a tape, those that the manifests name. */
export async function dumpParquet(tape: string, options: DumpOptions = {}): Promise<Dump> {
  const files = readManifests(tape).flatMap(({ entries }) => [...entries.values()].flatMap(({ files: of }) => of));
  const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  const connection = await instance.connect();
  try {
    const dump = new Map<string, readonly string[]>();
    for (const table of tables) {
      const paths = files.filter((file) => file.table === table.name).map(({ path }) => join(tape, path));
      dump.set(table.name, paths.length === 0 ? [] : await parquetLines(connection, table, paths, options));
    }
    return dump;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function parquetLines(
  connection: DuckDBConnection,
  table: Table,
  paths: readonly string[],
  { recorder }: DumpOptions,
): Promise<string[]> {
  const list = paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(", ");
  const cells = table.columns.map((column) => `coalesce(${parquetCell(column)}, '${NULL}')`);
  const result = await connection.stream(
    `SELECT concat_ws('|', ${cells.join(", ")}) FROM read_parquet([${list}], hive_partitioning = true, hive_types = {'venue': VARCHAR, 'date': DATE})
     ${recorder === undefined ? "" : `WHERE recorder = ${recorder}`} ORDER BY recorder, frame, n`,
  );
  const lines: string[] = [];
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const cell of chunk.getColumnValues(0)) lines.push(cell as string);
  }
  return lines;
}

function parquetCell({ name, type }: Column): string {
  const millionths = (of: string) => `CAST(CAST(${of} * 1000000 AS HUGEINT) AS VARCHAR)`;
  switch (type) {
    case "price":
    case "size":
    case "usd":
    case "strike":
      return millionths(`CAST("${name}" AS DECIMAL(30,6))`);
    case "spot":
      return `CAST(CAST(CAST("${name}" AS DECIMAL(36,8)) * 100000000 AS HUGEINT) AS VARCHAR)`;
    case "timestamp":
      return `strftime("${name}", '%Y-%m-%d %H:%M:%S.%f')`;
    case "boolean":
      return `CAST(CAST("${name}" AS INTEGER) AS VARCHAR)`;
    case "levels":
      return `CASE WHEN "${name}" IS NOT NULL THEN '[' || array_to_string(list_transform("${name}", lambda level: ${millionths("CAST(level.price AS DECIMAL(30,6))")} || '@' || ${millionths("CAST(level.size AS DECIMAL(30,6))")}), ' ') || ']' END`;
    default:
      return `replace(CAST("${name}" AS VARCHAR), chr(10), '\\n')`;
  }
}

/** Dumps a SQLite sink's tables, all rows, not only those of the plain names. */
export function dumpSqlite(path: string, { recorder }: DumpOptions = {}): Dump {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const where = recorder === undefined ? "" : `WHERE recorder = ${recorder}`;
    return new Map(
      tables.map((table) => {
        const cells = table.columns.map((column) => `coalesce(${sqliteCell(column)}, '${NULL}')`);
        const sql = `SELECT ${cells.join(" || '|' || ")} AS line FROM "${storedName(table)}" ${where} ORDER BY recorder, frame, n`;
        return [
          table.name,
          db
            .prepare(sql)
            .all()
            .map(({ line }) => line as string),
        ];
      }),
    );
  } finally {
    db.close();
  }
}

function sqliteCell({ name, type }: Column): string {
  const millionths = (of: string) => `CAST(CAST(round(${of} * 1000000) AS INTEGER) AS TEXT)`;
  switch (type) {
    case "price":
    case "size":
    case "usd":
    case "strike":
      return millionths(`"${name}"`);
    case "spot":
      return `CAST(CAST(round("${name}" * 100000000) AS INTEGER) AS TEXT)`;
    case "levels":
      return `CASE WHEN "${name}" IS NOT NULL THEN '[' || (SELECT coalesce(group_concat(${millionths("value ->> 'price'")} || '@' || ${millionths("value ->> 'size'")}, ' '), '') FROM json_each("${name}")) || ']' END`;
    default:
      return `replace(CAST("${name}" AS TEXT), char(10), '\\n')`;
  }
}

/** A hash over all tables and rows in order. */
export function dumpHash(dump: Dump): string {
  const hash = createHash("sha256");
  for (const [table, lines] of dump) {
    hash.update(`${table} ${lines.length}\n`);
    for (const line of lines) hash.update(line).update("\n");
  }
  return hash.digest("hex").slice(0, 16);
}

export function rowCount(dump: Dump): number {
  return [...dump.values()].reduce((sum, lines) => sum + lines.length, 0);
}

/** Throws `Failure` with the first difference of two dumps. */
export function mustEqual(what: string, actual: Dump, expected: Dump): void {
  for (const [table, wanted] of expected) {
    const found = actual.get(table) ?? [];
    const at = wanted.findIndex((line, i) => line !== found[i]);
    if (at < 0 && found.length === wanted.length) continue;
    const row = at < 0 ? wanted.length : at;
    throw new Failure(
      `${what}: ${table} differs at row ${row} (${found.length} rows, expected ${wanted.length})\n` +
        `  found    ${found[row] ?? "nothing"}\n  expected ${wanted[row] ?? "nothing"}`,
    );
  }
}

/** Throws `Failure` where two rows have one identity (recorder, frame, n). */
export function mustBeUnique(what: string, dump: Dump): void {
  for (const [table, lines] of dump) {
    const keys = new Set(lines.map((line) => line.split("|").slice(-3).join("|")));
    if (keys.size < lines.length) throw new Failure(`${what}: ${table} has ${lines.length - keys.size} rows twice`);
  }
}
