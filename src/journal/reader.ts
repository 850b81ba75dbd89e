import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { StorageError } from "../ops/errors.ts";
import {
  blankRecord,
  type Damage,
  decodeFileHeader,
  decodeRecord,
  FILE_HEADER_BYTES,
  FORMAT_VERSION,
  MAX_PAYLOAD_BYTES,
  RECORD_HEADER_BYTES,
} from "./codec.ts";
import { findSegment, listSegments, type SegmentFile } from "./layout.ts";
import { type Mark, readMark } from "./mark.ts";
import { isLocked } from "./lock.ts";
import { cutMoved, movedFrom } from "./moved.ts";
import { type HttpExchange, type HttpHead, Kind, type Preamble } from "./record.ts";
import { unsealHead, unsealSegment } from "./seal.ts";

/** A journal whose mark stood still for this long may have lost its writer: the lock is asked again. */
const QUIET_MS = 1000;

/** Bytes of whole records of one segment, in order. The buffer is used again for the next batch. */
export interface Batch {
  readonly segment: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Nothing follows in this segment. */
  readonly last: boolean;
}

/** The raw bytes of a segment, unpacked if sealed. Throws `StorageError` for a file that is not one. */
export function loadSegment(file: SegmentFile, damaged?: (damage: Damage) => void): Buffer {
  const raw = file.sealed ? unsealSegment(file.path, damaged) : readFileSync(file.path);
  checkHeader(raw, file);
  if (file.sealed) return raw;
  return raw.subarray(0, cutMoved(raw, FILE_HEADER_BYTES, raw.length, movedFrom(dirname(file.path), file.segment)));
}

function checkHeader(raw: Buffer, file: SegmentFile): void {
  if (raw.length < FILE_HEADER_BYTES) return;
  const header = decodeFileHeader(raw);
  if (header === null || header.segment !== file.segment) {
    throw new StorageError(`${file.path} is no segment of a Foretape journal, or its beginning is damaged`);
  }
  if (header.version > FORMAT_VERSION) {
    throw new StorageError(`${file.path} was written by a newer Foretape (format ${header.version})`, {
      hint: "upgrade Foretape",
    });
  }
}

