import { crc32 } from "node:zlib";
import { type JournalRecord, Kind } from "./record.ts";

/** Bytes of a segment file before its first record: `foretape`, format version, segment number. */
export const FILE_HEADER_BYTES = 16;
/** Bytes of a record before its payload; the layout is in `docs/journal-format.md`. */
export const RECORD_HEADER_BYTES = 40;
/** A frame larger than this is refused by the socket and becomes a gap. */
export const MAX_PAYLOAD_BYTES: number = 64 * 1024 * 1024;
/** The one version of the format so far. */
export const FORMAT_VERSION = 1;

const MAGIC = Buffer.from("foretape", "latin1");
const WALL_UNKNOWN = 1;
const NANOS = 1_000_000_000;
const KINDS = new Set<number>(Object.values(Kind));

/** The file header of raw segment `segment`. */
export function encodeFileHeader(segment: number): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(segment, 12);
  return header;
}

/** Reads a file header; null when it is none. */
export function decodeFileHeader(header: Buffer): { readonly version: number; readonly segment: number } | null {
  if (header.length < FILE_HEADER_BYTES || !header.subarray(0, 8).equals(MAGIC)) return null;
  return { version: header.readUInt32LE(8), segment: header.readUInt32LE(12) };
}

/** The clocks of a record, split so that no 64-bit arithmetic is needed: seconds and nanoseconds. */
export interface Stamp {
  /** Null where an imported capture has no receive time. */
  wallSeconds: number | null;
  wallNanos: number;
  monoSeconds: number;
  monoNanos: number;
}

/**
 * Writes one record at `at` and returns the offset behind it. The caller has made room:
 * `RECORD_HEADER_BYTES` plus the payload.
 */
export function encodeRecord(
  target: Buffer,
  at: number,
  view: DataView,
  frame: number,
  kind: Kind,
  epoch: number,
  stamp: Stamp,
  payload: Uint8Array,
): number {
  const length = payload.length;
  const high = Math.floor(frame / 0x1_0000_0000);
  view.setUint32(at, length, true);
  view.setUint8(at + 8, kind);
  view.setUint8(at + 9, stamp.wallSeconds === null ? WALL_UNKNOWN : 0);
  view.setUint16(at + 10, 0, true);
  view.setUint32(at + 12, epoch, true);
  view.setUint32(at + 16, frame - high * 0x1_0000_0000, true);
  view.setUint32(at + 20, high, true);
  view.setUint32(at + 24, stamp.wallSeconds ?? 0, true);
  view.setUint32(at + 28, stamp.wallNanos, true);
  view.setUint32(at + 32, stamp.monoSeconds, true);
  view.setUint32(at + 36, stamp.monoNanos, true);
  target.set(payload, at + RECORD_HEADER_BYTES);
  const end = at + RECORD_HEADER_BYTES + length;
  view.setUint32(at + 4, crc32(target.subarray(at + 8, end)), true);
  return end;
}

/** A stretch of a segment that holds no readable record. */
export interface Damage {
  readonly from: number;
  readonly to: number;
}

/**
 * Reads the record at `at` into `record` and returns the offset behind it; `-1` when the bytes end before the record
 * does, `-2` when they are no record (bad CRC, impossible header).
 */
export function decodeRecord(buffer: Buffer, at: number, end: number, record: JournalRecord): number {
  if (at + RECORD_HEADER_BYTES > end) return -1;
  const length = buffer.readUInt32LE(at);
  const kind = buffer[at + 8] ?? 0;
  if (length > MAX_PAYLOAD_BYTES || !KINDS.has(kind) || (buffer[at + 9] ?? 0) > WALL_UNKNOWN) return -2;
  const next = at + RECORD_HEADER_BYTES + length;
  if (next > end) return -1;
  if (crc32(buffer.subarray(at + 8, next)) !== buffer.readUInt32LE(at + 4)) return -2;
  record.kind = kind as Kind;
  record.epoch = buffer.readUInt32LE(at + 12);
  record.frame = buffer.readUInt32LE(at + 20) * 0x1_0000_0000 + buffer.readUInt32LE(at + 16);
  const nanos = buffer.readUInt32LE(at + 28);
  const micros = Math.floor(nanos / 1000);
  record.wall = buffer[at + 9] === WALL_UNKNOWN ? null : buffer.readUInt32LE(at + 24) * 1_000_000 + micros;
  record.wallNanos = nanos - micros * 1000;
  record.mono = buffer.readUInt32LE(at + 32) * 1_000_000_000 + buffer.readUInt32LE(at + 36);
  record.payload = buffer.subarray(at + RECORD_HEADER_BYTES, next);
  return next;
}

/** CRC of the record at `at`, as stored. With its frame number it names a position in a journal. */
export function crcAt(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4);
}

/** A record to decode into. */
export function blankRecord(): JournalRecord {
  return { frame: 0, kind: Kind.tick, epoch: 0, wall: null, wallNanos: 0, mono: 0, payload: Buffer.alloc(0) };
}

/**
 * Finds the next readable record at or after `at`, byte by byte: what a flipped bit or a torn write costs is only the
 * record it hit. `previous` is the number of the record before the damage, 0 if unknown: numbers go up by one, so that
 * the next one's is known closely, and a checksum need not be tried wherever bytes look like a length. Returns the
 * offset or -1.
 */
export function findRecord(buffer: Buffer, at: number, end: number, previous = 0): number {
  const record = blankRecord();
  for (let i = at; i + RECORD_HEADER_BYTES <= end; i++) {
    if (buffer[i + 8] === 0 || buffer[i + 10] !== 0 || buffer[i + 11] !== 0 || buffer[i + 3]! > 4) continue;
    if (buffer.readUInt32LE(i + 28) >= NANOS || buffer.readUInt32LE(i + 36) >= NANOS) continue;
    if (previous > 0) {
      const skipped = Math.ceil((i - at + 1) / RECORD_HEADER_BYTES);
      const frame = buffer.readUInt32LE(i + 20) * 0x1_0000_0000 + buffer.readUInt32LE(i + 16);
      if (frame <= previous || frame > previous + 1 + skipped) continue;
    }
    if (decodeRecord(buffer, i, end, record) > 0) return i;
  }
  return -1;
}

/**
 * Visits every readable record in `buffer[at, end)`. Damage inside is skipped and reported; bytes at the end that are
 * the start of a record, or no record at all, are left. Returns the offset behind the last readable record.
 */
export function scanRecords(
  buffer: Buffer,
  at: number,
  end: number,
  visit: (record: JournalRecord, at: number, next: number) => void,
  damaged?: (damage: Damage) => void,
): number {
  const record = blankRecord();
  let offset = at;
  for (;;) {
    const next = decodeRecord(buffer, offset, end, record);
    if (next > 0) {
      visit(record, offset, next);
      offset = next;
      continue;
    }
    if (offset >= end) return offset;
    const found = findRecord(buffer, offset + 1, end, offset > at ? record.frame : 0);
    if (found < 0) return offset;
    damaged?.({ from: offset, to: found });
    offset = found;
  }
}
