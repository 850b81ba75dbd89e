import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { Instruments } from "../../model/instrument.ts";
import { StorageError } from "../../ops/errors.ts";
import { TableBuffer } from "../../tables/buffer.ts";
import { orderbookSnapshots, trades, type Table } from "../../tables/schema.ts";
import type { JournalIdentity, RowBatch } from "../sink.ts";
import { manifestPath, readManifest } from "./manifest.ts";
import { ParquetSink } from "./parquet-sink.ts";

const identity: JournalIdentity = { journal: "1".repeat(32), name: "main", recorder: 7, host: "here", since: 1 };
const DAY = 20_778;

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-parquet-sink-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

interface Row {
  readonly frame: number;
  readonly market: string;
  readonly venue?: string;
  readonly outcome?: string;
  readonly day?: number;
}

class Feed {
  readonly instruments = new Instruments();

  /** One whole segment of trades, or of another table, with these rows. */
  segment(number: number, rows: readonly Row[], table: Table = trades, depth = 1): RowBatch {
    const prices = Array.from({ length: depth }, (_, level) => 480_000 - level);
    const buffer = new TableBuffer(table);
    for (const [n, { frame, market, venue = "kalshi", outcome = "yes", day = DAY }] of rows.entries()) {
      const row = buffer.add(this.instruments.get(venue, market, outcome), day, frame, n);
      for (const column of buffer.columns) {
        if (column.kind === "number") column.values[row] = Number.NaN;
        else if (column.kind === "text") column.values[row] = null;
        else column.set(row, { prices, sizes: prices.map(() => frame) });
      }
    }
    const [firstFrame, lastFrame] = [number * 100, number * 100 + 99];
    return { segment: number, firstFrame, lastFrame, lastCrc: number, tables: [buffer], interpreter: 1, last: true };
  }

  sink(tape: string, memory: { readonly memory?: number; readonly mostMemory?: number } = {}): ParquetSink {
    return new ParquetSink({ tape, ...memory });
  }

  async write(tape: string, ...segments: readonly RowBatch[]): Promise<void> {
    await using sink = this.sink(tape);
    await sink.open(identity);
    for (const segment of segments) await sink.write(segment);
    await sink.flush();
  }

  async replace(tape: string, segment: RowBatch): Promise<void> {
    await using sink = this.sink(tape);
    await sink.open(identity);
    await sink.beginReplace();
    await sink.write(segment);
    await sink.endReplace();
  }
}

function files(tape: string): string[] {
  return readdirSync(join(tape, "tables"), { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => join(item.parentPath, item.name).slice(tape.length + 1))
    .toSorted();
}

function live(tape: string): string[] {
  return [...(readManifest(tape, "main")?.entries.values() ?? [])]
    .flatMap((entry) => entry.files.map(({ path }) => path))
    .toSorted();
}

async function column(tape: string, path: string, sql: string): Promise<unknown[]> {
  const duckdb = await DuckDBInstance.create(":memory:");
  const connection = await duckdb.connect();
  const reader = await connection.runAndReadAll(
    `SELECT ${sql} FROM read_parquet('${join(tape, path)}', hive_partitioning = false)`,
  );
  connection.closeSync();
  duckdb.closeSync();
  return reader.getRowsJS().map((row) => (row.length === 1 ? row[0] : row.map(String).join(" ")));
}

test("a file per venue and day, its rows by market, outcome and time", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  for (const table of [trades, orderbookSnapshots]) {
    const rows: Row[] = [
      { frame: 101, market: "B" },
      { frame: 102, market: "A" },
      { frame: 103, market: "B", outcome: "no" },
      { frame: 104, market: "A" },
      { frame: 105, market: "C", day: DAY + 1 },
      { frame: 106, market: "0x", venue: "polymarket", outcome: "1" },
      { frame: 107, market: "B" },
    ];
    const number = table === trades ? 1 : 2;
    await feed.write(tape, feed.segment(number, rows, table));
    const name = `7-000000000${number}-0.parquet`;
    const paths = live(tape).filter((path) => path.startsWith(`tables/${table.name}/`));
    assert.deepEqual(paths, [
      `tables/${table.name}/venue=kalshi/date=2026-11-21/${name}`,
      `tables/${table.name}/venue=kalshi/date=2026-11-22/${name}`,
      `tables/${table.name}/venue=polymarket/date=2026-11-21/${name}`,
    ]);
    const order = await column(tape, paths[0]!, "market_id, outcome_id, frame");
    assert.deepEqual(order, ["A yes 102", "A yes 104", "B no 103", "B yes 101", "B yes 107"]);
  }
  assert.deepEqual(files(tape), live(tape));
});

test("the manifest says of each file what it holds", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  await feed.write(
    tape,
    feed.segment(1, [
      { frame: 101, market: "A" },
      { frame: 102, market: "B" },
    ]),
  );
  const entry = readManifest(tape, "main")!.entries.get(1)!;
  const [file] = entry.files;
  assert.deepEqual([entry.firstFrame, entry.lastFrame, entry.lastCrc, entry.revision], [100, 199, 1, 0]);
  assert.equal(file?.rows, 2);
  assert.equal(file.bytes, statSync(join(tape, file.path)).size);
  assert.match(file.sha256, /^[0-9a-f]{64}$/);
});

test("a segment without rows is published too", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  await feed.write(tape, feed.segment(1, []), feed.segment(2, [{ frame: 201, market: "A" }]));
  assert.deepEqual([...readManifest(tape, "main")!.entries.keys()], [1, 2]);
});

