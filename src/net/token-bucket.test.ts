import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TokenBucket } from "./token-bucket.ts";

test("a burst is free, then every token takes its time", () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 10, capacity: 3, nowMs: () => now });
  assert.deepEqual([bucket.book(), bucket.book(), bucket.book(), bucket.book(), bucket.book()], [0, 0, 0, 100, 200]);
  now = 500;
  assert.equal(bucket.book(), 0);
});

test("a pause holds everybody back", () => {
  let now = 0;
  const bucket = new TokenBucket({ perSecond: 10, capacity: 3, nowMs: () => now });
  bucket.pause(5_000);
  assert.equal(bucket.book(), 5_100);
  now = 5_000;
  assert.equal(bucket.book(), 200);
});

test("the budget holds whatever the callers do", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }), (pauses) => {
      let now = 0;
      const bucket = new TokenBucket({ perSecond: 20, capacity: 5, nowMs: () => now });
      const times: number[] = [];
      for (const pause of pauses) {
        now += pause;
        times.push(now + bucket.book());
      }
      for (const [i, from] of times.entries()) {
        const to = from + 1_000;
        const within = times.slice(i).filter((time) => time < to).length;
        assert.ok(within <= 5 + 20 + 1, `${within} requests in one second`);
      }
    }),
    { seed: 20261121 },
  );
});

test("waiting can be aborted", async () => {
  const bucket = new TokenBucket({ perSecond: 0.001, capacity: 1 });
  const abort = new AbortController();
  await bucket.take(1, abort.signal);
  const waiting = bucket.take(1, abort.signal);
  abort.abort(new Error("stopped"));
  await assert.rejects(waiting, /stopped/);
});
