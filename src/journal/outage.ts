import { StorageError } from "../ops/errors.ts";
import type { Loss } from "./backlog.ts";
import type { Stamp } from "./codec.ts";
import { Kind } from "./record.ts";

/** With this much unwritten, frames are dropped; the recorder has paused its sockets long before. */
const MEMORY_BYTES = 128 * 1024 * 1024;
/** Kinds that may be large or many. Our own verdicts are few, and are kept. */
const BULK: ReadonlySet<Kind> = new Set([Kind.received, Kind.sent, Kind.http, Kind.tick]);

/** What a `storage-fault` decision says of the fault. */
export interface Fault {
  readonly fault: "write" | "sync";
  readonly reason: string;
  readonly seconds: number;
}

/** The time in which the disk does not take what we have, and what that costs. */
export class Outage {
  readonly #report: (error: StorageError) => void;
  readonly #journal: string;
  #fault: "write" | "sync" = "write";
  #since = 0;
  #error: StorageError | null = null;
  #dropped: Loss | null = null;

  constructor(journal: string, report: (error: StorageError) => void) {
    this.#journal = journal;
    this.#report = report;
  }

  /** Why nothing is durable at present; null when all is well. */
  get error(): StorageError | null {
    return this.#error;
  }

  /** True while writes fail. */
  get writing(): boolean {
    return this.#error !== null && this.#fault === "write";
  }

  /** Notes a fault, and reports it unless it is the one that was reported last. */
  begin(fault: "write" | "sync", message: string, cause: unknown): void {
    const known = this.#error;
    if (known === null) this.#since = performance.now();
    this.#fault = fault;
    if (known?.message === message) return;
    this.#error = new StorageError(message, { cause, context: { journal: this.#journal } });
    this.#report(this.#error);
  }

  /** True where a record has to be dropped because memory is full; it is counted. */
  drops(kind: Kind, unwritten: number, stamp: Stamp): boolean {
    if (unwritten < MEMORY_BYTES || this.#error === null || !BULK.has(kind)) return false;
    const at = stamp.wallSeconds === null ? null : stamp.wallSeconds * 1_000_000 + Math.floor(stamp.wallNanos / 1000);
    this.#dropped = { records: (this.#dropped?.records ?? 0) + 1, from: this.#dropped?.from ?? at, to: at };
    return true;
  }

  /** What was dropped since the last call. */
  takeDropped(): Loss | null {
    const dropped = this.#dropped;
    this.#dropped = null;
    return dropped;
  }

  /** What a decision says of it. */
  get evidence(): Fault {
    const seconds = Math.round(performance.now() - this.#since) / 1000;
    return { fault: this.#fault, reason: this.#error?.message ?? "", seconds };
  }

  end(): void {
    this.#error = null;
  }
}
