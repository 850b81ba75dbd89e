import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { readState } from "../interpret/state-file.ts";
import { Interpretation } from "../interpret/interpretation.ts";
import {
  copyTape,
  openSession,
  preambleOf,
  readSegments,
  recordEvening,
  scratch,
  Script,
} from "../interpret/session.fixture.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { readPreamble } from "../journal/reader.ts";
import { Instruments } from "../model/instrument.ts";
import { StorageError } from "../ops/errors.ts";
import { readManifest } from "../sinks/parquet/manifest.ts";
import { ParquetSink } from "../sinks/parquet/parquet-sink.ts";
import type { RowBatch, Sink } from "../sinks/sink.ts";
import { SqliteSink } from "../sinks/sqlite/sqlite-sink.ts";
import { tables } from "../tables/schema.ts";
import { INTERPRETER_VERSION } from "../tables/version.ts";
import { venues } from "../venues/index.ts";
import type { Venue } from "../venues/venue.ts";
import { Projector, type ProjectorOptions } from "./projector.ts";

const never = new AbortController().signal;
const eachSegment = { ms: 0, segments: 1 };
const parquet = (tape: string) => (): Sink => new ParquetSink({ tape });
const sqlite = (tape: string) => (): Sink => new SqliteSink({ path: join(tape, "rows.sqlite"), tables: "all" });

function open(tape: string, options: Partial<ProjectorOptions> = {}): Promise<Projector | null> {
  return Projector.open({
    tape,
    name: "main",
    venues,
    sinks: () => [parquet(tape)(), sqlite(tape)()],
    stateEvery: eachSegment,
    ...options,
  });
}

/** Projects to the journal's end, or until this many batches were taken. */
async function project(tape: string, options: Partial<ProjectorOptions> = {}, batches = Infinity): Promise<void> {
  const abort = new AbortController();
  let taken = 0;
  await using projector = await open(tape, {
    onProgress: () => {
      if (++taken >= batches) abort.abort();
    },
    ...options,
  });
  assert.ok(projector !== null);
  await projector.run({ follow: false, signal: abort.signal });
}

async function evening(t: TestContext): Promise<string> {
  const tape = scratch(t);
  await using journal = await openSession(tape);
  await recordEvening(journal);
  return tape;
}

/** A tape with the same journal and nothing else. */
function again(t: TestContext, tape: string): string {
  const copy = copyTape(tape, join(scratch(t), "copy"));
  for (const name of readdirSync(copy)) if (name !== "journal") rmSync(join(copy, name), { recursive: true });
  return copy;
}

/** What the manifest says, without what may differ between equal tables. */
function published(tape: string): unknown[] {
  return [...(readManifest(tape, "main")?.entries.values() ?? [])]
    .toSorted((a, b) => a.segment - b.segment)
    .map(({ publishedAt: _, revision: __, files, ...entry }) => ({
      ...entry,
      files: files.map(({ table, venue, date, rows }) => `${table} ${venue} ${date} ${rows}`).toSorted(),
    }));
}

/** Every row of every table file that the manifest names. */
async function fileRows(tape: string): Promise<Record<string, unknown[][]>> {
  const files = [...(readManifest(tape, "main")?.entries.values() ?? [])].flatMap((entry) => entry.files);
  const duckdb = await DuckDBInstance.create(":memory:");
  const connection = await duckdb.connect();
  const found: Record<string, unknown[][]> = {};
  for (const { name } of tables) {
    const paths = files.filter(({ table }) => table === name).map(({ path }) => `'${join(tape, path)}'`);
    if (paths.length === 0) continue;
    const reader = await connection.runAndReadAll(
      `SELECT * FROM read_parquet([${paths.join()}], hive_partitioning = true) ORDER BY frame, n`,
    );
    found[name] = reader.getRowsJson();
  }
  connection.closeSync();
  duckdb.closeSync();
  return found;
}

/** Every row of every table in the SQLite file. */
function sqlRows(tape: string): Record<string, unknown[]> {
  using database = new DatabaseSync(join(tape, "rows.sqlite"), { readOnly: true });
  const found: Record<string, unknown[]> = {};
  for (const { name, naturalKey } of tables) {
    const rows = database
      .prepare(`SELECT * FROM "${naturalKey === null ? name : `${name}_history`}" ORDER BY frame, n`)
      .all();
    if (rows.length > 0) found[name] = rows;
  }
  return found;
}

async function assertSame(tape: string, expected: string): Promise<void> {
  assert.deepEqual(published(tape), published(expected));
  assert.deepEqual(await fileRows(tape), await fileRows(expected));
  assert.deepEqual(sqlRows(tape), sqlRows(expected));
}

test("a stop is heard while records are read that every sink has already", async (t) => {
  const tape = await evening(t);
  const abort = new AbortController();
  await using projector = await open(tape, { sinks: () => [], onProgress: () => setImmediate(() => abort.abort()) });
  assert.ok(projector !== null);
  await projector.run({ follow: false, signal: abort.signal });
  const [first, second] = listSegments(journalDir(tape, "main"));
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(projector.frame, (readPreamble(second)?.frame ?? 0) - 1, "it stopped behind the first segment");
});