/** The first records of a segment as raw bytes: its first block if sealed, else at most 64 KiB. */
export function readBeginning(file: SegmentFile): Buffer {
  if (file.sealed) return unsealHead(file.path);
  const fd = openSync(file.path, "r");
  try {
    const buffer = Buffer.alloc(64 * 1024);
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** The preamble of a segment; null when the segment ends before it. */
export function readPreamble(file: SegmentFile): { readonly preamble: Preamble; readonly frame: number } | null {
  const raw = file.sealed ? unsealHead(file.path) : readHead(file.path);
  const record = blankRecord();
  if (decodeRecord(raw, FILE_HEADER_BYTES, raw.length, record) < 0 || record.kind !== Kind.preamble) return null;
  return { preamble: JSON.parse(record.payload.toString("utf8")) as Preamble, frame: record.frame };
}

/** Enough of a raw file for its first record. */
function readHead(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(FILE_HEADER_BYTES + 4);
    if (readSync(fd, head, 0, head.length, 0) < head.length) return head.subarray(0, 0);
    const length = head.readUInt32LE(FILE_HEADER_BYTES);
    if (length > MAX_PAYLOAD_BYTES) return head.subarray(0, FILE_HEADER_BYTES);
    const buffer = Buffer.alloc(FILE_HEADER_BYTES + RECORD_HEADER_BYTES + length);
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** The identity of a journal, from its first readable preamble; null for an empty journal. */
export function identify(dir: string): Preamble | null {
  for (const file of listSegments(dir)) {
    const found = readPreamble(file);
    if (found !== null) return found.preamble;
  }
  return null;
}

/**
 * Reads a journal that may still be written: only what is durable, whole segments behind the open one, and the open one
 * up to the mark. Files are read in pieces; a record is never split.
 */
export class Follower {
  readonly #dir: string;
  readonly #pieceBytes: number;
  readonly #damaged: ((segment: number, damage: Damage) => void) | undefined;
  #segment: number;
  #offset: number;
  #fd = -1;
  #sealedBytes: Buffer | null = null;
  /** Records numbered from here on were moved to a later segment. */
  #movedFrom = Number.POSITIVE_INFINITY;
  #carry: Buffer | null = null;
  #buffer: Buffer = Buffer.alloc(0);
  #mark: Mark | null = null;
  /** When a living writer was last noticed, on the monotonic clock; never is `-Infinity`. */
  #aliveAt = -Infinity;

  /** Starts at `offset` (0: the beginning) of `segment`. */
  constructor(
    dir: string,
    from: { readonly segment: number; readonly offset: number },
    options: { pieceBytes?: number; damaged?: (segment: number, damage: Damage) => void } = {},
  ) {
    this.#dir = dir;
    this.#segment = from.segment;
    this.#offset = Math.max(from.offset, FILE_HEADER_BYTES);
    this.#pieceBytes = options.pieceBytes ?? 1024 * 1024;
    this.#damaged = options.damaged;
  }

  get segment(): number {
    return this.#segment;
  }

  /**
   * Up to where a reader may go now: the mark while a writer lives, else the end of the last file. Between two calls the
   * lock is asked only where the mark stood still for a second, so that following costs little: a writer's death is
   * noticed that much later. `sure` asks it now.
   */
  limit(options: { readonly sure?: boolean } = {}): {
    readonly segment: number;
    readonly offset: number;
    readonly live: boolean;
  } {
    const now = performance.now();
    if (options.sure !== true && this.#aliveAt > -Infinity) {
      const mark = readMark(this.#dir);
      if (mark !== null && (mark.frame !== this.#mark?.frame || mark.offset !== this.#mark.offset)) {
        this.#aliveAt = now;
        this.#mark = mark;
      }
      // The mark may be trusted whoever lives: up to there all is durable.
      if (now - this.#aliveAt < QUIET_MS) return this.#upTo(this.#mark);
    }
    // In a journal of a year the list is long, and it matters only where nobody writes. A writer that starts while it is
    // read only adds segments behind it, but then the mark tells more.
    if (!isLocked(this.#dir)) {
      const last = listSegments(this.#dir).at(-1);
      if (!isLocked(this.#dir)) {
        this.#aliveAt = -Infinity;
        // What a dead writer left may be in memory only; no table may be ahead of the disk.
        if (last?.sealed === false) syncFile(last.path);
        return { segment: (last?.segment ?? 0) + 1, offset: 0, live: false };
      }
    }
    this.#aliveAt = now;
    this.#mark = readMark(this.#dir);
    return this.#upTo(this.#mark);
  }

  #upTo(mark: Mark | null): { readonly segment: number; readonly offset: number; readonly live: boolean } {
    return mark === null
      ? { segment: 0, offset: 0, live: true }
      : { segment: mark.segment, offset: mark.offset, live: true };
  }

  /**
   * The next batch up to `limit`, or null when there is none now. With `limit.segment` behind a segment's number the
   * segment is complete: its last batch says so.
   */
  next(limit: { readonly segment: number; readonly offset: number }): Batch | null {
    for (;;) {
      if (this.#segment > limit.segment) return null;
      const complete = this.#segment < limit.segment;
      if (!this.#open()) {
        if (!complete) return null;
        this.#segment++;
        this.#offset = FILE_HEADER_BYTES;
        continue;
      }
      return this.#read(complete, limit.offset);
    }
  }

  /** Opens the file of the current segment; false when it does not exist (yet, or any more). */
  #open(): boolean {
    if (this.#fd >= 0 || this.#sealedBytes !== null) return true;
    const file = findSegment(this.#dir, this.#segment);
    if (file === undefined) return false;
    if (file.sealed) this.#sealedBytes = loadSegment(file, (damage) => this.#damaged?.(file.segment, damage));
    else this.#fd = openSync(file.path, "r");
    return true;
  }

  #read(complete: boolean, limitOffset: number): Batch | null {
    const size = this.#sealedBytes?.length ?? fstatSync(this.#fd).size;
    if (complete && this.#fd >= 0) this.#movedFrom = movedFrom(this.#dir, this.#segment);
    const end = complete ? size : Math.min(size, limitOffset);
    if (this.#offset >= end && !complete) return null;
    if (this.#sealedBytes !== null) {
      const batch: Batch = { segment: this.#segment, buffer: this.#sealedBytes, start: this.#offset, end, last: true };
      this.#advance();
      return batch;
    }
    const want = Math.min(this.#pieceBytes, end - this.#offset);
    const carry = this.#carry;
    const carried = carry?.length ?? 0;
    if (this.#buffer.length < carried + want) this.#buffer = Buffer.allocUnsafeSlow(carried + want);
    const buffer = this.#buffer;
    carry?.copy(buffer);
    let got = 0;
    while (got < want) {
      const count = readSync(this.#fd, buffer, carried + got, want - got, this.#offset + got);
      if (count === 0) break;
      got += count;
    }
    this.#offset += got;
    const last = complete && this.#offset >= size;
    const whole = last ? carried + got : wholeRecords(buffer, carried + got);
    this.#carry = whole < carried + got ? Buffer.from(buffer.subarray(whole, carried + got)) : null;
    const kept = cutMoved(buffer, 0, whole, this.#movedFrom);
    const batch: Batch = { segment: this.#segment, buffer, start: 0, end: kept, last };
    if (last) this.#advance();
    return batch;
  }

  #advance(): void {
    this.#close();
    this.#segment++;
    this.#offset = FILE_HEADER_BYTES;
    this.#carry = null;
    this.#movedFrom = Number.POSITIVE_INFINITY;
  }

  #close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.#sealedBytes = null;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Bytes of whole records at the start of `buffer`, judged by lengths alone: damage is found by whoever decodes. */
function wholeRecords(buffer: Buffer, end: number): number {
  let at = 0;
  while (at + 40 <= end) {
    const next = at + 40 + buffer.readUInt32LE(at);
    if (next > end || next <= at) break;
    at = next;
  }
  return at;
}

/** Splits an `http` record into its head and its body; `earlier` finds the record a reference names. */
export function decodeHttp(payload: Buffer, earlier: (frame: number) => Buffer | undefined): HttpExchange {
  const newline = payload.indexOf(10);
  const head = JSON.parse(payload.toString("utf8", 0, newline < 0 ? payload.length : newline)) as HttpHead;
  const own = newline < 0 ? Buffer.alloc(0) : payload.subarray(newline + 1);
  return { head, body: head.bodyOf === undefined ? own : (earlier(head.bodyOf) ?? own) };
}
