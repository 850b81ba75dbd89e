import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { Instruments } from "../model/instrument.ts";
import { StorageError } from "../ops/errors.ts";
import { TableBuffer } from "../tables/buffer.ts";
import { orderbookSnapshots, trades } from "../tables/schema.ts";
import { sharedBytes } from "../tables/shared-rows.ts";
import { readManifest } from "./parquet/manifest.ts";
import type { JournalIdentity, RowBatch } from "./sink.ts";
import { ThreadedSink } from "./threaded-sink.ts";

const identity: JournalIdentity = { journal: "1".repeat(32), name: "main", recorder: 7, host: "here", since: 1 };
const DAY = 20_778;

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-threaded-sink-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A segment of one trade. */
function segment(instruments: Instruments, number: number): RowBatch {
  const buffer = new TableBuffer(trades);
  const at = buffer.add(instruments.get("kalshi", `M${number}`, "yes"), DAY, number, 0);
  for (const column of buffer.columns) if (column.kind === "number") column.values[at] = 1;
  const [firstFrame, lastFrame] = [number, number];
  return { segment: number, firstFrame, lastFrame, lastCrc: 1, tables: [buffer], interpreter: 1, last: true };
}

test("more segments than may be under way all arrive, in order", async (t) => {
  const tape = scratch(t);
  const instruments = new Instruments();
  {
    await using sink = new ThreadedSink({ type: "parquet", tape }, instruments);
    await sink.open(identity);
    for (let number = 1; number <= 30; number++) await sink.write(segment(instruments, number));
    await sink.flush();
  }
  const entries = [...(readManifest(tape, "main")?.entries.values() ?? [])];
  assert.deepEqual(
    entries.map(({ segment: of, files }) => [of, files.map(({ rows }) => rows)]),
    Array.from({ length: 30 }, (_, i) => [i + 1, [1]]),
  );
});

test("batches of whole books, which share one room, arrive among the others in order", async (t) => {
  const tape = scratch(t);
  const instruments = new Instruments();
  const levels = Array.from({ length: 200_000 }, (_, i) => i + 1);
  const books = new TableBuffer(orderbookSnapshots);
  for (const outcome of ["yes", "no"]) {
    const at = books.add(instruments.get("kalshi", "M", outcome), DAY, 1, books.length);
    for (const column of books.columns) {
      if (column.kind === "number") column.values[at] = 1;
      else if (column.kind === "levels") column.set(at, { prices: levels, sizes: levels });
    }
  }
  assert.ok(sharedBytes([books]) > 8 * 1024 * 1024);
  {
    await using sink = new ThreadedSink({ type: "parquet", tape }, instruments);
    await sink.open(identity);
    for (let number = 1; number <= 3; number++) {
      const small = segment(instruments, number);
      await sink.write({ ...small, tables: [...small.tables, books] });
    }
    await sink.flush();
  }
  const entries = [...(readManifest(tape, "main")?.entries.values() ?? [])];
  assert.deepEqual(
    entries.map(({ segment: of, files }) => [of, files.map(({ table, rows }) => [table, rows])]),
    [1, 2, 3].map((of) => [
      of,
      [
        ["trades", 1],
        ["orderbook_snapshots", 2],
      ],
    ]),
  );
});

test("a segment that cannot be written is told in its own words at the next call, and none after it is taken", async (t) => {
  const tape = scratch(t);
  const instruments = new Instruments();
  // A file stands where a directory belongs; permissions do not stop root.
  mkdirSync(join(tape, "tables"));
  writeFileSync(join(tape, "tables/trades"), "");
  const isTold = (error: unknown): boolean =>
    error instanceof StorageError && error.message.startsWith("cannot write ") && error.message.includes("trades");
  {
    await using sink = new ThreadedSink({ type: "parquet", tape }, instruments);
    await sink.open(identity);
    await sink.write(segment(instruments, 1));
    await assert.rejects(sink.flush(), isTold);
    await assert.rejects(sink.write(segment(instruments, 2)), isTold);
    rmSync(join(tape, "tables/trades"));
    await assert.rejects(sink.write(segment(instruments, 3)), isTold);
  }
  assert.equal(readManifest(tape, "main")?.entries.size, 0);
});

test("what was written before the end is in the tables without a flush", async (t) => {
  const tape = scratch(t);
  const instruments = new Instruments();
  {
    await using sink = new ThreadedSink({ type: "parquet", tape }, instruments);
    await sink.open(identity);
    await sink.write(segment(instruments, 1));
  }
  assert.equal(readManifest(tape, "main")?.entries.size, 1);
});

test("a SQLite sink on its thread: rows and checkpoint are there, and what it covers is ignored", async (t) => {
  const path = join(scratch(t), "rows.sqlite");
  const instruments = new Instruments();
  for (const _ of ["once", "again"]) {
    await using sink = new ThreadedSink({ type: "sqlite", path, tables: "all" }, instruments);
    await sink.open(identity);
    for (let number = 1; number <= 30; number++) await sink.write(segment(instruments, number));
    await sink.flush();
  }
  await using sink = new ThreadedSink({ type: "sqlite", path, tables: "all" }, instruments);
  assert.equal(sink.id, `sqlite:${path}`);
  assert.deepEqual(await sink.open(identity), { journal: identity.journal, frame: 30, crc: 1 });
  using database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare("SELECT market_id, frame FROM trades_history ORDER BY frame").all();
  assert.deepEqual(
    rows.map(({ market_id: market, frame }) => [market, frame]),
    Array.from({ length: 30 }, (_, i) => [`M${i + 1}`, i + 1]),
  );
});

test("a sink that was never opened says so, and can be put away", async (t) => {
  await using sink = new ThreadedSink({ type: "parquet", tape: scratch(t) }, new Instruments());
  await assert.rejects(sink.flush(), /not open/);
});
