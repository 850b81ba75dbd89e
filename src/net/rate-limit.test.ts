import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { adjust, book, fullBucket, type RateLimit, refused } from "./rate-limit.ts";

const LIMIT: RateLimit = { name: "x", perSecond: 10, capacity: 20, learned: false };

test("tokens come back continuously, up to the capacity, and can be booked in advance", () => {
  const bucket = fullBucket(LIMIT, 0);
  assert.equal(book(bucket, 20, 0).waitMs, 0);
  assert.equal(book(bucket, 5, 0).waitMs, 500);
  assert.equal(book(bucket, 5, 500).waitMs, 500);
  assert.equal(book(bucket, 20, 1_000_000).waitMs, 0);
});

test("a refusal halves the rate once a storm, pauses everybody, and the rate comes back within a minute", () => {
  const bucket = fullBucket(LIMIT, 0);
  assert.equal(refused(bucket, null, 0), true);
  assert.equal(refused(bucket, null, 10), false, "these were on their way together");
  assert.equal(bucket.factor, 0.5);
  assert.equal(book(bucket, 1, 10).waitMs, 1_000 + 200, "a second's pause, then half the rate");
  assert.equal(book(bucket, 0, 16_010).factor, 0.75);
  assert.equal(book(bucket, 0, 31_010).factor, 1);
  for (let at = 40_000; at < 60_000; at += 2_000) refused(bucket, null, at);
  assert.ok(bucket.factor < 0.1);
  assert.equal(book(bucket, 0, 125_000).factor, 1);
});

test("Retry-After is honoured, within reason", () => {
  const bucket = fullBucket(LIMIT, 0);
  refused(bucket, 30_000, 0);
  assert.equal(book(bucket, 0, 0).waitMs, 30_000);
  refused(bucket, 1e12, 0);
  assert.equal(book(bucket, 0, 0).waitMs, 600_000);
});

test("figures that were told are not replaced by assumptions; a bucket from before a restart of the machine starts anew", () => {
  const bucket = fullBucket(LIMIT, 0);
  adjust(bucket, { ...LIMIT, perSecond: 30, learned: true });
  adjust(bucket, LIMIT);
  assert.equal(bucket.perSecond, 30);
  const old = fullBucket(LIMIT, 5_000_000_000);
  old.tokens = -5;
  assert.equal(book(old, 5, 1_000).waitMs, Math.ceil((10 / 10) * 1000));
});

test("over any time no more is given than the capacity and the rate allow, whatever is asked and refused", () => {
  const step = fc.record({ pass: fc.nat(3_000), tokens: fc.integer({ min: 1, max: 15 }), refuse: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const bucket = fullBucket(LIMIT, 0);
      const given: { at: number; tokens: number }[] = [];
      let now = 0;
      for (const { pass, tokens, refuse } of steps) {
        now += pass;
        if (refuse && pass > 2_500) refused(bucket, null, now);
        given.push({ at: now + book(bucket, tokens, now).waitMs, tokens });
      }
      given.sort((a, b) => a.at - b.at);
      for (let from = 0; from < given.length; from++) {
        let sum = 0;
        for (let to = from; to < given.length; to++) {
          sum += given[to]!.tokens;
          const passed = given[to]!.at - given[from]!.at;
          assert.ok(sum <= LIMIT.capacity + (LIMIT.perSecond * passed) / 1000, `${sum} tokens in ${passed} ms`);
        }
      }
    }),
    { seed: 11, numRuns: 300 },
  );
});