test("opening removes this recorder's files that no manifest names, and no other's", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  await feed.write(tape, feed.segment(1, [{ frame: 101, market: "A" }]));
  const [path] = live(tape);
  const dir = join(tape, dirname(path!));
  const orphans = ["7-0000000002-0.parquet", "7-0000000002-0.parquet.tmp", "7-0000000001-1.parquet"];
  const others = ["77-0000000002-0.parquet", "notes.txt"];
  for (const name of [...orphans, ...others]) writeFileSync(join(dir, name), "x");
  await feed.write(tape);
  assert.deepEqual(readdirSync(dir).toSorted(), ["7-0000000001-0.parquet", ...others].toSorted());
});

test("a crash between the rename and the commit leaves the segment unpublished, and it is published again", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  await feed.write(tape, feed.segment(1, [{ frame: 101, market: "A" }]));
  const committed = statSync(manifestPath(tape, "main")).size;
  await feed.write(tape, feed.segment(2, [{ frame: 201, market: "A" }]));
  truncateSync(manifestPath(tape, "main"), committed);
  assert.equal(live(tape).length, 1);
  assert.equal(files(tape).length, 2);
  await using sink = feed.sink(tape);
  assert.deepEqual(await sink.open(identity), { journal: identity.journal, frame: 199, crc: 1 });
  assert.deepEqual(files(tape), live(tape));
  await sink.write(feed.segment(2, [{ frame: 202, market: "B" }]));
  await sink.flush();
  assert.deepEqual(files(tape), live(tape));
  assert.deepEqual(await column(tape, live(tape)[1]!, "market_id"), ["B"]);
});

test("a replacement has a new name; the old file goes after the commit, even if it is gone already", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  await feed.write(
    tape,
    feed.segment(1, [{ frame: 101, market: "A" }]),
    feed.segment(2, [{ frame: 201, market: "A" }]),
  );
  const [old] = live(tape);
  const kept = join(scratch(t), "kept");
  copyFileSync(join(tape, old!), kept);
  const before = readFileSync(kept);
  await feed.replace(
    tape,
    feed.segment(1, [
      { frame: 101, market: "B" },
      { frame: 102, market: "C" },
    ]),
  );
  assert.equal(existsSync(join(tape, old!)), false);
  assert.ok(live(tape)[0]!.endsWith("7-0000000001-1.parquet"));
  assert.deepEqual(files(tape), live(tape));
  assert.deepEqual(readFileSync(kept), before);

  rmSync(join(tape, live(tape)[0]!));
  await feed.replace(tape, feed.segment(1, [{ frame: 103, market: "D" }]));
  assert.deepEqual(files(tape), live(tape));
  assert.deepEqual(await column(tape, live(tape)[0]!, "market_id"), ["D"]);
});

test("a file that cannot be written rejects, and nothing of its segment is visible", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  await feed.write(tape, feed.segment(1, [{ frame: 101, market: "A" }]));
  // A file stands where the directory of the second day belongs; permissions do not stop root.
  const blocked = join(tape, "tables/trades/venue=kalshi/date=2026-11-22");
  writeFileSync(blocked, "");
  const rows: Row[] = [
    { frame: 201, market: "A" },
    { frame: 202, market: "A", day: DAY + 1 },
  ];
  const isTold = (error: unknown): boolean =>
    error instanceof StorageError &&
    error.message.startsWith("cannot write ") &&
    error.message.includes("date=2026-11-22");
  {
    await using sink = feed.sink(tape);
    await sink.open(identity);
    await sink.write(feed.segment(2, rows));
    await assert.rejects(sink.flush(), isTold);
    await assert.rejects(sink.write(feed.segment(3, rows)), isTold);
  }
  assert.deepEqual([...readManifest(tape, "main")!.entries.keys()], [1]);
  rmSync(blocked);
  await feed.write(tape, feed.segment(2, rows));
  assert.deepEqual([...readManifest(tape, "main")!.entries.keys()], [1, 2]);
  assert.deepEqual(files(tape), live(tape));
});

test("a tape whose path has a quote in it is a tape", async (t) => {
  const tape = join(scratch(t), "it's");
  mkdirSync(tape);
  const feed = new Feed();
  await feed.write(
    tape,
    feed.segment(1, [
      { frame: 101, market: "O'Neil", venue: "polymarket" },
      { frame: 102, market: "A" },
    ]),
  );
  assert.deepEqual(files(tape), live(tape));
  assert.equal(live(tape).length, 2);
});

test("a segment that needs more memory than DuckDB was given gets it, up to a limit that is told", async (t) => {
  const tape = scratch(t);
  const feed = new Feed();
  const rows = Array.from({ length: 12_000 }, (_, i) => ({ frame: 101 + (i % 90), market: `M${i}` }));
  const batches = [feed.segment(1, rows, orderbookSnapshots, 100), feed.segment(2, rows, trades)];
  {
    await using poor = feed.sink(tape, { memory: 12, mostMemory: 12 });
    await poor.open(identity);
    await assert.rejects(
      async () => {
        for (const batch of batches) await poor.write(batch);
        await poor.flush();
      },
      (error: Error) => /memory|allocate/i.test(error.message),
    );
  }
  {
    await using sink = feed.sink(tape, { memory: 12 });
    await sink.open(identity);
    for (const batch of batches) await sink.write(batch);
    await sink.flush();
  }
  assert.deepEqual(files(tape), live(tape));
  const [snapshots, others] = live(tape);
  assert.deepEqual(await column(tape, snapshots!, "count(DISTINCT market_id)::INTEGER"), [12_000]);
  assert.deepEqual(await column(tape, others!, "count(DISTINCT market_id)::INTEGER"), [12_000]);
});
