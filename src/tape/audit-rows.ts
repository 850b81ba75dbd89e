import { setImmediate as turn } from "node:timers/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { scanRecords } from "../journal/codec.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { Follower, identify } from "../journal/reader.ts";
import { type JournalRecord, Kind } from "../journal/record.ts";
import { Interpretation } from "../interpret/interpretation.ts";
import { readState } from "../interpret/state-file.ts";
import type { MarketEvent } from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import { recorderNumber } from "../project/projector.ts";
import type { Manifest, ManifestEntry } from "../sinks/parquet/manifest.ts";
import { Staging } from "../sinks/parquet/staging.ts";
import type { TableBuffer } from "../tables/buffer.ts";
import { tables } from "../tables/schema.ts";
import { INTERPRETER_VERSION } from "../tables/version.ts";
import { venues } from "../venues/index.ts";
import type { SegmentFacts } from "./audit-segments.ts";
import { BookAudit } from "./book-audit.ts";
import { type Check, count, Findings } from "./check.ts";
import { FrameAudit } from "./frame-audit.ts";
import { storeInstruments } from "./fresh-rows.ts";
import { literal } from "./views.ts";

/**
 * Interprets a whole journal again and compares: its rows with the stored ones, table by table and segment by segment;
 * its memory with the state files; every received frame with what became of it.
 */
export async function auditRows(options: {
  readonly tape: string;
  readonly name: string;
  readonly manifest: Manifest | null;
  readonly segments: readonly SegmentFacts[];
  readonly connection: DuckDBConnection;
  readonly signal: AbortSignal;
  readonly progress: (frame: number) => void;
}): Promise<Check[]> {
  const { tape, name, manifest, connection, signal } = options;
  const dir = journalDir(tape, name);
  const preamble = identify(dir);
  const oldest = listSegments(dir)[0];
  if (preamble === null || oldest === undefined) return [];
  const recorder = recorderNumber(preamble.journal);
  const instruments = new Instruments();
  const frames = new FrameAudit(name);
  const books = new BookAudit(name);
  const observe = (event: MarketEvent, _at: number | null, frame: number): void => {
    frames.event();
    books.event(event, frame, interpretation);
  };
  const interpretation = new Interpretation({ venues, instruments, preamble, observe });
  const comparison = new Comparison({ tape, name, connection, recorder, instruments });
  const state = new Findings("state", name);
  let states = 0;
  const damaged = options.segments.find((facts) => facts.damaged)?.segment ?? Infinity;

  using follower = new Follower(dir, { segment: oldest.segment, offset: 0 });
  const limit = follower.limit();
  for (let batch = follower.next(limit); batch !== null; batch = follower.next(limit)) {
    await turn();
    signal.throwIfAborted();
    let last = 0;
    scanRecords(batch.buffer, batch.start, batch.end, (record: JournalRecord) => {
      const before = rowCount(interpretation.rows.tables);
      frames.begin(record, interpretation.rows.tables);
      interpretation.read(record);
      if (record.kind === Kind.received)
        frames.end(record, interpretation.rows.tables, rowCount(interpretation.rows.tables) - before);
      last = record.frame;
    });
    const entry = manifest?.entries.get(batch.segment);
    const comparable = entry?.interpreter === INTERPRETER_VERSION && batch.segment < damaged;
    if (comparable) await comparison.take(interpretation.rows.tables);
    interpretation.rows.clear();
    options.progress(last);
    if (!batch.last) continue;
    if (comparable) await comparison.finish(entry);
    const origin = { journal: preamble.journal, interpreter: INTERPRETER_VERSION };
    const saved = readState(tape, name, origin, batch.segment + 1);
    if (saved?.segment !== batch.segment + 1) continue;
    states++;
    if (JSON.stringify(saved.saved) !== JSON.stringify(interpretation.save()))
      state.fail(`the state before segment ${saved.segment} is not the one reached again`);
  }
  if (damaged !== Infinity) comparison.findings.note(`not compared from segment ${damaged} on, which is damaged`);
  const checks = [
    comparison.findings.result(
      `${count(comparison.rows, "row")} of ${count(comparison.segments, "segment")} equal those interpreted again`,
    ),
    frames.result(),
    frames.sequences.result(
      `${count(frames.sequenced, "numbered message")}, ${count(frames.jumps, "jump")}, each with a gap or quarantine row`,
    ),
    books.result(interpretation),
  ];
  return states > 0
    ? [...checks, state.result(`${count(states, "state file")} equal the memory reached again`)]
    : checks;
}

