import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { Instruments } from "../model/instrument.ts";
import { StorageError } from "../ops/errors.ts";
import { TableBuffer } from "../tables/buffer.ts";
import { trades } from "../tables/schema.ts";
import { CatchingUpSink } from "./catching-up-sink.ts";
import { ParquetSink } from "./parquet/parquet-sink.ts";
import type { Checkpoint, JournalIdentity, RowBatch } from "./sink.ts";
import { ThreadedSink } from "./threaded-sink.ts";

const identity: JournalIdentity = { journal: "1".repeat(32), name: "main", recorder: 7, host: "here", since: 1 };
const FRAMES = 10;

/** A journal that is projected into Parquet and an independent SQLite sink beside it. */
class Projection implements AsyncDisposable {
  readonly path: string;
  readonly troubles: string[] = [];
  readonly #instruments = new Instruments();
  readonly #parquet: ParquetSink;
  readonly sink: CatchingUpSink;

  constructor(dir: string, options: { check?: (checkpoint: Checkpoint) => void; patienceMs?: number } = {}) {
    const { check = () => undefined, patienceMs = 10_000 } = options;
    const tape = join(dir, "tape");
    this.path = join(dir, "rows.sqlite");
    this.#parquet = new ParquetSink({ tape });
    this.sink = new CatchingUpSink({
      tape,
      make: () => new ThreadedSink({ type: "sqlite", path: this.path, tables: "all" }, this.#instruments),
      check,
      onTrouble: (message) => this.troubles.push(message),
      patienceMs,
      openingMs: 30_000,
      retry: { minMs: 20, maxMs: 40 },
    });
  }

  async open(): Promise<void> {
    await this.#parquet.open(identity);
    await this.sink.open(identity);
  }

  /** Segment `number`: ten frames with a trade each, in two batches. */
  async segment(number: number): Promise<void> {
    for (const half of [0, 1] as const) await this.half(number, half);
  }

  async half(number: number, half: 0 | 1): Promise<void> {
    const size = FRAMES / 2;
    const first = (number - 1) * FRAMES + half * size + 1;
    const batch = this.#batch(number, first, first + size - 1, half === 1);
    await this.#parquet.write(batch);
    await this.sink.write(batch);
    if (half === 1) await this.#parquet.flush();
  }

  #batch(segment: number, firstFrame: number, lastFrame: number, last: boolean): RowBatch {
    const buffer = new TableBuffer(trades);
    for (let frame = firstFrame; frame <= lastFrame; frame++) {
      const row = buffer.add(this.#instruments.get("kalshi", `M${frame}`, "yes"), 20_778, frame, 0);
      for (const column of buffer.columns) if (column.kind === "number") column.values[row] = 1;
    }
    return { segment, firstFrame, lastFrame, lastCrc: lastFrame, tables: [buffer], interpreter: 1, last };
  }

  /** The frames whose trades the database has. */
  frames(): number[] {
    using database = new DatabaseSync(this.path, { readOnly: true });
    const rows = database.prepare("SELECT frame, market_id FROM trades_history ORDER BY frame").all();
    for (const { frame, market_id: market } of rows) assert.equal(market, `M${Number(frame)}`);
    return rows.map(({ frame }) => Number(frame));
  }

  /** Resolves when the sink has this frame. */
  async has(frame: number): Promise<void> {
    while (this.sink.frame < frame) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sink[Symbol.asyncDispose]();
    await this.#parquet[Symbol.asyncDispose]();
  }
}

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-catching-up-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const upTo = (frame: number): number[] => Array.from({ length: frame }, (_, i) => i + 1);

/** Holds the database's write lock, as a long transaction of another program would. */
function lock(path: string): Disposable {
  const database = new DatabaseSync(path);
  database.exec("BEGIN IMMEDIATE");
  return {
    [Symbol.dispose]() {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}

test("a new database takes what the tape has, and follows from the next segment", async (t) => {
  const dir = scratch(t);
  {
    await using first = new Projection(dir);
    await first.open();
    for (const number of [1, 2, 3]) await first.segment(number);
    await first.sink.flush();
    assert.deepEqual(first.frames(), upTo(30), "it follows from the beginning");
  }
  rmSync(join(dir, "rows.sqlite"));
  await using again = new Projection(dir);
  await again.open();
  await again.segment(4);
  await again.sink.flush();
  assert.deepEqual(again.frames(), upTo(40));
  assert.deepEqual(again.troubles, []);
  assert.equal(again.sink.problem, null);
});

test("a sink that is stuck holds nobody up, and catches up by itself", async (t) => {
  await using projection = new Projection(scratch(t), { patienceMs: 100 });
  await projection.open();
  await projection.segment(1);
  await projection.has(10);
  {
    using _ = lock(projection.path);
    // Eight batches have room; the next one waits as long as patience allows.
    for (let number = 2; number <= 9; number++) await projection.segment(number);
    assert.match(projection.sink.problem ?? "", /too slow: it catches up from finished segments/);
    assert.ok(projection.sink.frame < 60, "the rest was not kept for it");
  }
  await projection.has(90);
  await projection.segment(10);
  await projection.has(100);
  assert.deepEqual(projection.frames(), upTo(100));
  assert.equal(projection.sink.problem, null);
  assert.match(projection.troubles.at(-1) ?? "", /has caught up and follows again/);
});

test("a sink that was left in the middle of a segment takes the rest of it, then follows", async (t) => {
  await using projection = new Projection(scratch(t), { patienceMs: 100 });
  await projection.open();
  await projection.segment(1);
  await projection.has(10);
  {
    using _ = lock(projection.path);
    for (const number of [2, 3, 4, 5]) await projection.segment(number);
    // The ninth batch has no room.
    await projection.half(6, 0);
  }
  await projection.has(50);
  await projection.half(6, 1);
  await projection.segment(7);
  await projection.has(70);
  assert.deepEqual(projection.frames(), upTo(70));
  assert.deepEqual(
    projection.troubles.map((trouble) => trouble.replace(/^\S+ /, "")),
    ["is too slow: it catches up from finished segments, nothing is lost", "has caught up and follows again"],
  );
});

test("a sink that fails is opened again, and goes on where its checkpoint says", async (t) => {
  await using projection = new Projection(scratch(t));
  await projection.open();
  await projection.segment(1);
  await projection.has(10);
  {
    // Rows that another program put where ours belong.
    using database = new DatabaseSync(projection.path);
    database.exec("INSERT INTO trades_history (recorder, frame, n, venue) VALUES (7, 15, 0, 'x')");
  }
  for (const number of [2, 3, 4]) await projection.segment(number);
  while (projection.sink.problem === null) await projection.segment(5);
  assert.match(projection.sink.problem, /UNIQUE constraint failed.*recording goes on, and it is tried again/);
  {
    using database = new DatabaseSync(projection.path);
    database.exec("DELETE FROM trades_history WHERE venue = 'x'");
  }
  await projection.has(40);
  assert.deepEqual(projection.frames().slice(0, 40), upTo(40));
});

test("a checkpoint of another journal is refused, and the other sinks go on", async (t) => {
  const check = (): void => {
    throw new StorageError("the tables are ahead of the journal");
  };
  const dir = scratch(t);
  {
    await using first = new Projection(dir);
    await first.open();
    await first.segment(1);
    await first.sink.flush();
  }
  await using projection = new Projection(dir, { check });
  await projection.open();
  await projection.segment(2);
  assert.match(projection.sink.problem ?? "", /ahead of the journal; recording goes on/);
  assert.deepEqual(projection.frames(), upTo(10));
});

test("closing does not wait for what is stuck", { timeout: 20_000 }, async (t) => {
  const projection = new Projection(scratch(t), { patienceMs: 50 });
  await projection.open();
  await projection.segment(1);
  await projection.has(10);
  using _ = lock(projection.path);
  for (const number of [2, 3]) await projection.segment(number);
  const startedAt = performance.now();
  await projection.sink.flush();
  await projection[Symbol.asyncDispose]();
  // SQLite alone waits 5 s for a lock.
  assert.ok(performance.now() - startedAt < 4_000);
});
