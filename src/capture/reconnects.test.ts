import assert from "node:assert/strict";
import { test } from "node:test";
import { kalshiMaintenance } from "../venues/kalshi/maintenance.ts";
import { type Failure, Reconnects } from "./reconnects.ts";

const failure: Failure = { waitMs: 1_000, url: "ws://127.0.0.1:9", unreachable: false, refusal: null };

test("in Kalshi's window all connections together try once in 30 s; the last waits end with it, in both DST weeks", () => {
  for (const date of ["2026-11-05T08:00:00Z", "2027-03-18T07:00:00Z"]) {
    const from = Date.parse(date);
    const to = from + 7_200_000;
    let now = from;
    const reconnects = new Reconnects(
      { maintenance: kalshiMaintenance },
      { maxMs: 60_000, wallMs: () => now, random: () => 0.5 },
    );
    const connections = Array.from({ length: 3 }, () => ({ hurry() {} }));
    const due = connections.map((connection, i) => ({ connection, at: from + i * 10 }));
    const attempts: number[] = [];
    for (;;) {
      due.sort((a, b) => a.at - b.at);
      const [next] = due;
      if (next === undefined || next.at >= to) break;
      now = next.at;
      attempts.push(now);
      const { waitMs, maintenance } = reconnects.after(next.connection, failure);
      assert.match(maintenance ?? "", /Thursday/);
      next.at = now + waitMs;
    }
    const tries = attempts.slice(3);
    for (let i = 1; i < tries.length; i++) assert.ok((tries[i] ?? 0) - (tries[i - 1] ?? 0) >= 30_000);
    assert.ok(tries.length <= 7_200 / 30 && tries.length > 200, String(tries.length));
    for (const { at } of due) assert.ok(at >= to && at <= to + 3_000);
  }
});

test("a refused key makes all connections slow; an opened one makes the others hurry", () => {
  const reconnects = new Reconnects({}, { maxMs: 60_000, wallMs: () => 0, random: () => 0.5 });
  const hurried: number[] = [];
  const [one, other] = [0, 1].map((i) => ({ hurry: () => void hurried.push(i) }));
  assert.ok(one !== undefined && other !== undefined);
  const refusal = { kind: "key", code: null, message: "" } as const;
  assert.equal(reconnects.after(one, { ...failure, refusal }).waitMs, 5_000);
  assert.equal(reconnects.after(other, { ...failure, refusal }).waitMs, 10_000);
  reconnects.opened(one);
  assert.deepEqual(hurried, []);
  assert.equal(reconnects.after(other, { ...failure, waitMs: 60_000 }).waitMs, 60_000);
  reconnects.opened(one);
  assert.deepEqual(hurried, [1]);
  reconnects.stop();
});
