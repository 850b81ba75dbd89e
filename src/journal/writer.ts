import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { messageOf, StorageError } from "../ops/errors.ts";
import { Backlog, type Loss } from "./backlog.ts";
import { RecordClock } from "./clock.ts";
import { type Disk, realDisk } from "./disk.ts";
import { endOfSegment, type JournalOptions, preambleOf, startedBy } from "./facts.ts";
import { type Durability, GroupCommit, type Point } from "./group-commit.ts";
import { lockJournal } from "./lock.ts";
import { markEnd } from "./mark.ts";
import { OpenSegment } from "./open-segment.ts";
import { Outage } from "./outage.ts";
import { type Decision, Kind, type Preamble } from "./record.ts";
import { type Recovered, recoverJournal } from "./recover.ts";
import { abandon, bodyIn, moveRecords, survey } from "./rewrite.ts";
import { Sealing } from "./sealing.ts";
import type { SyncReply } from "./sync.ts";

export type { JournalOptions } from "./facts.ts";
export type { Durability } from "./group-commit.ts";

/** A segment is at least so many times its preamble. */
const PREAMBLES = 4;
/** A stop waits this long for sealing, which comes last of all on a busy machine; the raw files are as good. */
const SEAL_PATIENCE_MS = 1_000;
const RETRY_MS = 1000;

/** Opens the journal in `options.dir` for writing, repairing it first. Throws `StorageError` if another process writes it. */
export async function openJournal(options: JournalOptions): Promise<JournalWriter> {
  try {
    mkdirSync(options.dir, { recursive: true });
  } catch (error) {
    throw new StorageError(`cannot create ${options.dir}: ${messageOf(error)}`, { cause: error });
  }
  const lock = lockJournal(options.dir, options.name);
  let writer: JournalWriter | null = null;
  try {
    writer = new JournalWriter(options, recoverJournal(options.dir), lock);
    await writer.start();
    return writer;
  } catch (error) {
    await writer?.abort();
    lock[Symbol.dispose]();
    throw error;
  }
}

/**
 * The one writer of a journal. `append` and `received` encode into memory; each event-loop turn ends in one write;
 * every `sync_every` a thread of its own makes what was written durable (group commit) and moves the mark. What is not
 * durable stays in memory: a full disk is tried again each second, and after a failed sync, which is never repeated,
 * it is written again into a new segment. Both end in a `decision` record `storage-fault`.
 */
export class JournalWriter implements AsyncDisposable {
  readonly id: string;
  readonly recovered: Recovered | null;
  /** Bytes below which a segment would be preamble for the most part: with 20,000 markets that is megabytes. */
  #worthwhile = 0;
  readonly #options: JournalOptions;
  readonly #disk: Disk;
  readonly #lock: Disposable;
  readonly #clock: RecordClock = new RecordClock();
  readonly #commits: GroupCommit;
  readonly #sealing: Sealing;
  readonly #outage: Outage;
  #backlog = new Backlog();
  #open: OpenSegment;
  #frame: number;
  #epoch: number;
  /** Up to where everything is written. */
  #written: Point;
  /** A file failed: nothing is written until what is not durable has been moved to a new one. */
  #poisoned = false;
  #turn: NodeJS.Immediate | null = null;
  #retry: NodeJS.Timeout | null = null;
  #syncTimer: NodeJS.Timeout | null = null;
  #waiters: (() => void)[] = [];
  /** Last segment that was given to be sealed. */
  #sealedTo = 0;
  /** How often records were moved and renumbered, and how many syncs failed in a row. */
  #moves = 0;
  #failures = 0;
  #dead = false;
  #closed = false;

