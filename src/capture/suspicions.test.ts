import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "./stall-simulation.fixture.ts";
import { Suspicions } from "./suspicions.ts";

test("two prints that differ with no frame between them are a stall, once a frame on its way had its time", () => {
  const trial = new Suspicions();
  const silent = [{ market: "A", last: 100 }];
  trial.update(silent, 120);
  assert.deepEqual(trial.wanted(120), ["A"]);
  trial.seen(new Map([["A", "x"]]), 120);
  assert.deepEqual(trial.wanted(122), []);
  assert.deepEqual(trial.wanted(126), ["A"]);
  trial.seen(new Map([["A", "y"]]), 126);
  assert.deepEqual(trial.verdicts(128), []);
  assert.deepEqual(trial.verdicts(129), [{ market: "A", last: 100, stalled: true, before: "x", after: "y" }]);
});

test("a frame acquits, and a print that stays the same means a quiet market", () => {
  const trial = new Suspicions();
  trial.update([{ market: "A", last: 100 }], 120);
  trial.wanted(120);
  trial.seen(new Map([["A", "x"]]), 120);
  trial.wanted(126);
  trial.seen(new Map([["A", "y"]]), 126);
  trial.update([], 128);
  assert.deepEqual(trial.verdicts(140), []);
  trial.update([{ market: "B", last: 100 }], 120);
  for (const at of [120, 126, 132, 138]) {
    assert.deepEqual(trial.wanted(at), ["B"]);
    trial.seen(new Map([["B", "x"]]), at);
  }
  assert.deepEqual(trial.verdicts(144), [{ market: "B", last: 100, stalled: false, before: "x", after: "" }]);
});

// In full: FORETAPE_FULL=1, a day of 20,000 markets.
test("bursts, long silences, nights and endings raise no alarm; stalls of active markets are found in 45 s", (t) => {
  const full = process.env["FORETAPE_FULL"] === "1";
  const result = simulate({
    seed: "stall",
    markets: full ? 20_000 : 300,
    hours: full ? 24 : 12,
    stalls: full ? 2_000 : 150,
  });
  const marketDays = full ? 20_000 : 150;
  assert.ok(result.falseAlarms <= marketDays / 20_000, `${result.falseAlarms} false alarms`);
  assert.ok(result.suspected > result.tried, "nobody was ever suspected without a stall");
  assert.ok(result.tried >= (full ? 1_000 : 75), `only ${result.tried} stalls`);
  const times = result.detected.toSorted((a, b) => a - b);
  const p99 = times[Math.floor(result.tried * 0.99)] ?? Infinity;
  assert.ok(p99 <= 45, `p99 ${p99} s of ${times.length}/${result.tried}`);
  t.diagnostic(
    JSON.stringify({ ...result, detected: undefined, p50: times[times.length >> 1], p99, max: times.at(-1) }),
  );
});
