import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { Instruments } from "../model/instrument.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import { SharedRowReader } from "../tables/shared-rows.ts";
import type { FinishedSegments } from "./parquet/finished-segments.ts";
import type { Checkpoint, DatabaseSink, FinishedSegment, Sink } from "./sink.ts";
import type { SinkAnswer, SinkQuestion, SinkRecipe } from "./threaded-sink.ts";

/** The thread of one `ThreadedSink`: does what it is asked, one thing after the other. */
const port = parentPort;
if (port === null) throw new Error("sink-thread.ts runs as a worker");
const instruments = new Instruments();
const rows = new SharedRowReader(instruments);
const sink = await makeSink(workerData as SinkRecipe);
/** Once something was not taken nothing that follows may be. */
let failed: SinkAnswer | null = null;
/** Asked to close: what may take long ends early. */
const closing = new AbortController();
/** The last frame that the sink has. */
let taken = 0;
let journalName = "";
let finished: FinishedSegments | null = null;

/** Between two looks whether a segment has been published. */
const POLL_MS = 50;

/** Only what the sink needs is loaded: DuckDB is large. */
async function makeSink(recipe: SinkRecipe): Promise<Sink & Partial<Pick<DatabaseSink, "fill">>> {
  switch (recipe.type) {
    case "parquet":
      return new (await import("./parquet/parquet-sink.ts")).ParquetSink({ tape: recipe.tape });
    case "sqlite":
      return new (await import("./sqlite/sqlite-sink.ts")).SqliteSink(recipe);
    case "postgres":
      return new (await import("./postgres/postgres-sink.ts")).PostgresSink(recipe);
  }
}

/** Takes finished segments up to frame `through`, waiting until they are published; where that is null, the next one. */
async function fill(tape: string, through: number | null): Promise<void> {
  // DuckDB is loaded where it is needed.
  const { FinishedSegments } = await import("./parquet/finished-segments.ts");
  finished ??= new FinishedSegments(tape, journalName);
  const from = taken;
  while (through === null ? taken === from : taken < through) {
    const segment = finished.next(taken);
    if (segment !== null) await take(segment);
    else if (through !== null) await sleep(POLL_MS, undefined, { signal: closing.signal });
    else break;
  }
  // Between the segments of a long way DuckDB stays.
  if (through !== null || taken === from) finished.rest();
}

async function take(segment: FinishedSegment): Promise<void> {
  if (sink.fill === undefined) throw new Error(`${sink.id} is never behind`);
  await sink.fill(untilClosing(segment));
  taken = segment.lastFrame;
}

function untilClosing(segment: FinishedSegment): FinishedSegment {
  return {
    ...segment,
    rows: async function* (tables, after) {
      closing.signal.throwIfAborted();
      for await (const buffer of segment.rows(tables, after)) {
        yield buffer;
        closing.signal.throwIfAborted();
      }
    },
  };
}

async function answer(question: SinkQuestion): Promise<SinkAnswer> {
  let checkpoint: Checkpoint | null = null;
  try {
    switch (question.type) {
      case "open":
        journalName = question.journal.name;
        checkpoint = await sink.open(question.journal);
        taken = checkpoint?.frame ?? 0;
        break;
      case "write":
        await sink.write({ ...question.batch, tables: rows.read(question.rows) });
        taken = Math.max(taken, question.batch.lastFrame);
        break;
      case "fill":
        await fill(question.tape, question.through);
        break;
      case "beginReplace":
        await sink.beginReplace(question);
        break;
      case "flush":
        await sink.flush();
        break;
      case "endReplace":
        await sink.endReplace();
        break;
      case "close":
        try {
          finished?.[Symbol.dispose]();
          await sink[Symbol.asyncDispose]();
        } finally {
          port?.close();
        }
    }
    return { checkpoint, frame: taken };
  } catch (error) {
    const storage = error instanceof StorageError;
    const { hint, exitCode } = storage ? error : { hint: undefined, exitCode: 1 as const };
    // What is no fault of the disk's is a bug, which shows best where it was thrown.
    const text = storage || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
    return { error: text, hint, exitCode, storage };
  }
}

async function reply(question: SinkQuestion, before: Promise<void>): Promise<void> {
  await before;
  const given = failed !== null && question.type !== "close" ? failed : await answer(question);
  if ("error" in given) failed = given;
  port?.postMessage(given);
}

let last: Promise<void> = Promise.resolve();
port.on("message", (question: SinkQuestion) => {
  if (question.type === "close") closing.abort();
  last = reply(question, last);
});
