import { closeSync, fsyncSync, openSync } from "node:fs";
import { type Mark, MarkWriter } from "./mark.ts";

export interface SyncRequest {
  readonly fd: number;
  readonly mark: Mark;
  /** The segment is complete: the writer closes the descriptor when the answer comes. */
  readonly close: boolean;
}

/** `resume`: the writer has given up the files of a failed sync and begins a new one. */
export type SyncMessage = SyncRequest | "resume";

export interface SyncReply {
  readonly request: SyncRequest;
  readonly error?: { readonly message: string; readonly code?: string };
  /** How long the sync took, in milliseconds. */
  readonly took: number;
}

/**
 * Makes segments durable and moves the mark. After a failure nothing is synced until the writer resumes: Linux may drop
 * the pages that it could not write and report success the next time, and what follows a hole is not durable either.
 */
export class Sync {
  readonly #dir: string;
  readonly #fdatasync: (fd: number) => void;
  readonly #marks: MarkWriter;
  #syncedSegment = 0;
  #stalled: SyncReply["error"];

  constructor(dir: string, fdatasync: (fd: number) => void) {
    this.#dir = dir;
    this.#fdatasync = fdatasync;
    this.#marks = new MarkWriter(dir);
  }

  resume(): void {
    this.#stalled = undefined;
  }

  answer(request: SyncRequest): SyncReply {
    const start = performance.now();
    if (this.#stalled === undefined) {
      try {
        this.#fdatasync(request.fd);
        if (request.mark.segment !== this.#syncedSegment) this.#syncDirectory(request.mark.segment);
        this.#marks.write(request.mark);
      } catch (error) {
        const { message, code } = error as NodeJS.ErrnoException;
        this.#stalled = { message, ...(code ? { code } : {}) };
      }
    }
    const took = performance.now() - start;
    return this.#stalled === undefined ? { request, took } : { request, took, error: this.#stalled };
  }

  /** A new file is durable only when its directory entry is. */
  #syncDirectory(segment: number): void {
    const directory = openSync(this.#dir, "r");
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    this.#syncedSegment = segment;
  }

  close(): void {
    this.#marks.close();
  }
}
