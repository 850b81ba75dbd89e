import { Backoff } from "../net/backoff.ts";
import { quietly, sleep, within } from "../net/sleep.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import type { Checkpoint, IndependentSink, JournalIdentity, RowBatch } from "./sink.ts";
import type { ThreadedSink } from "./threaded-sink.ts";

/** How long the projection waits for a sink before it goes on without it: far longer than a commit takes. */
const PATIENCE_MS = 2_000;
/** How long its beginning waits for a sink to be opened, and to take what it lacked. */
const OPENING_MS = 3_000;
/** Between attempts to open a sink again that failed. */
const RETRY = { minMs: 500, maxMs: 60_000 };

export interface CatchingUpOptions {
  readonly tape: string;
  /** A new sink on the same destination, not opened yet. */
  readonly make: () => ThreadedSink;
  /** Throws `StorageError` where a checkpoint is not of this journal. */
  readonly check: (checkpoint: Checkpoint) => void;
  /** A sentence about a sink that is slow or gone, and about its return. */
  readonly onTrouble: (message: string) => void;
  readonly patienceMs?: number;
  readonly openingMs?: number;
  readonly retry?: { readonly minMs: number; readonly maxMs: number };
}

/**
 * - `closed`: there is no connection; it is tried again.
 * - `filling`: behind, and taking what finished segments have.
 * - `waiting`: behind, with everything that is finished: it joins at the next segment.
 * - `following`: every batch goes to it.
 */
type State = "closed" | "filling" | "waiting" | "following";

/**
 * A database while a journal is recorded. Recording and the other sinks never wait long for it, and its failures are its
 * own: it is opened again, its checkpoint says where it stands, it takes what it lacks from the tape's finished segments
 * and joins the projection at the beginning of a segment. Memory: the batches that its thread has room for.
 */
export class CatchingUpSink implements IndependentSink {
  readonly id: string;
  readonly isIndependent = true;
  readonly #options: CatchingUpOptions;
  readonly #patienceMs: number;
  readonly #closing = new AbortController();
  /** Open, and null while closed. */
  #sink: ThreadedSink | null = null;
  #state: State = "closed";
  #problem: string | null = null;
  /** The next batch begins a segment. */
  #atBoundary = true;
  /** First frame of the segment that is being projected. */
  #begunAt = Infinity;
  #frame = 0;
  #keeping: Promise<void> = Promise.resolve();
  /** Resolves at the next change of state. */
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(options: CatchingUpOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.id = options.make().id;
  }

  /** The last frame that it is known to have. */
  get frame(): number {
    return Math.max(this.#frame, this.#sink?.frame ?? 0);
  }

  /** What keeps it behind, a sentence; null while it follows. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Where it stands is its own affair: resolves with null as soon as it could follow or has failed, or when patience ends. */
  async open(identity: JournalIdentity): Promise<null> {
    this.#keeping = this.#keep(identity);
    await within(this.#options.openingMs ?? OPENING_MS, this.#isReady());
    return null;
  }

  async write(batch: RowBatch): Promise<void> {
    const begins = this.#atBoundary;
    this.#atBoundary = batch.last;
    const before = this.#begunAt;
    if (begins) this.#begunAt = batch.firstFrame;
    const sink = this.#sink;
    if (sink === null) return;
    // What it lacks is at most the segment that has just ended.
    const isNear = this.#state === "waiting" || (this.#state === "filling" && sink.frame >= before - 1);
    if (begins && isNear && batch.firstFrame > 0) {
      // The segment before may still be on its way to its files; what follows queues behind it. `#serve` hears of failures.
      sink.fill(this.#options.tape, batch.firstFrame - 1).catch(() => undefined);
      this.#enter("following");
    }
    if (this.#state !== "following") return;
    try {
      if (await sink.hasRoom(batch, this.#patienceMs)) return await sink.write(batch);
    } catch {
      // `#serve` hears of it too.
      return;
    }
    if (this.#sink !== sink) return;
    this.#trouble(`${this.id} is too slow: it catches up from finished segments, nothing is lost`);
    this.#enter("filling");
  }

  /** Waits for what was written, but no longer than patience allows. What is then missing is taken at the next start. */
  async flush(): Promise<void> {
    if (this.#sink === null || this.#state !== "following") return;
    // `#serve` hears of a failure too.
    await within(
      this.#patienceMs,
      this.#sink.flush().catch(() => undefined),
    );
  }

  beginReplace(): Promise<void> {
    return Promise.reject(new Error(`${this.id} follows a recording: nothing is replaced in it`));
  }

  endReplace(): Promise<void> {
    return this.beginReplace();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#keeping;
  }

  async #keep(identity: JournalIdentity): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(this.#options.retry ?? RETRY);
    while (!signal.aborted) {
      const sink = this.#options.make();
      try {
        await this.#serve(sink, identity, backoff);
      } catch (error) {
        if (!signal.aborted) this.#trouble(`${sentenceOf(error)}; recording goes on, and it is tried again`);
      }
      this.#frame = this.frame;
      this.#sink = null;
      this.#enter("closed");
      await sink.close(this.#patienceMs);
      await quietly(sleep(backoff.next(), signal), signal);
    }
  }

  /** Keeps one opened sink filled until it fails, which rises, or everything ends. */
  async #serve(sink: ThreadedSink, identity: JournalIdentity, backoff: Backoff): Promise<void> {
    const ended = new Promise<null>((resolve) => {
      this.#closing.signal.addEventListener("abort", () => resolve(null), { once: true });
    });
    const checkpoint = await Promise.race([sink.open(identity), ended]);
    if (checkpoint !== null) this.#options.check(checkpoint);
    this.#sink = sink;
    this.#enter("filling");
    while (!this.#closing.signal.aborted) {
      if (this.#state === "filling") {
        const before = sink.frame;
        await Promise.race([sink.fill(this.#options.tape, null), ended]);
        if (sink.frame > before) backoff.reset();
        else if (this.#state === "filling") this.#enter("waiting");
        continue;
      }
      const error = await Promise.race([sink.failed, this.#changed.promise, ended]);
      if (error instanceof Error) throw error;
      if (this.#state === "following") backoff.reset();
    }
  }

  #enter(state: State): void {
    this.#state = state;
    if (state === "following") this.#settled();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #isReady(): Promise<void> {
    const isOpening = (): boolean => this.#state === "closed" && this.#problem === null;
    while (isOpening() || this.#state === "filling") await this.#changed.promise;
  }

  #trouble(message: string): void {
    if (message !== this.#problem) this.#options.onTrouble(message);
    this.#problem = message;
  }

  #settled(): void {
    if (this.#problem !== null) this.#options.onTrouble(`${this.id} has caught up and follows again`);
    this.#problem = null;
  }
}

function sentenceOf(error: unknown): string {
  const hint = error instanceof StorageError ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)} (${hint})`;
}
