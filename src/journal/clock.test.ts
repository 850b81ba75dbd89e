import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordClock } from "./clock.ts";

const wallMillis = (clock: RecordClock): number => (clock.wallSeconds ?? Number.NaN) * 1000 + clock.wallNanos / 1e6;

test("the wall clock is the system's to the millisecond, the monotonic one that of hrtime", () => {
  const clock = new RecordClock();
  const before = Date.now();
  const monoBefore = process.hrtime.bigint();
  clock.now();
  const monoAfter = process.hrtime.bigint();
  const after = Date.now();
  assert.ok(wallMillis(clock) >= before - 1 && wallMillis(clock) <= after + 1, `${wallMillis(clock)} at ${before}`);
  const mono = BigInt(clock.monoSeconds) * 1_000_000_000n + BigInt(clock.monoNanos);
  // Both zeros were read one after the other, so that they may differ by what lay between.
  const slack = 5_000_000n;
  assert.ok(mono >= monoBefore - slack && mono <= monoAfter + slack);
});

test("stamps never go back, and nanoseconds stay below a second", () => {
  const clock = new RecordClock();
  let wall = 0;
  let mono = 0;
  for (let i = 0; i < 10_000; i++) {
    clock.now();
    assert.ok(clock.wallNanos >= 0 && clock.wallNanos < 1e9 && clock.monoNanos >= 0 && clock.monoNanos < 1e9);
    const nextMono = clock.monoSeconds * 1e9 + clock.monoNanos;
    assert.ok(wallMillis(clock) >= wall && nextMono >= mono);
    wall = wallMillis(clock);
    mono = nextMono;
  }
});

test("a time that someone else measured is kept to the microsecond, without a monotonic clock", () => {
  const clock = new RecordClock();
  clock.at(1_779_000_000_123_456);
  assert.deepEqual({ ...clock }, { wallSeconds: 1_779_000_000, wallNanos: 123_456_000, monoSeconds: 0, monoNanos: 0 });
  clock.at(null);
  assert.deepEqual({ ...clock }, { wallSeconds: null, wallNanos: 0, monoSeconds: 0, monoNanos: 0 });
});

test("a step of the system's clock is followed, and told; the monotonic clock does not notice", (t) => {
  const clock = new RecordClock();
  const real = Date.now;
  t.mock.method(Date, "now", () => real() - 3_600_000);
  const monoBefore = performance.now();
  const moved = clock.follow();
  assert.ok(Math.abs(moved + 3_600_000) < 1000, `${moved}`);
  clock.now();
  assert.ok(Math.abs(wallMillis(clock) - Date.now()) < 1000);
  assert.ok(performance.now() - monoBefore < 60_000);
});
