import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { encodeFileHeader, encodeRecord, RECORD_HEADER_BYTES, scanRecords, type Stamp } from "./codec.ts";
import { rawPath } from "./layout.ts";
import { type JournalRecord, Kind } from "./record.ts";

/** What a test writes as one record. */
export interface Sample {
  readonly frame: number;
  readonly kind: Kind;
  readonly epoch: number;
  readonly stamp: Stamp;
  readonly payload: Buffer;
}

const U32 = 0xffff_ffff;

/** Any clocks: with and without a receive time, any nanoseconds. */
export const anyStamp: fc.Arbitrary<Stamp> = fc.record({
  wallSeconds: fc.option(fc.integer({ min: 0, max: U32 }), { nil: null }),
  wallNanos: fc.integer({ min: 0, max: 999_999_999 }),
  // Beyond 2^53 nanoseconds, 104 days after boot, the monotonic time is no safe integer.
  monoSeconds: fc.integer({ min: 0, max: 9_000_000 }),
  monoNanos: fc.integer({ min: 0, max: 999_999_999 }),
});

export const anySample: fc.Arbitrary<Sample> = fc
  .record({
    frame: fc.maxSafeInteger().map((frame) => Math.abs(frame)),
    kind: fc.constantFrom(...Object.values(Kind)),
    epoch: fc.integer({ min: 0, max: U32 }),
    stamp: anyStamp,
    payload: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  })
  .map((sample) =>
    // Where there is no receive time its bytes are zero on disk.
    sample.stamp.wallSeconds === null ? { ...sample, stamp: { ...sample.stamp, wallNanos: 0 } } : sample,
  );

/** A run of records numbered from `first`. */
export function samplesFrom(first: number, samples: readonly Sample[]): readonly Sample[] {
  return samples.map((sample, i) => ({ ...sample, frame: first + i }));
}

/** The bytes of records one after another, without a file header. */
export function encodeSamples(samples: readonly Sample[]): Buffer {
  const size = samples.reduce((sum, { payload }) => sum + RECORD_HEADER_BYTES + payload.length, 0);
  const bytes = Buffer.allocUnsafeSlow(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { frame, kind, epoch, stamp, payload } of samples) {
    at = encodeRecord(bytes, at, view, frame, kind, epoch, stamp, payload);
  }
  return bytes;
}

/** Writes a raw segment and returns its bytes. */
export function writeRaw(dir: string, segment: number, records: Buffer): Buffer {
  const raw = Buffer.concat([encodeFileHeader(segment), records]);
  writeFileSync(rawPath(dir, segment), raw);
  return raw;
}

/** Readable records of `buffer[at, …)`, their payloads copied. */
export function recordsIn(buffer: Buffer, at: number, end: number = buffer.length): JournalRecord[] {
  const records: JournalRecord[] = [];
  scanRecords(buffer, at, end, (record) => records.push({ ...record, payload: Buffer.from(record.payload) }));
  return records;
}

/** A random number generator of 32 bits with a fixed seed (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A directory that goes with its scope. */
export function temporary(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "foretape-journal-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
