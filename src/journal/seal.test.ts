import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { StorageError } from "../ops/errors.ts";
import { type Damage, FILE_HEADER_BYTES } from "./codec.ts";
import { sealedPath } from "./layout.ts";
import { loadSegment } from "./reader.ts";
import { anySample, encodeSamples, recordsIn, samplesFrom, seeded, temporary, writeRaw } from "./records.fixture.ts";
import { BLOCK_BYTES, readIndex, sealSegment, unsealSegment } from "./seal.ts";

const SEED = { seed: 20261121 };

/** About three blocks of records, one of them larger than a block. */
function someRecords(): Buffer {
  const samples = samplesFrom(1, fc.sample(anySample, { ...SEED, numRuns: 2_400 }));
  const large = { ...samples[0]!, payload: Buffer.alloc(BLOCK_BYTES + 12_345, "large") };
  return encodeSamples(samplesFrom(1, [...samples.slice(0, 1500), large, ...samples.slice(1500)]));
}

test("a sealed segment is unsealed to the raw file, byte for byte", () => {
  fc.assert(
    fc.property(
      fc.array(anySample, { maxLength: 30 }),
      fc.constantFrom(0, 1, 255, 256, 257, 513, 900),
      fc.uint8Array({ maxLength: 60 }),
      (samples, largeKiB, tail) => {
        using dir = temporary();
        const large = { ...samples[0], payload: Buffer.alloc(largeKiB * 1024, 7) };
        const all = samples.length === 0 ? [] : samplesFrom(9, [...samples, { ...samples[0]!, ...large }, ...samples]);
        const raw = writeRaw(dir.path, 3, Buffer.concat([encodeSamples(all), tail]));
        const sealed = sealSegment(dir.path, 3);
        assert.deepEqual(unsealSegment(sealedPath(dir.path, 3)), raw);
        assert.equal(sealed.rawBytes, raw.length);
        assert.equal(sealed.firstFrame, all.length === 0 ? 0 : 9);
        assert.equal(sealed.lastFrame, all.length === 0 ? 0 : 8 + all.length);
      },
    ),
    { ...SEED, numRuns: 60 },
  );
});

test("the seal's hash and size are those of the file", () => {
  using dir = temporary();
  writeRaw(dir.path, 1, someRecords());
  const { sha256, sealedBytes } = sealSegment(dir.path, 1);
  const file = readFileSync(sealedPath(dir.path, 1));
  assert.equal(file.length, sealedBytes);
  assert.equal(createHash("sha256").update(file).digest("hex"), sha256);
});

test("damage in the raw file is sealed as it is: flipped bits and torn ends", () => {
  using dir = temporary();
  const records = someRecords();
  const random = seeded(2);
  for (let i = 0; i < 12; i++) {
    const damaged = Buffer.from(records.subarray(0, records.length - random(5_000)));
    for (let flips = 0; flips < 6; flips++) damaged[random(damaged.length)]! ^= 1 << random(8);
    const raw = writeRaw(dir.path, 1, damaged);
    sealSegment(dir.path, 1);
    assert.deepEqual(unsealSegment(sealedPath(dir.path, 1)), raw);
  }
});

test("200 flipped bits in a sealed file: each costs at most one block, which is reported", () => {
  using dir = temporary();
  const raw = writeRaw(dir.path, 1, someRecords());
  sealSegment(dir.path, 1);
  const path = sealedPath(dir.path, 1);
  const sealed = readFileSync(path);
  const blocks = readIndex(sealed, path);
  const indexFrom = blocks.at(-1)!.offset + blocks.at(-1)!.length;
  const all = recordsIn(raw, FILE_HEADER_BYTES).map(({ frame }) => frame);
  const random = seeded(3);
  for (let i = 0; i < 200; i++) {
    const at = random(sealed.length);
    const flipped = Buffer.from(sealed);
    flipped[at]! ^= 1 << random(8);
    writeFileSync(path, flipped);
    if (at < 16 || at >= indexFrom) {
      // Header and index: told in one sentence, or harmless.
      try {
        assert.deepEqual(loadSegment({ segment: 1, path, sealed: true }), raw);
      } catch (error) {
        assert.ok(error instanceof StorageError, String(error));
      }
      continue;
    }
    const damages: Damage[] = [];
    const unsealed = loadSegment({ segment: 1, path, sealed: true }, (damage) => damages.push(damage));
    const hit = blocks.find(({ offset, length }) => at >= offset && at < offset + length)!;
    assert.deepEqual(damages, [{ from: hit.rawOffset, to: hit.rawOffset + hit.rawLength }]);
    const lost = new Set(recordsIn(raw, hit.rawOffset, hit.rawOffset + hit.rawLength).map(({ frame }) => frame));
    assert.deepEqual(
      recordsIn(unsealed, FILE_HEADER_BYTES).map(({ frame }) => frame),
      all.filter((frame) => !lost.has(frame)),
    );
  }
});

test("a sealed file cut short is refused in one sentence, wherever it was cut", () => {
  using dir = temporary();
  writeRaw(dir.path, 1, someRecords());
  sealSegment(dir.path, 1);
  const path = sealedPath(dir.path, 1);
  const sealed = readFileSync(path);
  const random = seeded(4);
  for (let i = 0; i < 200; i++) {
    writeFileSync(path, sealed.subarray(0, random(sealed.length)));
    assert.throws(() => unsealSegment(path), StorageError);
  }
});