test("every segment is published, with every frame in order", async (t) => {
  const tape = await evening(t);
  await project(tape);
  const entries = [...readManifest(tape, "main")!.entries.values()];
  assert.deepEqual(
    entries.map(({ segment }) => segment),
    listSegments(journalDir(tape, "main")).map(({ segment }) => segment),
  );
  for (const [i, entry] of entries.entries()) assert.equal(entry.firstFrame, (entries[i - 1]?.lastFrame ?? 0) + 1);
  const [files, sql] = [await fileRows(tape), sqlRows(tape)];
  const made = tables.map(({ name }) => name);
  assert.deepEqual(Object.keys(files), made);
  for (const name of made) assert.equal(sql[name]?.length, files[name]?.length, name);
});

test("stopped after any batch and started again, the tables are the same", async (t) => {
  const tape = await evening(t);
  await project(tape);
  const segments = listSegments(journalDir(tape, "main")).length;
  for (let batches = 1; batches <= segments; batches += 2) {
    const other = again(t, tape);
    // Stopped at the first time and at every later one.
    await project(other, {}, batches);
    await project(other, {}, 1);
    await project(other);
    await assertSame(other, tape);
  }
});

test("followed while it is written, stopped inside of segments, the tables are the same", async (t) => {
  const tape = scratch(t);
  const journal = await openSession(tape, { segment: 1500 });
  const script = new Script(journal);
  const epoch = script.connect("kalshi");
  let projector: Projector | null = null;
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 3; i++) script.receive(epoch, `frame ${round} ${i} ${"x".repeat(100)}`);
    await journal.durable();
    projector ??= await open(tape);
    await projector?.run({ follow: false, signal: never });
    if (round % 3 !== 1) continue;
    await projector?.[Symbol.asyncDispose]();
    projector = null;
  }
  await journal.close();
  await projector?.[Symbol.asyncDispose]();
  await project(tape);
  const one = again(t, tape);
  await project(one);
  assert.ok(published(one).length >= 3);
  await assertSame(tape, one);
});

test("sinks may stand at different places", async (t) => {
  const tape = await evening(t);
  await project(tape);
  for (const first of [parquet, sqlite]) {
    for (const batches of [2, Infinity]) {
      const other = again(t, tape);
      await project(other, { sinks: () => [first(other)()] }, batches);
      await project(other);
      await assertSame(other, tape);
    }
  }
});

test("the memory at the end of a segment is what the next state file holds; it goes on from the nearest", async (t) => {
  const tape = await evening(t);
  await project(tape);
  const segments = readSegments(tape);
  const preamble = preambleOf(segments[0]!.records);
  const origin = { journal: preamble.journal, interpreter: INTERPRETER_VERSION };
  const interpretation = new Interpretation({ venues, instruments: new Instruments(), preamble, strict: true });
  let compared = 0;
  for (const { segment, records } of segments) {
    for (const record of records) interpretation.read(record);
    interpretation.rows.clear();
    const state = readState(tape, "main", origin, segment + 1);
    if (state?.segment !== segment + 1) continue;
    assert.deepEqual(state.saved, JSON.parse(JSON.stringify(interpretation.save())));
    compared++;
  }
  assert.ok(compared >= 3, `${compared} state files`);

  const starts: number[] = [];
  const last = segments.at(-1)!.segment;
  await project(tape, {
    replace: { fromSegment: last - 1, toSegment: last },
    onProgress: ({ segment }) => starts.push(segment),
  });
  assert.equal(starts[0], last - 1);
});

test("state files of another version are not read", async (t) => {
  const tape = await evening(t);
  await project(tape);
  const last = listSegments(journalDir(tape, "main")).at(-1)!.segment;
  const starts: number[] = [];
  const onProgress = ({ segment }: { segment: number }): void => void starts.push(segment);
  await project(tape, {
    replace: { fromSegment: last, toSegment: last },
    interpreter: INTERPRETER_VERSION + 1,
    onProgress,
  });
  assert.equal(starts[0], 1);
});

test("a journal that ends before the checkpoint is refused in one sentence, for every sink", async (t) => {
  const tape = await evening(t);
  await project(tape);
  const dir = journalDir(tape, "main");
  const files = listSegments(dir);
  for (const { segment } of files.slice(-2)) {
    for (const name of readdirSync(dir).filter((each) => Number(each.slice(0, 10)) === segment))
      rmSync(join(dir, name));
  }
  for (const sink of [parquet, sqlite]) {
    for (const _ of ["once", "again"]) {
      await assert.rejects(
        project(tape, { sinks: () => [sink(tape)()] }),
        (error) =>
          error instanceof StorageError &&
          /^the tables of journal "main" are ahead of it: they reach frame \d+, the journal frame \d+$/.test(
            error.message,
          ) &&
          error.hint !== undefined,
      );
    }
  }
});

