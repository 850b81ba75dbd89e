import { parentPort, workerData } from "node:worker_threads";
import { Instruments } from "../model/instrument.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import { SharedRowReader } from "../tables/shared-rows.ts";
import type { Checkpoint, Sink } from "./sink.ts";
import type { SinkAnswer, SinkQuestion, SinkRecipe } from "./threaded-sink.ts";

/** The thread of one `ThreadedSink`: does what it is asked, one thing after the other. */
const port = parentPort;
if (port === null) throw new Error("sink-thread.ts runs as a worker");
const instruments = new Instruments();
const rows = new SharedRowReader(instruments);
const sink = await makeSink(workerData as SinkRecipe);
/** Once something was not taken nothing that follows may be. */
let failed: SinkAnswer | null = null;

/** Only what the sink needs is loaded: DuckDB is large. */
async function makeSink(recipe: SinkRecipe): Promise<Sink> {
  switch (recipe.type) {
    case "parquet":
      return new (await import("./parquet/parquet-sink.ts")).ParquetSink({ tape: recipe.tape, instruments });
    case "sqlite":
      return new (await import("./sqlite/sqlite-sink.ts")).SqliteSink(recipe);
    case "postgres":
      return new (await import("./postgres/postgres-sink.ts")).PostgresSink(recipe);
  }
}

async function answer(question: SinkQuestion): Promise<SinkAnswer> {
  let checkpoint: Checkpoint | null = null;
  try {
    switch (question.type) {
      case "open":
        checkpoint = await sink.open(question.journal);
        break;
      case "write":
        await sink.write({ ...question.batch, tables: rows.read(question.rows) });
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
          await sink[Symbol.asyncDispose]();
        } finally {
          port?.close();
        }
    }
    return { checkpoint };
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
  last = reply(question, last);
});