  constructor(options: JournalOptions, recovered: Recovered | null, lock: Disposable) {
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    this.#lock = lock;
    this.recovered = recovered;
    this.id = recovered?.journal ?? randomBytes(16).toString("hex");
    this.#frame = recovered?.lastFrame ?? 0;
    this.#epoch = recovered?.nextEpoch ?? 1;
    this.#written = { segment: recovered?.lastSegment ?? 0, offset: 0, frame: this.#frame, position: 0 };
    this.#outage = new Outage(options.name, options.onError);
    this.#sealing = new Sealing(options.dir, (message, cause) =>
      options.onError(new StorageError(message, { cause, context: { journal: options.name } })),
    );
    this.#commits = new GroupCommit(this.#disk, options.dir, this.#written, {
      answered: (reply) => this.#synced(reply),
      died: (error) => this.#died(error),
    });
    this.#open = this.#newSegment(this.#written.segment + 1);
  }

  async start(): Promise<void> {
    for (const segment of this.recovered?.unsealed ?? []) this.#sealing.seal(segment);
    this.#sealedTo = this.recovered?.lastSegment ?? 0;
    this.#sealing.expire();
    this.#appendPreamble(this.#options.connections());
    const started = startedBy(this.#options.program, this.recovered);
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
    return this.#written.frame;
  }
  get lastDurableFrame(): number {
    return this.#commits.durable.frame;
  }

  /** Number of the open segment. Everything appended in one event-loop turn lands in it. */
  get segment(): number {
    return this.#open.segment;
  }

  /** Bytes appended but not written yet. Beyond its cap the recorder pauses its sockets. */
  get unwritten(): number {
    return this.#backlog.unwritten;
  }

  get durability(): Durability {
    return this.#commits.statistics;
  }

  /** A number for the next connection. */
  nextEpoch(): number {
    return this.#epoch++;
  }

  /** Appends a record stamped now; returns its frame number, which a storage fault may change until it is durable. */
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
    if (this.#outage.drops(kind, this.#backlog.unwritten, this.#clock)) return this.#frame;
    const frame = ++this.#frame;
    this.#backlog.append(frame, kind, epoch, this.#clock, payload);
    this.#turn ??= setImmediate(() => this.#endTurn());
    return frame;
  }

  #endTurn(): void {
    this.#turn = null;
    this.#write();
  }

  /** Writes what is encoded. A fault keeps it in memory and tries again each second. */
  #write(): void {
    if (this.#retry !== null || this.#poisoned) return;
    const open = this.#open;
    try {
      this.#backlog.flush((buffer, from, length) => open.write(buffer, from, length));
    } catch (error) {
      this.#outage.begin("write", `cannot write ${open.path}: ${messageOf(error)}`, error);
      // What a full disk did not take, it takes later; a file that failed otherwise is given up.
      this.#poisoned = !isFull(error);
      this.#retryLater();
      return;
    }
    this.#written = {
      segment: open.segment,
      offset: open.offset,
      frame: this.#frame,
      position: this.#backlog.position,
    };
    this.#options.onProgress?.(this.#written.frame, this.#commits.durable.frame);
    if (this.#outage.writing) {
      this.#appendFault(0, this.#outage.takeDropped());
      this.#outage.end();
    }
    if (open.offset >= Math.max(this.#options.config.segment, this.#worthwhile) || Date.now() >= open.ends)
      this.#rotate();
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      if (this.#poisoned) this.#move();
      else this.#write();
    }, RETRY_MS);
    this.#wake();
  }

  #rotate(): void {
    if (this.#closed || this.#backlog.unwritten > 0) return;
    this.#commits.finish(this.#open.fd, this.#written);
    this.#sealing.expire();
    this.#open = this.#newSegment(this.#open.segment + 1);
    this.#appendPreamble(this.#options.connections());
  }

  #newSegment(segment: number): OpenSegment {
    return new OpenSegment(this.#disk, this.#options.dir, segment, endOfSegment(this.#options.config));
  }

  #appendPreamble(connections: Preamble["connections"]): void {
    const segment = this.#open.segment;
    const preamble = preambleOf(this.#options, { journal: this.id, segment, nextEpoch: this.#epoch, connections });
    const text = JSON.stringify(preamble);
    this.#worthwhile = PREAMBLES * text.length;
    this.append(Kind.preamble, 0, text);
  }

  #requestSync(): void {
    if (this.#poisoned || this.#written.segment !== this.#open.segment) return;
    if (this.#written.frame > this.#commits.durable.frame) this.#commits.request(this.#open.fd, this.#written);
  }

  #synced({ request, error }: SyncReply): void {
    if (request.close) this.#disk.close(request.fd);
    if (error === undefined) {
      this.#backlog.release(this.#commits.durable.position);
      this.#failures = 0;
      if (!this.#outage.writing) this.#outage.end();
      // Not before: a sealed file may not hold what a power cut takes from the raw one.
      if (request.close) this.#sealTo(request.mark.segment);
      this.#options.onProgress?.(this.#written.frame, this.#commits.durable.frame);
    } else {
      if (!this.#poisoned) this.#failures++;
      this.#poisoned = true;
      this.#outage.begin("sync", `cannot make the journal durable: ${error.message}`, error);
    }
    if (this.#poisoned && this.#commits.idle) {
      if (this.#failures > 1) this.#retryLater();
      else this.#move();
    }
    this.#wake();
  }

  #died(error: unknown): void {
    this.#dead = true;
    this.#outage.begin("sync", `the sync thread died: ${messageOf(error)}`, error);
    this.#wake();
  }

  #sealTo(last: number): void {
    while (this.#sealedTo < last) this.#sealing.seal(++this.#sealedTo);
  }

  /** Gives up the files behind the last durable record and appends what they held, from memory, to a new segment. */
  #move(): void {
    if (this.#retry !== null || this.#dead || !this.#commits.idle) return;
    const durable = this.#commits.durable;
    const { dir } = this.#options;
    const last = this.#open.segment;
    try {
      this.#open.close();
      abandon(this.#disk, dir, durable, last);
    } catch (error) {
      this.#outage.begin("write", `cannot repair ${this.#open.path}: ${messageOf(error)}`, error);
      this.#retryLater();
      return;
    }
    const old = this.#backlog;
    const { records, opened } = survey(old, durable.position);
    this.#backlog = new Backlog();
    this.#frame = durable.frame;
    this.#open = this.#newSegment(last + 1);
    this.#written = { segment: last, offset: 0, frame: durable.frame, position: 0 };
    this.#commits.resume({ ...durable, position: 0 });
    this.#poisoned = false;
    this.#moves++;
    this.#appendPreamble(this.#options.connections().filter(({ epoch }) => !opened.has(epoch)));
    this.#appendFault(records, old.forgotten);
    this.#frame = moveRecords(old, durable.position, this.#backlog, this.#frame + 1, (frame) =>
      bodyIn(dir, durable.segment, frame),
    );
    this.#sealTo(last);
    this.#write();
  }

  /** Says in the journal what happened to the disk; `lost` is what makes a gap. */
  #appendFault(moved: number, lost: Loss | null): void {
    const decision: Decision = { type: "storage-fault", ...this.#outage.evidence, moved, lost };
    this.append(Kind.decision, 0, JSON.stringify(decision));
  }

  /** Resolves when everything appended before the call is durable. Throws `StorageError` while the disk does not take it. */
  async durable(): Promise<void> {
    this.#write();
    for (let target = this.#frame, moves = this.#moves; ;) {
      if (moves !== this.#moves) {
        // Numbers changed: wait for everything that was moved.
        moves = this.#moves;
        target = this.#frame;
      }
      if (this.#commits.durable.frame >= target) return;
      if (this.#outage.error !== null && (this.#retry !== null || this.#dead)) throw this.#outage.error;
      this.#requestSync();
      await this.#changed();
    }
  }

  #changed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Writes and syncs everything, seals what it can in a second, and gives up the lock. Throws `StorageError` if the last frames cannot be made durable. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    try {
      if (this.#poisoned) this.#move();
      while (this.#commits.durable.frame < this.#frame) await this.durable();
      this.#closed = true;
      this.#open.close();
      markEnd(this.#options.dir, { segment: this.#open.segment + 1, offset: 0, frame: this.#frame });
      this.#sealTo(this.#open.segment);
      await this.#sealing.finish(SEAL_PATIENCE_MS);
    } finally {
      await this.abort();
      this.#lock[Symbol.dispose]();
    }
  }

  /** Stops without another write; the lock stays. For an opening that failed. */
  async abort(): Promise<void> {
    this.#closed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    if (this.#syncTimer !== null) clearInterval(this.#syncTimer);
    if (this.#retry !== null) clearTimeout(this.#retry);
    await Promise.all([this.#commits.stop(), this.#sealing.stop()]);
    this.#open.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}
