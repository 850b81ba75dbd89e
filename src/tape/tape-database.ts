import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { blankRecord, decodeRecord, FILE_HEADER_BYTES } from "../journal/codec.ts";
import { journalDir, listJournals, listSegments } from "../journal/layout.ts";
import { identify, readBeginning } from "../journal/reader.ts";
import { Kind, type Started } from "../journal/record.ts";
import { formatTime } from "../model/time.ts";
import { StorageError, UsageError } from "../ops/errors.ts";
import { recorderNumber } from "../project/projector.ts";
import { type Manifest, readManifests } from "../sinks/parquet/manifest.ts";
import { tables } from "../tables/schema.ts";
import { venues } from "../venues/index.ts";
import { type FreshRows, stageFreshRows } from "./fresh-rows.ts";
import type { SeedViewText } from "./seed-views.ts";
import { coverageBounds, coverageSelect, coverageTables, MINUTE } from "./coverage-sql.ts";
import { factView, historyView, literal } from "./views.ts";

/** Tables that `tables/schema.ts` does not list, because no row of them is made from a frame. */
const OWN = ["recorders", "checkpoints", "coverage"] as const;

export interface TapeDatabaseOptions {
  readonly tape: string;
  /** Prepare these views only (names of tables or their `_history`); all without it. */
  readonly wanted?: ReadonlySet<string>;
  /** Leave out what is in no table file yet. */
  readonly filesOnly?: boolean;
  /** A file that statements may write: the only one. */
  readonly output?: string;
  /** Views of the seeds to make, each behind those that it reads; `wanted` has what they read of the tape. */
  readonly seedViews?: readonly SeedViewText[];
  /** The seed's schema whose names come before Foretape's own. */
  readonly schema?: string;
  readonly signal: AbortSignal;
}

/** Names that SQL over a tape can use. */
export const viewNames: readonly string[] = [
  ...tables.flatMap(({ name, naturalKey }) => (naturalKey === null ? [name] : [name, `${name}_history`])),
  ...OWN,
];

/** Throws `UsageError` when the directory is no tape. */
export function checkTape(tape: string): void {
  const found = statSync(tape, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new UsageError(`there is no tape at ${tape}`, {
      hint: "name its directory with --tape, or record one with `foretape record`",
    });
  }
  if (!found.isDirectory()) throw new UsageError(`${tape} is no tape: it is a file`);
}

/**
 * An in-memory DuckDB with a view per table of a tape, also of one that is being written: the manifest's live files and,
 * interpreted on the fly, what is durable in the journal but in no file yet. It can read the tape's tables and nothing
 * else, and its settings are locked.
 */
export class TapeDatabase implements AsyncDisposable {
  readonly connection: DuckDBConnection;
  /** What was interpreted on the fly, by journal. */
  readonly fresh: readonly FreshRows[];
  readonly #instance: DuckDBInstance;
  readonly #spill: string;

  private constructor(
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    spill: string,
    fresh: readonly FreshRows[],
  ) {
    this.#instance = instance;
    this.connection = connection;
    this.#spill = spill;
    this.fresh = fresh;
  }