function rowCount(buffers: readonly TableBuffer[]): number {
  let sum = 0;
  for (const { length } of buffers) sum += length;
  return sum;
}

interface ComparisonOptions {
  readonly tape: string;
  readonly name: string;
  readonly connection: DuckDBConnection;
  readonly recorder: number;
  readonly instruments: Instruments;
}

/** Gathers a segment's rows and compares them with its files. */
class Comparison {
  readonly findings: Findings;
  rows = 0;
  segments = 0;
  readonly #options: ComparisonOptions;
  #staged = new Map<string, Staging>();

  constructor(options: ComparisonOptions) {
    this.#options = options;
    this.findings = new Findings("rows", options.name);
  }

  async take(buffers: readonly TableBuffer[]): Promise<void> {
    for (const buffer of buffers) {
      if (buffer.length === 0) continue;
      const { name } = buffer.table;
      let staging = this.#staged.get(name);
      if (staging === undefined) {
        staging = await Staging.create(this.#options.connection, buffer.table, `again_${name}`);
        this.#staged.set(name, staging);
      }
      staging.append(buffer);
    }
  }

  async finish(entry: ManifestEntry): Promise<void> {
    const { connection, instruments } = this.#options;
    await connection.run('DROP TABLE IF EXISTS "again_instruments"');
    await storeInstruments(connection, "again_instruments", instruments);
    for (const { name } of tables) {
      const staging = this.#staged.get(name);
      const files = entry.files.filter(({ table }) => table === name);
      staging?.finish();
      if (staging !== undefined || files.length > 0)
        await this.#compare(
          name,
          staging,
          files.map(({ path }) => path),
          entry.segment,
        );
      if (staging !== undefined) await connection.run(`DROP TABLE "${staging.name}"`);
    }
    this.#staged = new Map();
    this.segments++;
  }

  async #compare(name: string, staging: Staging | undefined, files: readonly string[], segment: number): Promise<void> {
    const { connection, tape, recorder } = this.#options;
    const columns = [
      ...(tables.find((table) => table.name === name)?.columns ?? []).map((column) => `"${column.name}"`),
      "date",
    ].join(", ");
    const paths = files.map((file) => literal(join(tape, file))).join(", ");
    const stored =
      files.length === 0
        ? null
        : `SELECT ${columns} FROM read_parquet([${paths}], hive_partitioning = true, hive_types = {'venue': VARCHAR, 'date': DATE})`;
    const again =
      staging === undefined
        ? null
        : `SELECT ${columns} FROM (${staging.select({ instruments: "again_instruments", recorder, withDate: true })})`;
    const digest = async (select: string | null): Promise<string> => {
      if (select === null) return "0 rows";
      const [row = []] = (
        await connection.runAndReadAll(`SELECT count(*), sum(hash(${columns})::HUGEINT) FROM (${select})`)
      ).getRows();
      return `${String(row[0])} rows, ${String(row[1])}`;
    };
    try {
      const [before, after] = [await digest(stored), await digest(again)];
      this.rows += staging?.rows ?? 0;
      if (before === after) return;
      let where = "";
      if (stored !== null && again !== null) {
        const [row = []] = (
          await connection.runAndReadAll(
            `SELECT min(frame) FROM ((${stored} EXCEPT ALL ${again}) UNION ALL (${again} EXCEPT ALL ${stored}))`,
          )
        ).getRows();
        where = `, first at frame ${String(row[0])}`;
      }
      this.findings.fail(
        `${name}, segment ${segment}: stored ${before.split(",")[0]}, interpreted again ${after.split(",")[0]}, they differ${where}`,
      );
    } catch (error) {
      this.findings.fail(
        `${name}, segment ${segment}: ${String(error instanceof Error ? error.message : error).split("\n")[0]}`,
      );
    }
  }
}
