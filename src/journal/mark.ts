import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { markPath } from "./layout.ts";

/** Up to where a journal is durable: everything before `offset` of `segment`, whose last record is `frame`. */
export interface Mark {
  readonly segment: number;
  readonly offset: number;
  readonly frame: number;
}

const BYTES = 32;

/** Writes the mark in place, one small write; a torn one is recognised by its CRC. Not synced: it may lag, never lead. */
export class MarkWriter {
  readonly #fd: number;
  readonly #buffer: Buffer = Buffer.alloc(BYTES);

  constructor(dir: string) {
    // "r+" neither creates nor truncates, and "a+" ignores the position of a write: create first, then open.
    closeSync(openSync(markPath(dir), "a"));
    this.#fd = openSync(markPath(dir), "r+");
  }

  write(mark: Mark): void {
    this.#buffer.writeUInt32LE(mark.segment, 4);
    this.#buffer.writeDoubleLE(mark.offset, 8);
    this.#buffer.writeDoubleLE(mark.frame, 16);
    this.#buffer.writeUInt32LE(crc32(this.#buffer.subarray(4, 24)), 0);
    writeSync(this.#fd, this.#buffer, 0, BYTES, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * Moves the mark behind the last segment of a journal that nobody commits to any more, so that followers finish it while
 * it is being sealed. Where that fails they learn of the end from the lock, a little later.
 */
export function markEnd(dir: string, end: Mark): void {
  try {
    const marks = new MarkWriter(dir);
    try {
      marks.write(end);
    } finally {
      marks.close();
    }
  } catch {
    // A mark may lag.
  }
}

/** Reads the mark of the journal in `dir`; null where there is none, or where it was caught half written twice. */
export function readMark(dir: string): Mark | null {
  let fd: number;
  try {
    fd = openSync(markPath(dir), "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(BYTES);
    for (let attempt = 0; attempt < 3; attempt++) {
      if (readSync(fd, buffer, 0, BYTES, 0) < BYTES) return null;
      if (crc32(buffer.subarray(4, 24)) === buffer.readUInt32LE(0)) {
        return { segment: buffer.readUInt32LE(4), offset: buffer.readDoubleLE(8), frame: buffer.readDoubleLE(16) };
      }
    }
    return null;
  } finally {
    closeSync(fd);
  }
}