  /** Throws `UsageError` where there is no tape, `StorageError` where it is damaged. */
  static async open(options: TapeDatabaseOptions): Promise<TapeDatabase> {
    const tape = resolve(options.tape);
    checkTape(tape);
    const spill = mkdtempSync(join(tmpdir(), "foretape-query-"));
    const instance = await DuckDBInstance.create(":memory:", { temp_directory: spill });
    const connection = await instance.connect();
    const database = (fresh: readonly FreshRows[]): TapeDatabase =>
      new TapeDatabase(instance, connection, spill, fresh);
    try {
      const fresh = await prepare(connection, { ...options, tape });
      await createSeedViews(connection, options);
      const allowed = [`${join(tape, "tables")}/`].map(literal).join(", ");
      await connection.run(`SET allowed_directories = [${allowed}]`);
      if (options.output !== undefined)
        await connection.run(`SET allowed_paths = [${literal(resolve(options.output))}]`);
      for (const setting of ["autoinstall_known_extensions", "autoload_known_extensions", "enable_external_access"]) {
        await connection.run(`SET ${setting} = false`);
      }
      await connection.run("SET lock_configuration = true");
      return database(fresh);
    } catch (error) {
      await database([])[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.closeSync();
    this.#instance.closeSync();
    rmSync(this.#spill, { recursive: true, force: true });
  }
}

async function prepare(connection: DuckDBConnection, options: TapeDatabaseOptions): Promise<FreshRows[]> {
  const { tape, signal } = options;
  const named = options.wanted;
  const needed = new Set([...(named ?? []), ...(named?.has("coverage") === true ? coverageTables : [])]);
  const isWanted = (name: string): boolean => named === undefined || needed.has(name);
  const wanted = tables.filter(({ name }) => isWanted(name) || isWanted(`${name}_history`));
  // The manifests first: a segment that is published in between is then read from the journal, never twice or not at all.
  const manifests = new Map(readManifests(tape).map((manifest) => [manifest.identity.name, manifest]));
  const fresh: FreshRows[] = [];
  if (options.filesOnly !== true && wanted.length > 0) {
    for (const name of listJournals(tape)) {
      const manifest = manifests.get(name) ?? null;
      const names = new Set(wanted.map((table) => table.name));
      const rows = await stageFreshRows({ connection, tape, name, manifest, wanted: names, venues, signal });
      if (rows !== null) fresh.push(rows);
    }
  }
  for (const table of wanted) {
    const files = [...manifests.values()].flatMap(({ entries }) =>
      [...entries.values()].flatMap((entry) =>
        entry.files.filter((file) => file.table === table.name).map(({ path }) => path),
      ),
    );
    const selects = fresh.flatMap(({ selects: byTable }) => byTable.get(table.name) ?? []);
    const history = table.naturalKey === null ? table.name : `${table.name}_history`;
    await createView(connection, history, historyView(table, tape, files, selects));
    if (history !== table.name) await createView(connection, table.name, factView(table, history));
  }
  if (isWanted("recorders")) await createView(connection, "recorders", recordersSelect(tape, manifests));
  if (isWanted("checkpoints")) await createView(connection, "checkpoints", checkpointsSelect(manifests));
  if (named?.has("coverage") === true) {
    const [from, last] = await coverageBounds(connection);
    const now = Date.now() * 1000;
    const window = { from, to: fresh.some(({ live }) => live) ? now : last + 1, every: MINUTE };
    await createView(connection, "coverage", coverageSelect(window, {}, now));
  }
  return fresh;
}

/** Each seed in a schema of its own; behind the tape's views, which theirs read as `main`'s. */
async function createSeedViews(
  connection: DuckDBConnection,
  { seedViews = [], schema }: Pick<TapeDatabaseOptions, "seedViews" | "schema">,
): Promise<void> {
  for (const view of seedViews) {
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${view.schema}`);
    await connection.run(`CREATE VIEW ${view.schema}."${view.name}" AS ${view.select}`);
  }
  if (schema !== undefined) await connection.run(`SET search_path = '${schema},main'`);
}

async function createView(connection: DuckDBConnection, name: string, select: string): Promise<void> {
  try {
    await connection.run(`CREATE VIEW "${name}" AS ${select}`);
  } catch (error) {
    throw damaged(error);
  }
}

/** DuckDB's complaint about a table file, as one sentence. */
export function damaged(error: unknown): StorageError {
  const [first = ""] = String(error instanceof Error ? error.message : error).split("\n");
  return new StorageError(
    `a table file cannot be read: ${first.replace(/^(?:IO|Invalid Input|Invalid) Error: /, "")}`,
    {
      cause: error,
      hint: "`foretape verify` says which; `foretape replay` makes it again from the journal",
    },
  );
}

function recordersSelect(tape: string, manifests: ReadonlyMap<string, Manifest>): string {
  const known = new Map<string, string>();
  for (const { identity } of manifests.values()) {
    known.set(identity.journal, recorderRow(identity.recorder, identity.name, identity.journal, null, identity.since));
  }
  for (const name of listJournals(tape)) {
    const preamble = identify(journalDir(tape, name));
    if (preamble === null) continue;
    const host = firstHost(journalDir(tape, name));
    known.set(
      preamble.journal,
      recorderRow(recorderNumber(preamble.journal), name, preamble.journal, host, preamble.wall),
    );
  }
  const columns = "recorder, name, journal, host, since";
  if (known.size === 0)
    return `SELECT NULL::INTEGER recorder, '' AS name, '' AS journal, '' AS host, NULL::TIMESTAMP since WHERE false`;
  return `SELECT ${columns} FROM (VALUES ${[...known.values()].join(", ")}) t(${columns})`;
}

function recorderRow(recorder: number, name: string, journal: string, host: string | null, since: number): string {
  const time = literal(formatTime(since).replace("Z", ""));
  return `(${recorder}::INTEGER, ${literal(name)}, ${literal(journal)}, ${host === null ? "NULL" : literal(host)}, ${time}::TIMESTAMP)`;
}

/** The host that began the journal; null when its beginning cannot be read. */
function firstHost(dir: string): string | null {
  const [file] = listSegments(dir);
  const raw = file === undefined ? Buffer.alloc(0) : readBeginning(file);
  const record = blankRecord();
  const next = decodeRecord(raw, FILE_HEADER_BYTES, raw.length, record);
  if (next < 0 || decodeRecord(raw, next, raw.length, record) < 0 || record.kind !== Kind.started) return null;
  return (JSON.parse(record.payload.toString("utf8")) as Started).host;
}

/** Up to which record the tape's own tables are complete, by recorder. */
function checkpointsSelect(manifests: ReadonlyMap<string, Manifest>): string {
  const columns = "recorder, sink, journal, frame, crc";
  const rows = [...manifests.values()].flatMap(({ identity, entries }) => {
    const last = [...entries.values()].toSorted((a, b) => a.lastFrame - b.lastFrame).at(-1);
    if (last === undefined) return [];
    return [
      `(${identity.recorder}::INTEGER, 'parquet', ${literal(identity.journal)}, ${last.lastFrame}::BIGINT, ${last.lastCrc}::BIGINT)`,
    ];
  });
  if (rows.length === 0)
    return "SELECT NULL::INTEGER recorder, '' AS sink, '' AS journal, NULL::BIGINT frame, NULL::BIGINT crc WHERE false";
  return `SELECT ${columns} FROM (VALUES ${rows.join(", ")}) t(${columns})`;
}
