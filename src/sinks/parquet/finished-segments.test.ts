import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Instruments } from "../../model/instrument.ts";
import { StorageError } from "../../ops/errors.ts";
import { TableBuffer } from "../../tables/buffer.ts";
import { marketColumn, type Table, tables, trades } from "../../tables/schema.ts";
import { type Destination, type PlainRow, testRoundTrip } from "../conformance.ts";
import type { JournalIdentity, RowBatch } from "../sink.ts";
import { FinishedSegments } from "./finished-segments.ts";
import { readManifest } from "./manifest.ts";
import { ParquetSink } from "./parquet-sink.ts";

const dir = mkdtempSync(join(tmpdir(), "foretape-finished-"));
after(() => rmSync(dir, { recursive: true }));
let tapes = 0;
const newTape = (): string => join(dir, String(++tapes));

// What a sink that is behind is given of a tape is what its Parquet sink was given.
testRoundTrip("finished segments", (): Destination => {
  const tape = newTape();
  let read: ReadonlyMap<Table, readonly PlainRow[]> | null = null;
  return {
    sink: () => new ParquetSink({ tape }),
    rows: async (table) => {
      read ??= await readTables(tape);
      return read.get(table) ?? [];
    },
  };
});

async function readTables(tape: string): Promise<ReadonlyMap<Table, readonly PlainRow[]>> {
  using finished = new FinishedSegments(tape, "main");
  const rows = new Map<Table, PlainRow[]>(tables.map((table) => [table, []]));
  for (let at = 0, segment = finished.next(at); segment !== null; segment = finished.next(at)) {
    for await (const buffer of segment.rows(tables, at))
      rows.get(buffer.table)?.push(...plainRows(buffer.table, buffer));
    at = segment.lastFrame;
  }
  for (const each of rows.values())
    each.sort((a, b) => Number(a["frame"]) - Number(b["frame"]) || Number(a["n"]) - Number(b["n"]));
  return rows;
}

function plainRows(table: Table, buffer: TableBuffer): PlainRow[] {
  return Array.from({ length: buffer.length }, (_, row) => {
    const { venue, market, outcome } = buffer.instrument[row]!;
    const own = buffer.columns.map((column) => {
      if (column.kind === "levels") return [column.name, column.get(row)] as const;
      const value = column.values[row] ?? null;
      return [column.name, typeof value === "number" && Number.isNaN(value) ? null : value] as const;
    });
    return {
      venue,
      [marketColumn(table)]: market === "" ? null : market,
      ...(table.columns.some(({ name }) => name === "outcome_id") ? { outcome_id: outcome } : {}),
      ...Object.fromEntries(own),
      recorder: 7,
      frame: buffer.frame[row]!,
      n: buffer.n[row]!,
    };
  });
}

const identity: JournalIdentity = { journal: "1".repeat(32), name: "main", recorder: 7, host: "here", since: 1 };

/** A segment of ten frames with a trade each. */
function segment(instruments: Instruments, number: number): RowBatch {
  const buffer = new TableBuffer(trades);
  const [firstFrame, lastFrame] = [number * 10 - 9, number * 10];
  for (let frame = firstFrame; frame <= lastFrame; frame++) {
    const row = buffer.add(instruments.get("kalshi", `M${frame}`, "yes"), 20_778 + number, frame, 0);
    for (const column of buffer.columns) if (column.kind === "number") column.values[row] = 1;
  }
  return { segment: number, firstFrame, lastFrame, lastCrc: number, tables: [buffer], interpreter: 3, last: true };
}

test("segments come as they are published, from the frame that is asked for", async () => {
  const tape = newTape();
  using finished = new FinishedSegments(tape, "main");
  assert.equal(finished.next(0), null);
  const instruments = new Instruments();
  await using sink = new ParquetSink({ tape });
  await sink.open(identity);
  for (const number of [1, 2]) await sink.write(segment(instruments, number));
  await sink.flush();
  const one = finished.next(0);
  assert.deepEqual([one?.segment, one?.firstFrame, one?.lastFrame, one?.lastCrc, one?.interpreter], [1, 1, 10, 1, 3]);
  const two = finished.next(15);
  assert.equal(two?.segment, 2);
  const frames: number[] = [];
  for await (const buffer of two.rows([trades], 15)) frames.push(...buffer.frame.subarray(0, buffer.length));
  assert.deepEqual(frames, [16, 17, 18, 19, 20]);
  assert.equal(finished.next(20), null);
  await sink.write(segment(instruments, 3));
  await sink.flush();
  assert.equal(finished.next(20)?.segment, 3);
});

test("a table file that is gone is said in one sentence", async () => {
  const tape = newTape();
  const instruments = new Instruments();
  await using sink = new ParquetSink({ tape });
  await sink.open(identity);
  await sink.write(segment(instruments, 1));
  await sink.flush();
  for (const { path } of readManifest(tape, "main")?.entries.get(1)?.files ?? []) rmSync(join(tape, path));
  using finished = new FinishedSegments(tape, "main");
  const rows = finished.next(0)?.rows([trades], 0)[Symbol.asyncIterator]();
  await assert.rejects(
    async () => rows?.next(),
    (error) => error instanceof StorageError && error.message.startsWith("the tape's own tables cannot be read"),
  );
});