test("a journal that has another record at the checkpoint is refused, also where a state file lies behind it", async (t) => {
  const tape = await evening(t);
  await project(tape);
  for (const sink of [parquet, sqlite]) {
    await assert.rejects(
      project(tape, {
        sinks: () => {
          const own = sink(tape)();
          const foreign: Sink = {
            id: own.id,
            async open(identity) {
              const checkpoint = await own.open(identity);
              return checkpoint === null ? null : { ...checkpoint, crc: checkpoint.crc ^ 1 };
            },
            write: (batch) => own.write(batch),
            flush: () => own.flush(),
            beginReplace: (range) => own.beginReplace(range),
            endReplace: () => own.endReplace(),
            [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
          };
          return [foreign];
        },
      }),
      (error) =>
        error instanceof StorageError &&
        error.message === 'the tables of journal "main" were made from another journal of that name',
    );
  }
});

/** Kalshi's interpreter with a correction: it reads no tickers. */
const corrected = venues.map((venue): Venue => {
  if (venue.id !== "kalshi") return venue;
  return {
    ...venue,
    interpreter: ({ instruments, emit }, saved) =>
      venue.interpreter({ instruments, emit: (event) => (event.type === "quote" ? undefined : emit(event)) }, saved),
  };
});

test("a replaced range has the new interpreter's rows, the rest what it had", async (t) => {
  const tape = await evening(t);
  await project(tape);
  const before = [await fileRows(tape), sqlRows(tape)];
  const quoted = readManifest(tape, "main")!
    .entries.values()
    .find(({ files }) => files.some(({ table, venue }) => table === "market_snapshots" && venue === "kalshi"))!;
  const range = { fromSegment: quoted.segment, toSegment: quoted.segment };
  const version = INTERPRETER_VERSION + 1;
  for (const _ of ["once", "again"]) {
    await project(tape, { venues: corrected, interpreter: version, replace: range });
    const inside = ({ frame, venue }: { frame: unknown; venue: unknown }): boolean =>
      Number(frame) >= quoted.firstFrame && Number(frame) <= quoted.lastFrame && venue === "kalshi";
    const [files, sql] = [await fileRows(tape), sqlRows(tape)];
    for (const { name, columns } of tables) {
      if (name !== "market_snapshots") {
        assert.deepEqual(files[name], before[0]![name], name);
        assert.deepEqual(sql[name], before[1]![name], name);
        continue;
      }
      const kept = (before[1]![name] as { frame: unknown; venue: unknown }[]).filter((row) => !inside(row));
      assert.deepEqual(sql[name], kept.length === 0 ? undefined : kept);
      // A file has its venue in its path, so the column stands behind the others.
      assert.equal(files[name]?.length, kept.length === 0 ? undefined : kept.length, String(columns.length));
    }
  }
  const versions = [...readManifest(tape, "main")!.entries.values()].map(({ segment, interpreter }) => [
    segment,
    interpreter,
  ]);
  for (const [segment, interpreter] of versions)
    assert.equal(interpreter, segment === quoted.segment ? version : INTERPRETER_VERSION);
  // And back: the same rows as before.
  await project(tape, { replace: { fromSegment: 1, toSegment: Infinity } });
  assert.deepEqual([await fileRows(tape), sqlRows(tape)], before);
});

test("a sink that fails stops projecting with its reason, and the next start goes on", async (t) => {
  const tape = await evening(t);
  const one = again(t, tape);
  await project(one);
  const blocked = join(tape, "tables", "trades");
  await project(tape, {}, 1);
  rmSync(blocked, { recursive: true, force: true });
  writeFileSync(blocked, "");
  await assert.rejects(
    project(tape),
    (error) => error instanceof StorageError && error.message.startsWith("cannot write "),
  );
  rmSync(blocked);
  await project(tape);
  await assertSame(tape, one);
});

test("a sink that cannot be opened leaves no other open", async (t) => {
  const tape = await evening(t);
  const bad: Sink = {
    id: "bad",
    open: () => Promise.reject(new StorageError("no such database")),
    write: (_: RowBatch) => Promise.resolve(),
    flush: () => Promise.resolve(),
    beginReplace: () => Promise.resolve(),
    endReplace: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await assert.rejects(project(tape, { sinks: () => [parquet(tape)(), bad] }), /^StorageError: no such database$/);
  await project(tape);
});

test("a damaged record costs itself; the segment is published", async (t) => {
  const tape = await evening(t);
  const dir = journalDir(tape, "main");
  const file = listSegments(dir).at(-1)!;
  // The last record of the last segment is cut off: what a crash leaves.
  truncateSync(file.path, 3000);
  await project(tape);
  assert.ok(readManifest(tape, "main")!.entries.has(file.segment));
});

test("there is nothing to project while a journal is empty", async (t) => {
  const tape = scratch(t);
  assert.equal(await open(tape), null);
  assert.equal(existsSync(join(tape, "manifest")), false);
});
