import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packRecords, unpackRecords } from "./block.ts";
import { anySample, encodeSamples, samplesFrom } from "./records.fixture.ts";

const SEED = { seed: 20261121 };

test("a block is unpacked to the bytes it was packed from", () => {
  fc.assert(
    fc.property(
      fc.array(anySample, { minLength: 1, maxLength: 40 }),
      fc.nat({ max: 2 ** 40 }),
      fc.nat({ max: 100 }),
      (samples, first, before) => {
        const records = encodeSamples(samplesFrom(first, samples));
        const bytes = Buffer.concat([Buffer.alloc(before, 0xa5), records, Buffer.alloc(7)]);
        const packed = packRecords(bytes, before, before + records.length, samples.length);
        assert.deepEqual(unpackRecords(packed), records);
      },
    ),
    SEED,
  );
});

test("frame numbers may jump within a block, as they do behind damage", () => {
  const [sample] = fc.sample(anySample, { ...SEED, numRuns: 1 });
  const samples = [5, 6, 900, 4_000_000_000].map((frame) => ({ ...sample!, frame }));
  const records = encodeSamples(samples);
  assert.deepEqual(unpackRecords(packRecords(records, 0, records.length, samples.length)), records);
});
