import { Worker } from "node:worker_threads";
import type { Instruments } from "../model/instrument.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import { SharedRoom, type SharedRows } from "../tables/shared-rows.ts";
import type { Checkpoint, JournalIdentity, RowBatch, Sink } from "./sink.ts";
import { postgresSinkId } from "./postgres/database-name.ts";
import type { TableSelection } from "./table-selection.ts";

/** Which sink the thread makes. */
export type SinkRecipe =
  | { readonly type: "parquet"; readonly tape: string }
  | { readonly type: "sqlite"; readonly path: string; readonly tables: TableSelection }
  | { readonly type: "postgres"; readonly url: string; readonly tables: TableSelection };

/** A call of the sink's in its thread. Answers come in the order of the questions. */
export type SinkQuestion =
  | { readonly type: "open"; readonly journal: JournalIdentity }
  | { readonly type: "write"; readonly batch: Omit<RowBatch, "tables">; readonly rows: SharedRows }
  | { readonly type: "flush" | "endReplace" | "close" }
  | { readonly type: "beginReplace"; readonly firstFrame: number; readonly lastFrame: number };

export type SinkAnswer =
  | { readonly checkpoint: Checkpoint | null }
  | { readonly error: string; readonly hint: string | undefined; readonly exitCode: 1 | 2; readonly storage: boolean };

/** Batches that may be under way: the thread publishes a segment while the next one's rows come. */
const ROOMS = 8;

/**
 * A sink on a thread of its own: interpreting goes on while rows are written. `write` resolves when the rows are copied;
 * what then fails is heard at the next call, as the sink is of no use from there.
 */
export class ThreadedSink implements Sink {
  readonly id: string;
  readonly #recipe: SinkRecipe;
  readonly #instruments: Instruments;
  readonly #rooms: SharedRoom[] = Array.from({ length: ROOMS }, () => new SharedRoom());
  readonly #waiting: PromiseWithResolvers<Checkpoint | null>[] = [];
  #told = 0;
  #worker: Worker | null = null;
  #exited: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  /** Resolves when a room is free again. */
  #freed: PromiseWithResolvers<void> | null = null;

  constructor(recipe: SinkRecipe, instruments: Instruments) {
    this.id = sinkId(recipe);
    this.#recipe = recipe;
    this.#instruments = instruments;
  }

  async open(journal: JournalIdentity): Promise<Checkpoint | null> {
    // The compiled package has `.js` files, a checkout runs `.ts`.
    const url = new URL(`./sink-thread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url);
    // Rows live for a turn; without a limit a thread's young generation grows to 48 MB.
    const worker = new Worker(url, { workerData: this.#recipe, resourceLimits: { maxYoungGenerationSizeMb: 8 } });
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("message", (answer: SinkAnswer) => {
      if ("error" in answer) this.#answered(toError(answer));
      else this.#waiting.shift()?.resolve(answer.checkpoint);
    });
    const died = (cause: unknown): void => {
      this.#failure ??= new StorageError(`the thread that writes ${this.id} died: ${messageOf(cause)}`, { cause });
      while (this.#waiting.length > 0) this.#answered(this.#failure);
    };
    worker.on("error", died);
    worker.once("exit", () => died("it ended"));
    return this.#ask({ type: "open", journal });
  }

  /** The oldest question failed. */
  #answered(error: Error): void {
    this.#failure ??= error;
    this.#waiting.shift()?.reject(error);
  }

  #ask(question: SinkQuestion): Promise<Checkpoint | null> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#worker === null) return Promise.reject(new Error(`${this.id} is not open`));
    const answer = Promise.withResolvers<Checkpoint | null>();
    this.#waiting.push(answer);
    this.#worker.postMessage(question);
    return answer.promise;
  }

  async write({ tables, ...batch }: RowBatch): Promise<void> {
    let room = this.#rooms.pop();
    while (room === undefined) {
      this.#freed ??= Promise.withResolvers();
      await this.#freed.promise;
      room = this.#rooms.pop();
    }
    const rows = room.put(tables, this.#instruments, this.#told);
    this.#told = this.#instruments.all.length;
    void this.#send(room, { type: "write", batch, rows });
    if (this.#failure !== null) throw this.#failure;
  }

  async #send(room: SharedRoom, question: SinkQuestion): Promise<void> {
    // A refusal is kept for the next call.
    await this.#ask(question).catch(() => undefined);
    this.#rooms.push(room);
    this.#freed?.resolve();
    this.#freed = null;
  }

  async flush(): Promise<void> {
    await this.#ask({ type: "flush" });
  }

  async beginReplace({ firstFrame, lastFrame }: { readonly firstFrame: number; readonly lastFrame: number }) {
    await this.#ask({ type: "beginReplace", firstFrame, lastFrame });
  }

  async endReplace(): Promise<void> {
    await this.#ask({ type: "endReplace" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The thread ends by itself once the sink in it is closed: ended from outside it would leave DuckDB in the middle.
    this.#worker?.postMessage({ type: "close" } satisfies SinkQuestion);
    await this.#exited;
  }
}

/** As the sink names itself. */
function sinkId(recipe: SinkRecipe): string {
  switch (recipe.type) {
    case "parquet":
      return recipe.type;
    case "sqlite":
      return `sqlite:${recipe.path}`;
    case "postgres":
      return postgresSinkId(recipe.url);
  }
}

function toError({ error, hint, exitCode, storage }: Extract<SinkAnswer, { error: string }>): Error {
  return storage ? new StorageError(error, { exitCode, ...(hint === undefined ? {} : { hint }) }) : new Error(error);
}
