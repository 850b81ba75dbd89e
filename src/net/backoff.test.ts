import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.ts";

test("waits grow to the cap, between the minimum and the ceiling", () => {
  const longest = new Backoff({ minMs: 1_000, maxMs: 60_000, random: () => 0.999_999 });
  assert.deepEqual(
    Array.from({ length: 8 }, () => longest.next()),
    [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
  );
  const shortest = new Backoff({ minMs: 1_000, maxMs: 60_000, random: () => 0 });
  assert.deepEqual([shortest.next(), shortest.next(), shortest.next()], [1_000, 1_000, 1_000]);
});

test("a healthy time starts the schedule again", () => {
  const backoff = new Backoff({ minMs: 10, maxMs: 1_000, random: () => 0.999_999 });
  for (let i = 0; i < 5; i++) backoff.next();
  assert.equal(backoff.attempts, 5);
  backoff.reset();
  assert.equal(backoff.next(), 10);
});
