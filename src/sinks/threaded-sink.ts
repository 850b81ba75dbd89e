import { Worker } from "node:worker_threads";
import type { Instruments } from "../model/instrument.ts";
import { within } from "../net/sleep.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import type { TableBuffer } from "../tables/buffer.ts";
import { tables as allTables, type Table } from "../tables/schema.ts";
import { sharedBytes, SharedRoom, type SharedRows } from "../tables/shared-rows.ts";
import type { Checkpoint, JournalIdentity, RowBatch, Sink } from "./sink.ts";
import { postgresSinkId } from "./postgres/database-name.ts";
import { selectTables, type TableSelection } from "./table-selection.ts";

/** Which sink the thread makes. */
export type SinkRecipe =
  | { readonly type: "parquet"; readonly tape: string }
  | { readonly type: "sqlite"; readonly path: string; readonly tables: TableSelection }
  | { readonly type: "postgres"; readonly url: string; readonly tables: TableSelection };

/** A call of the sink's in its thread. Answers come in the order of the questions. */
export type SinkQuestion =
  | { readonly type: "open"; readonly journal: JournalIdentity }
  | { readonly type: "write"; readonly batch: Omit<RowBatch, "tables">; readonly rows: SharedRows }
  /** Of the finished segments of the tape: those up to frame `through`, which may not be published yet, or the next one. */
  | { readonly type: "fill"; readonly tape: string; readonly through: number | null }
  | { readonly type: "flush" | "endReplace" | "close" }
  | { readonly type: "beginReplace"; readonly firstFrame: number; readonly lastFrame: number };

export type SinkAnswer =
  /** `frame`: the last one that the sink has. */
  | { readonly checkpoint: Checkpoint | null; readonly frame: number }
  | { readonly error: string; readonly hint: string | undefined; readonly exitCode: 1 | 2; readonly storage: boolean };

/** Batches that may be under way: the thread publishes a segment while the next one's rows come. */
const ROOMS = 8;
/** A batch with every book of a large recorder takes tens of megabytes: such ones share one room. */
const LARGE_BYTES = 4 * 1024 * 1024;

/**
 * A sink on a thread of its own: interpreting goes on while rows are written. `write` resolves when the rows are copied;
 * what then fails is heard at the next call, as the sink is of no use from there.
 */
export class ThreadedSink implements Sink {
  readonly id: string;
  readonly #recipe: SinkRecipe;
  readonly #instruments: Instruments;
  readonly #tables: ReadonlySet<Table>;
  readonly #rooms: SharedRoom[] = Array.from({ length: ROOMS }, () => new SharedRoom());
  readonly #largeRooms: SharedRoom[] = [new SharedRoom()];
  readonly #waiting: PromiseWithResolvers<Checkpoint | null>[] = [];
  #told = 0;
  #worker: Worker | null = null;
  #exited: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  readonly #failed = Promise.withResolvers<Error>();
  #frame = 0;
  /** Resolves when a room is free again. */
  #freed: PromiseWithResolvers<void> | null = null;

  constructor(recipe: SinkRecipe, instruments: Instruments) {
    this.id = sinkId(recipe);
    this.#recipe = recipe;
    this.#tables = new Set(recipe.type === "parquet" ? allTables : selectTables(recipe.tables));
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
      else {
        this.#frame = answer.frame;
        this.#waiting.shift()?.resolve(answer.checkpoint);
      }
    });
    const died = (cause: unknown): void => {
      const error = new StorageError(`the thread that writes ${this.id} died: ${messageOf(cause)}`, { cause });
      do this.#answered(error);
      while (this.#waiting.length > 0);
    };
    worker.on("error", died);
    worker.once("exit", () => died("it ended"));
    return this.#ask({ type: "open", journal });
  }

  /** The oldest question failed. */
  #answered(error: Error): void {
    this.#failure ??= error;
    this.#failed.resolve(this.#failure);
    this.#waiting.shift()?.reject(this.#failure);
  }

  /** The last frame that the sink is known to have. */
  get frame(): number {
    return this.#frame;
  }

  /** Resolves with what made the sink useless, as soon as it is known. */
  get failed(): Promise<Error> {
    return this.#failed.promise;
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
    const wanted = tables.filter(({ table }) => this.#tables.has(table));
    const rooms = this.#roomsFor(wanted);
    let room = rooms.pop();
    while (room === undefined) {
      await this.#roomFreed();
      room = rooms.pop();
    }
    const rows = room.put(wanted, this.#instruments, this.#told);
    this.#told = this.#instruments.all.length;
    const leave = (): void => this.#leave(rooms, room);
    // A refusal is kept for the next call.
    this.#ask({ type: "write", batch, rows }).then(leave, leave);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Whether the batch could be written without waiting, now or within so many milliseconds. */
  async hasRoom({ tables }: RowBatch, withinMs: number): Promise<boolean> {
    const rooms = this.#roomsFor(tables.filter(({ table }) => this.#tables.has(table)));
    if (rooms.length > 0) return true;
    // A room of the other kind may be freed first.
    const deadline = performance.now() + withinMs;
    for (let left = withinMs; rooms.length === 0 && left > 0; left = deadline - performance.now()) {
      await within(left, this.#roomFreed());
    }
    return rooms.length > 0;
  }

  #roomsFor(tables: readonly TableBuffer[]): SharedRoom[] {
    return sharedBytes(tables) > LARGE_BYTES ? this.#largeRooms : this.#rooms;
  }

  #leave(rooms: SharedRoom[], room: SharedRoom): void {
    rooms.push(room);
    this.#freed?.resolve();
    this.#freed = null;
  }

  #roomFreed(): Promise<void> {
    this.#freed ??= Promise.withResolvers();
    return this.#freed.promise;
  }

  /**
   * Fills a database from the finished segments of `tape`, behind what was written before: up to frame `through`, waiting
   * for their publication, or with the next segment that is published, if any. Resolves when the sink has them.
   */
  async fill(tape: string, through: number | null): Promise<void> {
    await this.#ask({ type: "fill", tape, through });
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
    await this.close(Infinity);
  }

  /**
   * The thread ends by itself once the sink in it is closed: ended from outside it would leave DuckDB in the middle. After
   * `patienceMs` it is left alone and ends with the process.
   */
  async close(patienceMs: number): Promise<void> {
    this.#worker?.postMessage({ type: "close" } satisfies SinkQuestion);
    if (patienceMs === Infinity) return this.#exited;
    await within(patienceMs, this.#exited);
    this.#worker?.unref();
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
