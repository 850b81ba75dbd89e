import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Instruments } from "../../model/instrument.ts";
import { TableBuffer } from "../../tables/buffer.ts";
import { trades } from "../../tables/schema.ts";
import { CatchingUpSink } from "../catching-up-sink.ts";
import { ParquetSink } from "../parquet/parquet-sink.ts";
import type { JournalIdentity, RowBatch } from "../sink.ts";
import { ThreadedSink } from "../threaded-sink.ts";
import { startCuttingProxy } from "./cutting-proxy.fixture.ts";
import { startServer } from "./server.fixture.ts";

const identity: JournalIdentity = { journal: "1".repeat(32), name: "main", recorder: 7, host: "here", since: 1 };
const FRAMES = 10;

test(
  "a database that is gone while segments are recorded catches up from their files, exactly",
  { timeout: 60_000 },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "foretape-postgres-catching-up-"));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    await using server = await startServer();
    const database = await server.create();
    const proxy = await startCuttingProxy(server.port);
    const url = server.url(database).replace(`:${server.port}/`, `:${proxy.port}/`);
    const instruments = new Instruments();
    const tape = join(dir, "tape");
    await using parquet = new ParquetSink({ tape });
    await parquet.open(identity);
    await using sink = new CatchingUpSink({
      tape,
      make: () => new ThreadedSink({ type: "postgres", url, tables: "all" }, instruments),
      check: () => undefined,
      onTrouble: () => undefined,
      patienceMs: 100,
      openingMs: 30_000,
      retry: { minMs: 50, maxMs: 200 },
    });
    await sink.open(identity);
    const segment = async (number: number): Promise<void> => {
      for (const half of [0, 1]) {
        const first = (number - 1) * FRAMES + (half * FRAMES) / 2 + 1;
        const batch = batchOf(instruments, number, first, first + FRAMES / 2 - 1, half === 1);
        await parquet.write(batch);
        await sink.write(batch);
      }
      await parquet.flush();
    };
    const has = async (frame: number): Promise<void> => {
      while (sink.frame < frame) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    for (const number of [1, 2]) await segment(number);
    await has(2 * FRAMES);
    await proxy[Symbol.asyncDispose]();
    // More batches than the sink's thread has room for.
    for (let number = 3; number <= 12; number++) await segment(number);
    assert.ok(sink.frame < 12 * FRAMES);
    await using _ = await startCuttingProxy(server.port, proxy.port);
    await has(12 * FRAMES);
    for (const number of [13, 14]) await segment(number);
    await has(14 * FRAMES);
    const rows = await server.rows(database, "SELECT frame, market_id FROM foretape.trades_history ORDER BY frame");
    assert.deepEqual(
      rows,
      Array.from({ length: 14 * FRAMES }, (_, i) => ({ frame: String(i + 1), market_id: `M${i + 1}` })),
    );
  },
);

function batchOf(
  instruments: Instruments,
  segment: number,
  firstFrame: number,
  lastFrame: number,
  last: boolean,
): RowBatch {
  const buffer = new TableBuffer(trades);
  for (let frame = firstFrame; frame <= lastFrame; frame++) {
    const row = buffer.add(instruments.get("kalshi", `M${frame}`, "yes"), 20_778, frame, 0);
    for (const column of buffer.columns) if (column.kind === "number") column.values[row] = 1;
  }
  return { segment, firstFrame, lastFrame, lastCrc: lastFrame, tables: [buffer], interpreter: 1, last };
}
