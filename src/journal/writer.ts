import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { Worker } from "node:worker_threads";
import { messageOf, StorageError } from "../ops/errors.ts";
import { RecordClock } from "./clock.ts";
import { encodeFileHeader, encodeRecord, RECORD_HEADER_BYTES } from "./codec.ts";
import type { JournalConfig } from "./config.ts";
import { rawPath } from "./layout.ts";
import { lockJournal } from "./lock.ts";
import type { Mark } from "./mark.ts";
import { Kind, type Preamble, type Started } from "./record.ts";
import { type Recovered, recoverJournal } from "./recover.ts";
import type { SealReply, SealRequest } from "./seal-thread.ts";
import type { SyncReply, SyncRequest } from "./sync-thread.ts";

/** Raw files stay this long after sealing, so that a follower never loses the file under it. */
const RAW_KEPT_SECONDS = 15 * 60;
const CHUNK_BYTES = 1024 * 1024;
const DAY = 86_400_000;

export interface JournalOptions {
  /** `tape/journal/<name>`; made if missing. */
  readonly dir: string;
  readonly name: string;
  readonly source: "live" | "import";
  readonly config: JournalConfig;
  /** The effective configuration without secrets. */
  readonly publicConfig: unknown;
  readonly program: { readonly name: string; readonly version: string };
  /** The connections open now, for the preamble of a new segment. */
  readonly connections: () => Preamble["connections"];
  /** A storage fault: recording goes on in memory while it can. */
  readonly onError: (error: StorageError) => void;
  /** After each write and each group commit. */
  readonly onProgress?: (written: number, durable: number) => void;
}

export interface Durability {
  /** Group commits so far, and how long the slowest of the last ones took to become durable, in milliseconds. */
  readonly commits: number;
  readonly slowestMs: number;
}

/** A stretch of encoded records on its way to the file; kept until it is durable, in case the file fails. */
interface Chunk {
  readonly buffer: Buffer;
  readonly view: DataView;
  used: number;
  written: number;
}

