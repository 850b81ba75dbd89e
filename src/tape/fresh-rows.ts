import { setImmediate as turn } from "node:timers/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { scanRecords } from "../journal/codec.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { Follower, identify } from "../journal/reader.ts";
import { Interpretation } from "../interpret/interpretation.ts";
import { readState } from "../interpret/state-file.ts";
import { Instruments } from "../model/instrument.ts";
import type { Micros } from "../model/time.ts";
import { recorderNumber } from "../project/projector.ts";
import type { Manifest } from "../sinks/parquet/manifest.ts";
import { Staging } from "../sinks/parquet/staging.ts";
import { tables } from "../tables/schema.ts";
import { INTERPRETER_VERSION } from "../tables/version.ts";
import type { Venue } from "../venues/venue.ts";

/** A live journal grows while it is read: catching up ends when a round took less than this, or after a few rounds. */
const CAUGHT_UP_MS = 300;
const ROUNDS = 5;

/** Rows of one journal's segments that are in no table file yet. */
export interface FreshRows {
  readonly journal: string;
  /** SQL of the rows by table; with the columns of the table and `date`. */
  readonly selects: ReadonlyMap<string, string>;
  /** A recorder writes this journal now. */
  readonly live: boolean;
  /** Receive time of the last durable record; null for an empty journal. */
  readonly upTo: Micros | null;
}

/**
 * Interprets what is durable of a journal and not in its tables yet, from the nearest state file, into temporary tables
 * of `connection`. Null when there is nothing. Throws `StorageError` for a damaged journal.
 */
export async function stageFreshRows(options: {
  readonly connection: DuckDBConnection;
  readonly tape: string;
  readonly name: string;
  readonly manifest: Manifest | null;
  readonly wanted: ReadonlySet<string>;
  readonly venues: readonly Venue[];
  readonly signal: AbortSignal;
}): Promise<FreshRows | null> {
  const { connection, tape, name, manifest, wanted, signal } = options;
  const dir = journalDir(tape, name);
  const segments = listSegments(dir).map(({ segment }) => segment);
  const isFresh = (segment: number): boolean => !(manifest?.entries.has(segment) ?? false);
  const [oldest] = segments;
  const first = segments.find(isFresh);
  if (oldest === undefined || first === undefined) return null;
  const preamble = identify(dir);
  if (preamble === null) return null;

  const recorder = recorderNumber(preamble.journal);
  const state = readState(tape, name, { journal: preamble.journal, interpreter: INTERPRETER_VERSION }, first);
  const instruments = new Instruments();
  const saved = state === null ? {} : { saved: state.saved };
  const interpretation = new Interpretation({ venues: options.venues, instruments, preamble, ...saved });
  const staged = new Map<string, Staging>();
  for (const table of tables) {
    if (wanted.has(table.name))
      staged.set(table.name, await Staging.create(connection, table, `fresh_${recorder}_${table.name}`));
  }

  using follower = new Follower(dir, { segment: Math.max(state?.segment ?? oldest, oldest), offset: 0 });
  let live = false;
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    const limit = follower.limit();
    live = limit.live;
    for (let batch = follower.next(limit); batch !== null; batch = follower.next(limit)) {
      await turn();
      signal.throwIfAborted();
      scanRecords(batch.buffer, batch.start, batch.end, (record) => interpretation.read(record));
      if (isFresh(batch.segment)) {
        for (const buffer of interpretation.rows.tables) {
          if (buffer.length > 0) staged.get(buffer.table.name)?.append(buffer);
        }
      }
      interpretation.rows.clear();
    }
    if (!live || performance.now() - startedAt < CAUGHT_UP_MS) break;
  }

  const names = `fresh_${recorder}_instruments`;
  await storeInstruments(connection, names, instruments);
  const selects = new Map<string, string>();
  for (const [table, staging] of staged) {
    staging.finish();
    if (staging.rows > 0) selects.set(table, staging.select({ instruments: names, recorder, withDate: true }));
  }
  return { journal: name, selects, live, upTo: interpretation.now || null };
}

/** Writes instruments as the table that `Staging.select` joins. */
export async function storeInstruments(
  connection: DuckDBConnection,
  name: string,
  instruments: Instruments,
): Promise<void> {
  await connection.run(`CREATE TABLE "${name}" (id INTEGER, venue VARCHAR, market_id VARCHAR, outcome_id VARCHAR)`);
  const appender = await connection.createAppender(name);
  for (const { id, venue, market, outcome } of instruments.all) {
    appender.appendInteger(id);
    appender.appendVarchar(venue);
    if (market === "") appender.appendNull();
    else appender.appendVarchar(market);
    if (outcome === null) appender.appendNull();
    else appender.appendVarchar(outcome);
    appender.endRow();
  }
  appender.closeSync();
}
