import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  blankRecord,
  crcAt,
  decodeFileHeader,
  decodeRecord,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  scanRecords,
} from "./codec.ts";
import { anySample, encodeSamples, recordsIn, type Sample, samplesFrom, seeded } from "./records.fixture.ts";

const SEED = { seed: 20261121 };
const anySamples = fc.array(anySample, { minLength: 1, maxLength: 20 });

function mustEqualSample(record: ReturnType<typeof blankRecord>, sample: Sample): void {
  const { stamp } = sample;
  assert.equal(record.frame, sample.frame);
  assert.equal(record.kind, sample.kind);
  assert.equal(record.epoch, sample.epoch);
  const micros = Math.floor(stamp.wallNanos / 1000);
  assert.equal(record.wall, stamp.wallSeconds === null ? null : stamp.wallSeconds * 1_000_000 + micros);
  assert.equal(record.wallNanos, stamp.wallNanos % 1000);
  assert.equal(record.mono, stamp.monoSeconds * 1_000_000_000 + stamp.monoNanos);
  assert.deepEqual(record.payload, sample.payload);
}

test("what is encoded is decoded: every kind, any clocks, any payload", () => {
  fc.assert(
    fc.property(anySamples, (samples) => {
      const bytes = encodeSamples(samples);
      const record = blankRecord();
      let at = 0;
      for (const sample of samples) {
        at = decodeRecord(bytes, at, bytes.length, record);
        mustEqualSample(record, sample);
      }
      assert.equal(at, bytes.length);
    }),
    SEED,
  );
});

test("a record that is not whole says so, however many bytes are missing", () => {
  fc.assert(
    fc.property(anySample, (sample) => {
      const bytes = encodeSamples([sample]);
      for (let end = 0; end < bytes.length; end++) assert.equal(decodeRecord(bytes, 0, end, blankRecord()), -1);
    }),
    { ...SEED, numRuns: 20 },
  );
});

test("one flipped bit costs the record it is in, and no other", () => {
  const random = seeded(1);
  const samples = samplesFrom(1, fc.sample(anySample, { ...SEED, numRuns: 60 }));
  const bytes = encodeSamples(samples);
  const starts: number[] = [];
  scanRecords(bytes, 0, bytes.length, (_record, at) => starts.push(at));
  for (let i = 0; i < 200; i++) {
    const at = random(bytes.length);
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 1 << random(8);
    const hit = starts.findLastIndex((start) => start <= at) + 1;
    const kept = samples.map(({ frame }) => frame).filter((frame) => frame !== hit);
    assert.deepEqual(
      recordsIn(flipped, 0).map(({ frame }) => frame),
      kept,
      `byte ${at}`,
    );
  }
});

test("damage is reported with its borders", () => {
  const samples = samplesFrom(1, fc.sample(anySample, { ...SEED, numRuns: 3 }));
  const bytes = encodeSamples(samples);
  const from = RECORD_HEADER_BYTES + samples[0]!.payload.length;
  const to = from + RECORD_HEADER_BYTES + samples[1]!.payload.length;
  bytes[from + 20]! ^= 4;
  const damages: unknown[] = [];
  scanRecords(
    bytes,
    0,
    bytes.length,
    () => undefined,
    (damage) => damages.push(damage),
  );
  assert.deepEqual(damages, [{ from, to }]);
});

test("bytes that are no records are searched once, not once for each length they look like", () => {
  const [sample] = samplesFrom(1, fc.sample(anySample, { ...SEED, numRuns: 1 }));
  const record = encodeSamples([sample!]);
  const fills: readonly (readonly [string, Buffer])[] = [
    ["zeros", Buffer.alloc(32 * 1024 * 1024)],
    // Each twelfth byte could begin a record of half a megabyte: checksums of all would be 1.4 TB.
    ["lengths", Buffer.alloc(32 * 1024 * 1024, Buffer.from([0, 0, 8, 0, 0, 0, 0, 0, 2, 0, 0, 0]))],
  ];
  for (const [name, fill] of fills) {
    const next = encodeSamples([{ ...sample!, frame: 2 }]);
    const bytes = Buffer.concat([record, fill, next]);
    const start = process.cpuUsage().user;
    assert.deepEqual(
      recordsIn(bytes, 0).map(({ frame }) => frame),
      [1, 2],
    );
    const seconds = (process.cpuUsage().user - start) / 1e6;
    assert.ok(seconds < 20, `${name}: ${seconds} s`);
  }
});

test("a file header names its format and segment; anything else is none", () => {
  const header = encodeFileHeader(77);
  assert.equal(header.length, FILE_HEADER_BYTES);
  assert.deepEqual(decodeFileHeader(header), { version: 1, segment: 77 });
  assert.equal(decodeFileHeader(header.subarray(0, 15)), null);
  assert.equal(decodeFileHeader(Buffer.alloc(FILE_HEADER_BYTES)), null);
});

test("the checksum of a record is that on disk", () => {
  const bytes = encodeSamples(samplesFrom(1, fc.sample(anySample, { ...SEED, numRuns: 1 })));
  assert.equal(crcAt(bytes, 0), bytes.readUInt32LE(4));
});
