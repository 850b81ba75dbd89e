import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { FILE_HEADER_BYTES, RECORD_HEADER_BYTES, scanRecords } from "./codec.ts";
import { rawPath } from "./layout.ts";
import { Kind } from "./record.ts";

/** A failed sync voids the segment it hit and perhaps the one behind it, which was open already. */
const SEGMENTS_BEHIND = 2;

/**
 * The frame number from which on the records of raw segment `segment` do not count: after a failed sync the writer
 * wrote them again, renumbered, to a later segment, and cut this file; but a power cut may bring back what was cut.
 * Infinity where nothing was moved.
 */
export function movedFrom(dir: string, segment: number): number {
  let from = Number.POSITIVE_INFINITY;
  for (let next = segment + 1, found = 0; found < SEGMENTS_BEHIND; next++) {
    const path = rawPath(dir, next);
    if (!existsSync(path)) break;
    const first = firstFrame(path);
    if (first === null) continue;
    from = Math.min(from, first);
    found++;
  }
  return from;
}

/** Number of the preamble of a raw segment; null when there is none, or not yet. */
function firstFrame(path: string): number | null {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(RECORD_HEADER_BYTES);
    if (readSync(fd, head, 0, head.length, FILE_HEADER_BYTES) < head.length || head[8] !== Kind.preamble) return null;
    return frameAt(head, 0);
  } finally {
    closeSync(fd);
  }
}

/** The offset in `buffer[at, end)`, whole records, where those numbered from `from` on begin; `end` if there are none. */
export function cutMoved(buffer: Buffer, at: number, end: number, from: number): number {
  if (from === Number.POSITIVE_INFINITY) return end;
  let previous = 0;
  for (let offset = at; offset + RECORD_HEADER_BYTES <= end;) {
    const frame = frameAt(buffer, offset);
    const next = offset + RECORD_HEADER_BYTES + buffer.readUInt32LE(offset);
    // Numbers go up by one: where they do not there is damage, and checksums must tell what is a record.
    if ((previous > 0 && frame !== previous + 1) || next > end) return firstFrom(buffer, offset, end, from);
    if (frame >= from) return firstFrom(buffer, offset, end, from);
    previous = frame;
    offset = next;
  }
  return end;
}

function firstFrom(buffer: Buffer, at: number, end: number, from: number): number {
  let cut = end;
  scanRecords(buffer, at, end, ({ frame }, offset) => {
    if (frame >= from && offset < cut) cut = offset;
  });
  return cut;
}

function frameAt(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 20) * 0x1_0000_0000 + buffer.readUInt32LE(at + 16);
}
