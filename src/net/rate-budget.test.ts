import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RateBudget, type RateChange } from "./rate-budget.ts";
import type { RateLimit } from "./rate-limit.ts";
import { OwnRates } from "./rate-store.ts";

const LIMIT: RateLimit = { name: "kalshi/read", perSecond: 100, capacity: 200, learned: false };

/** A clock that jumps to the next sleeper when nobody runs. */
class VirtualClock {
  now = 0;
  #sleepers: { at: number; wake: () => void }[] = [];
  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      this.#sleepers.push({ at: this.now + ms, wake: resolve });
    });

  /** Runs until `done`. */
  async run(done: Promise<unknown>): Promise<void> {
    let over = false;
    const finished = done.finally(() => (over = true));
    finished.catch(() => undefined);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (over) break;
      this.#sleepers.sort((a, b) => a.at - b.at);
      const next = this.#sleepers.shift();
      if (next === undefined) continue;
      this.now = Math.max(this.now, next.at);
      next.wake();
    }
    await finished;
  }
}

test("several processes with one store stay within the limit in every window, however they ask", async () => {
  const plan = fc.record({
    processes: fc.integer({ min: 1, max: 4 }),
    costs: fc.array(fc.constantFrom(1, 2, 10, 10, 50), { minLength: 1, maxLength: 25 }),
    pauses: fc.array(fc.nat(700), { minLength: 1, maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ processes, costs, pauses }) => {
      const clock = new VirtualClock();
      const store = new OwnRates(() => clock.now);
      const given: { at: number; tokens: number }[] = [];
      const { signal } = new AbortController();
      const process = async () => {
        const budget = new RateBudget({ store, onChange: () => undefined, nowMs: () => clock.now, sleep: clock.sleep });
        for (const [i, tokens] of costs.entries()) {
          await clock.sleep(pauses[i % pauses.length] ?? 0, signal);
          await budget.take([{ limit: LIMIT, tokens }], signal);
          given.push({ at: clock.now, tokens });
        }
      };
      await clock.run(Promise.all(Array.from({ length: processes }, process)));
      for (let from = 0; from < given.length; from++) {
        let sum = 0;
        for (let to = from; to < given.length; to++) {
          sum += given[to]!.tokens;
          const passed = given[to]!.at - given[from]!.at;
          assert.ok(sum <= LIMIT.capacity + (LIMIT.perSecond * passed) / 1000, `${sum} tokens in ${passed} ms`);
        }
      }
      const total = given.reduce((sum, { tokens }) => sum + tokens, 0);
      assert.equal(total, processes * costs.reduce((sum, cost) => sum + cost, 0), "and everybody is served");
    }),
    { seed: 4, numRuns: 40 },
  );
});

test("a refusal is told, and the recovery when it is complete; what was held or under way is dropped", async () => {
  const clock = new VirtualClock();
  const changes: RateChange[] = [];
  const budget = new RateBudget({
    store: new OwnRates(() => clock.now),
    onChange: (change) => changes.push(change),
    nowMs: () => clock.now,
    sleep: clock.sleep,
  });
  const { signal } = new AbortController();
  const charges = [{ limit: LIMIT, tokens: 10 }];
  const take = async () => {
    await budget.take(charges, signal);
    return clock.now;
  };
  await clock.run(take());
  await clock.run(budget.refused(charges, 5_000));
  let at = -1;
  await clock.run(take().then((now) => (at = now)));
  assert.ok(at >= 5_000, String(at));
  assert.deepEqual(changes, [{ limit: "kalshi/read", factor: 0.5, perSecond: 50 }]);
  const [state] = budget.state;
  assert.deepEqual([state?.limit, state?.requests, state?.refused], ["kalshi/read", 2, 1]);
  assert.ok(state !== undefined && state.factor < 1 && state.perSecond === 100 * state.factor);
  await clock.run(clock.sleep(60_000, signal));
  await clock.run(take());
  assert.deepEqual(changes[1], { limit: "kalshi/read", factor: 1, perSecond: 100 });
});

test("who gives up does not hold up the others", async () => {
  const clock = new VirtualClock();
  const budget = new RateBudget({
    store: new OwnRates(() => clock.now),
    onChange: () => undefined,
    nowMs: () => clock.now,
    sleep: clock.sleep,
  });
  const patient = new AbortController();
  const hasty = new AbortController();
  const charges = [{ limit: { ...LIMIT, capacity: 1, perSecond: 1 }, tokens: 1 }];
  const first = budget.take(charges, patient.signal);
  const second = budget.take(charges, hasty.signal);
  const third = budget.take(charges, patient.signal);
  hasty.abort(new Error("no more"));
  await clock.run(Promise.all([first, assert.rejects(second, /no more/), third]));
  assert.ok(clock.now <= 2_000, String(clock.now));
});
