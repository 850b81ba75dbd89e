import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ClockOffset } from "./clock-offset.ts";

const SECOND = 1_000_000;
const header = (micros: number) => new Date(Math.floor(micros / SECOND) * 1000).toUTCString();

test("the venue's clock is found within what the headers leave open", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -300 * SECOND, max: 300 * SECOND }),
      fc.array(fc.tuple(fc.nat(60 * SECOND), fc.nat(400_000), fc.nat(400_000)), { minLength: 1, maxLength: 8 }),
      (offset, exchanges) => {
        const clock = new ClockOffset();
        let now = 1_795_000_000 * SECOND;
        for (const [pause, out, back] of exchanges) {
          now += pause;
          assert.ok(clock.measured(header(now + out + offset), now, now + out + back));
          now += out + back;
        }
        assert.ok(Math.abs((clock.offset ?? Infinity) - offset) <= clock.uncertainty);
        assert.ok(clock.uncertainty <= SECOND);
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});

test("a clock that was set meanwhile is measured anew; what is no date says nothing", () => {
  const clock = new ClockOffset();
  assert.equal(clock.measured(null, 0, 1), false);
  assert.equal(clock.measured("yesterday", 0, 1), false);
  assert.equal(clock.offset, null);
  const now = 1_795_000_000 * SECOND;
  clock.measured(header(now - 120 * SECOND), now, now);
  assert.equal(Math.round((clock.offset ?? 0) / SECOND), -119);
  clock.measured(header(now + 10 * SECOND), now + 10 * SECOND, now + 10 * SECOND);
  assert.ok(Math.abs(clock.offset ?? Infinity) <= SECOND);
});