/** Opens the journal in `options.dir` for writing, repairing it first. Throws `StorageError` if another process writes it. */
export async function openJournal(options: JournalOptions): Promise<JournalWriter> {
  try {
    mkdirSync(options.dir, { recursive: true });
  } catch (error) {
    throw new StorageError(`cannot create ${options.dir}: ${messageOf(error)}`, { cause: error });
  }
  const lock = lockJournal(options.dir, options.name);
  try {
    const writer = new JournalWriter(options, recoverJournal(options.dir), lock);
    await writer.start();
    return writer;
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/**
 * The one writer of a journal. `append` and `received` encode into memory; each event-loop turn ends in one write;
 * every `sync_every` a thread of its own makes what was written durable (group commit) and moves the mark.
 */
export class JournalWriter implements AsyncDisposable {
  readonly id: string;
  readonly recovered: Recovered | null;
  readonly #options: JournalOptions;
  readonly #lock: Disposable;
  readonly #clock: RecordClock = new RecordClock();
  readonly #sync: Worker;
  readonly #seal: Worker;
  #segment: number;
  #fd = -1;
  /** Bytes of the segment file that were written, and bytes that are encoded but not written yet. */
  #offset = 0;
  #unwritten = 0;
  #queue: Chunk[] = [];
  #spare: Chunk[] = [];
  #frame: number;
  #written: number;
  #durable: number;
  #epoch: number;
  #segmentEnds = 0;
  #turn: NodeJS.Immediate | null = null;
  #retry: NodeJS.Timeout | null = null;
  #syncTimer: NodeJS.Timeout | null = null;
  #syncsInFlight = 0;
  #syncWaiters: (() => void)[] = [];
  #sealsInFlight = 0;
  #requested: Mark | null = null;
  #commits = 0;
  #slowest = 0;
  #failed: StorageError | null = null;
  #closed = false;

  constructor(options: JournalOptions, recovered: Recovered | null, lock: Disposable) {
    this.#options = options;
    this.#lock = lock;
    this.recovered = recovered;
    this.id = recovered?.journal ?? randomBytes(16).toString("hex");
    this.#segment = recovered?.lastSegment ?? 0;
    this.#frame = recovered?.lastFrame ?? 0;
    this.#written = this.#frame;
    this.#durable = this.#frame;
    this.#epoch = recovered?.nextEpoch ?? 1;
    const workerData = { dir: options.dir };
    this.#sync = new Worker(threadUrl("sync-thread"), { workerData });
    this.#seal = new Worker(threadUrl("seal-thread"), { workerData });
  }

  async start(): Promise<void> {
    this.#sync.on("message", (reply: SyncReply) => this.#synced(reply));
    this.#seal.on("message", (reply: SealReply) => this.#sealed(reply));
    for (const worker of [this.#sync, this.#seal]) {
      worker.on("error", (error) => this.#fail(`a journal thread died: ${messageOf(error)}`, error));
    }
    for (const segment of this.recovered?.unsealed ?? []) this.#requestSeal(segment);
    this.#request({ expire: RAW_KEPT_SECONDS });
    this.#openSegment();
    const started: Started = {
      program: this.#options.program.name,
      version: this.#options.program.version,
      run: randomBytes(8).toString("hex"),
      host: hostname(),
      pid: process.pid,
      cutBytes: this.recovered?.cutBytes ?? 0,
      liveConnections: this.recovered?.liveConnections ?? [],
    };
    this.append(Kind.started, 0, JSON.stringify(started));
    this.#write();
    this.#syncTimer = setInterval(() => this.#requestSync(), this.#options.config.sync_every / 1000);
    this.#requestSync();
    await this.durable();
  }

  /** Connections that were open when the last process died: each is a hole in the data. */
  get liveConnections(): readonly number[] {
    return this.recovered?.liveConnections ?? [];
  }

  /** Number of the last record appended, written to the file, and durable on the disk. */
  get lastFrame(): number {
    return this.#frame;
  }
  get lastWrittenFrame(): number {
    return this.#written;
  }
  get lastDurableFrame(): number {
    return this.#durable;
  }

  /** Number of the open segment. Everything appended in one event-loop turn lands in it. */
  get segment(): number {
    return this.#segment;
  }

  /** Bytes appended but not written yet. Beyond its cap the recorder pauses its sockets. */
  get unwritten(): number {
    return this.#unwritten;
  }

  get durability(): Durability {
    return { commits: this.#commits, slowestMs: this.#slowest };
  }

  /** A number for the next connection. */
  nextEpoch(): number {
    return this.#epoch++;
  }

  /** Appends a record stamped now; returns its frame number. */
  append(kind: Kind, epoch: number, payload: Uint8Array | string): number {
    this.#clock.now();
    return this.#append(kind, epoch, typeof payload === "string" ? Buffer.from(payload, "utf8") : payload);
  }

  /** Appends a received frame stamped now: the hot path. */
  received(epoch: number, payload: Uint8Array): number {
    this.#clock.now();
    return this.#append(Kind.received, epoch, payload);
  }

  /** Appends a record with a receive time that someone else measured, in microseconds, or null (imports). */
  appendAt(kind: Kind, epoch: number, payload: Uint8Array | string, wall: number | null): number {
    this.#clock.at(wall);
    return this.#append(kind, epoch, typeof payload === "string" ? Buffer.from(payload, "utf8") : payload);
  }

  /** Follows the system's wall clock; the result is the step in milliseconds, 0 when it agrees. */
  followClock(): number {
    return this.#clock.follow();
  }

  #append(kind: Kind, epoch: number, payload: Uint8Array): number {
    if (this.#closed) throw new StorageError(`journal "${this.#options.name}" is closed`);
    const size = RECORD_HEADER_BYTES + payload.length;
    let chunk = this.#queue.at(-1);
    if (chunk === undefined || chunk.used + size > chunk.buffer.length) {
      chunk = this.#newChunk(size);
      this.#queue.push(chunk);
    }
    const frame = ++this.#frame;
    chunk.used = encodeRecord(chunk.buffer, chunk.used, chunk.view, frame, kind, epoch, this.#clock, payload);
    this.#unwritten += size;
    this.#turn ??= setImmediate(() => this.#endTurn());
    return frame;
  }

  #newChunk(size: number): Chunk {
    const spare = size <= CHUNK_BYTES ? this.#spare.pop() : undefined;
    if (spare !== undefined) return spare;
    const buffer = Buffer.allocUnsafeSlow(Math.max(size, CHUNK_BYTES));
    return { buffer, view: new DataView(buffer.buffer), used: 0, written: 0 };
  }

  #endTurn(): void {
    this.#turn = null;
    this.#write();
  }

  /** Writes what is encoded. A fault keeps it in memory and tries again each second. */
  #write(): void {
    if (this.#retry !== null) return;
    try {
      for (let chunk = this.#queue[0]; chunk !== undefined; chunk = this.#queue[0]) {
        while (chunk.written < chunk.used) {
          const count = writeSync(this.#fd, chunk.buffer, chunk.written, chunk.used - chunk.written, this.#offset);
          chunk.written += count;
          this.#offset += count;
          this.#unwritten -= count;
        }
        this.#queue.shift();
        chunk.used = 0;
        chunk.written = 0;
        if (chunk.buffer.length === CHUNK_BYTES && this.#spare.length < 4) this.#spare.push(chunk);
      }
      this.#written = this.#frame;
      this.#failed = null;
      this.#options.onProgress?.(this.#written, this.#durable);
    } catch (error) {
      this.#fail(`cannot write ${rawPath(this.#options.dir, this.#segment)}: ${messageOf(error)}`, error);
      this.#retry = setTimeout(() => {
        this.#retry = null;
        this.#write();
      }, 1000);
      return;
    }
    if (this.#offset >= this.#options.config.segment || Date.now() >= this.#segmentEnds) this.#rotate();
  }

  #rotate(): void {
    if (this.#closed) return;
    this.#finishSegment();
    this.#openSegment();
  }

  /** Makes the open segment durable, closes it and has it sealed. Everything encoded must be written. */
  #finishSegment(): void {
    this.#sendSync(true);
    this.#request({ expire: RAW_KEPT_SECONDS });
  }

  #openSegment(): void {
    this.#segment++;
    const path = rawPath(this.#options.dir, this.#segment);
    try {
      this.#fd = openSync(path, "w");
      const header = encodeFileHeader(this.#segment);
      writeSync(this.#fd, header);
      this.#offset = header.length;
    } catch (error) {
      throw new StorageError(`cannot create ${path}: ${messageOf(error)}`, { cause: error });
    }
    const now = Date.now();
    const midnight = (Math.floor(now / DAY) + 1) * DAY;
    // A segment is one UTC day's at most, so that its rows fall into one partition.
    this.#segmentEnds = Math.min(now + this.#options.config.segment_every / 1000, midnight);
    const preamble: Preamble = {
      format: 1,
      journal: this.id,
      name: this.#options.name,
      source: this.#options.source,
      segment: this.#segment,
      wall: now * 1000,
      nextEpoch: this.#epoch,
      config: this.#options.publicConfig,
      connections: this.#options.connections(),
    };
    this.append(Kind.preamble, 0, JSON.stringify(preamble));
  }

  #requestSync(): void {
    if (this.#written === this.#requested?.frame || this.#syncsInFlight > 0) return;
    this.#sendSync(false);
  }

  #sendSync(close: boolean): void {
    const mark: Mark = { segment: this.#segment, offset: this.#offset, frame: this.#written };
    this.#requested = mark;
    this.#syncsInFlight++;
    this.#sync.postMessage({ fd: this.#fd, mark, close } satisfies SyncRequest);
  }

  #synced(reply: SyncReply): void {
    this.#syncsInFlight--;
    if (reply.request.close) {
      closeSync(reply.request.fd);
      // Not before: a sealed file may not hold what a power cut takes from the raw one.
      this.#requestSeal(reply.request.mark.segment);
    }
    if (reply.error === undefined) {
      this.#durable = reply.request.mark.frame;
      this.#commits++;
      this.#slowest = Math.max(this.#slowest, reply.took);
      this.#options.onProgress?.(this.#written, this.#durable);
    } else {
      this.#fail(`cannot make the journal durable: ${reply.error.message}`, reply.error);
    }
    if (this.#syncsInFlight === 0) for (const wake of this.#syncWaiters.splice(0)) wake();
  }

  /** Resolves when everything appended before the call is durable. Throws `StorageError` when it cannot be. */
  async durable(): Promise<void> {
    const target = this.#frame;
    this.#write();
    while (this.#durable < target) {
      if (this.#failed !== null) throw this.#failed;
      if (this.#syncsInFlight === 0) this.#sendSync(false);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#syncWaiters.push(resolve);
      await promise;
    }
  }

  #requestSeal(segment: number): void {
    this.#sealsInFlight++;
    this.#request({ seal: segment });
  }

  #request(request: SealRequest): void {
    this.#seal.postMessage(request);
  }

  #sealed(reply: SealReply): void {
    this.#sealsInFlight--;
    if ("failed" in reply) this.#fail(`cannot seal segment ${reply.failed}: ${reply.message}`, reply);
    if (this.#sealsInFlight === 0) for (const wake of this.#syncWaiters.splice(0)) wake();
  }

  #fail(message: string, cause: unknown): void {
    this.#failed = new StorageError(message, { cause, context: { journal: this.#options.name } });
    this.#options.onError(this.#failed);
    for (const wake of this.#syncWaiters.splice(0)) wake();
  }

  /** Writes, syncs and seals everything, and gives up the lock. Throws `StorageError` if the last frames cannot be made durable. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#turn !== null) clearImmediate(this.#turn);
    if (this.#syncTimer !== null) clearInterval(this.#syncTimer);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    try {
      await this.durable();
      this.#closed = true;
      this.#finishSegment();
      while (this.#syncsInFlight > 0 || this.#sealsInFlight > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#syncWaiters.push(resolve);
        await promise;
      }
    } finally {
      this.#closed = true;
      this.#sync.postMessage("stop");
      this.#request("stop");
      await Promise.all([this.#sync.terminate(), this.#seal.terminate()]);
      this.#lock[Symbol.dispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The compiled package has `.js` files, a checkout runs `.ts`. */
function threadUrl(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}
