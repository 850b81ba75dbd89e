import { readFileSync } from "node:fs";
import type { Backlog } from "./backlog.ts";
import { FILE_HEADER_BYTES, RECORD_HEADER_BYTES, scanRecords, type Stamp } from "./codec.ts";
import type { Disk } from "./disk.ts";
import { rawPath } from "./layout.ts";
import type { Mark } from "./mark.ts";
import { type HttpHead, Kind } from "./record.ts";

const NEWLINE = 10;

/** How many records from `position` on will be moved, and which connections opened among them. */
export function survey(
  backlog: Backlog,
  position: number,
): { readonly records: number; readonly opened: ReadonlySet<number> } {
  const opened = new Set<number>();
  let records = 0;
  for (const { buffer, at } of backlog.recordsFrom(position)) {
    if (buffer[at + 8] !== Kind.preamble) records++;
    if (buffer[at + 8] === Kind.connected) opened.add(buffer.readUInt32LE(at + 12));
  }
  return { records, opened };
}

/**
 * Appends the records of `source` from `position` on to `target`, numbered from `first`, and returns the number of the
 * last. Preambles are left out: the new segment has its own. An `http` record that refers to an earlier body refers to
 * its new number, or gets the body from `durableBody` where that stayed behind.
 */
export function moveRecords(
  source: Backlog,
  position: number,
  target: Backlog,
  first: number,
  durableBody: (frame: number) => Buffer | undefined,
): number {
  const moved = new Map<number, number>();
  let frame = first - 1;
  for (const { buffer, at, next } of source.recordsFrom(position)) {
    const kind = buffer[at + 8] as Kind;
    if (kind === Kind.preamble) continue;
    frame++;
    let payload = buffer.subarray(at + RECORD_HEADER_BYTES, next);
    if (kind === Kind.http) {
      moved.set(buffer.readUInt32LE(at + 20) * 0x1_0000_0000 + buffer.readUInt32LE(at + 16), frame);
      payload = referring(payload, moved, durableBody);
    }
    target.append(frame, kind, buffer.readUInt32LE(at + 12), stampAt(buffer, at), payload);
  }
  return frame;
}

function stampAt(buffer: Buffer, at: number): Stamp {
  return {
    wallSeconds: buffer[at + 9] === 0 ? buffer.readUInt32LE(at + 24) : null,
    wallNanos: buffer.readUInt32LE(at + 28),
    monoSeconds: buffer.readUInt32LE(at + 32),
    monoNanos: buffer.readUInt32LE(at + 36),
  };
}

function referring(
  payload: Buffer,
  moved: ReadonlyMap<number, number>,
  durableBody: (frame: number) => Buffer | undefined,
): Buffer {
  const newline = payload.indexOf(NEWLINE);
  const { bodyOf, ...head } = JSON.parse(payload.toString("utf8", 0, Math.max(0, newline))) as HttpHead;
  if (bodyOf === undefined) return payload;
  const movedTo = moved.get(bodyOf);
  if (movedTo !== undefined) return Buffer.from(`${JSON.stringify({ ...head, bodyOf: movedTo })}\n`);
  const body = durableBody(bodyOf);
  // Out of reach: the reference stays, and is as good as the disk that holds the body.
  return body === undefined ? payload : Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
}

/**
 * Takes out of the files what a writer is about to write again: everything behind `durable`, up to segment `last`.
 * Throws as `node:fs` does.
 */
export function abandon(disk: Disk, dir: string, durable: Mark, last: number): void {
  // A segment of which nothing is durable stays as an empty file: the numbers have no gap.
  for (let segment = durable.segment + 1; segment <= last; segment++) disk.close(disk.create(rawPath(dir, segment)));
  if (durable.offset > 0) disk.truncate(rawPath(dir, durable.segment), durable.offset);
}

/** The body of `http` record `frame` of a raw segment; undefined where it cannot be read. */
export function bodyIn(dir: string, segment: number, frame: number): Buffer | undefined {
  let raw: Buffer;
  try {
    raw = readFileSync(rawPath(dir, segment));
  } catch {
    // The disk is failing: the caller keeps the reference.
    return undefined;
  }
  let body: Buffer | undefined;
  scanRecords(raw, FILE_HEADER_BYTES, raw.length, (record) => {
    if (record.frame === frame && record.kind === Kind.http) {
      body = record.payload.subarray(record.payload.indexOf(NEWLINE) + 1);
    }
  });
  return body;
}
