import assert from "node:assert/strict";
import { test } from "node:test";
import { Watchdog } from "./watchdog.ts";

const SECOND = 1_000_000;

/** Lets a watchdog run in virtual time; `answers` is called for what it does, `flow` says when data comes. */
function run(until: number, act: (alarm: string, at: number, dog: Watchdog) => void, flow: readonly number[] = []) {
  const dog = new Watchdog({ stallAfter: 45 * SECOND, deadAfter: 25 * SECOND });
  dog.opened(0);
  const said: [number, string][] = [];
  for (let at = 0; at <= until; at++) {
    if (flow.includes(at)) dog.data(at * SECOND);
    if (at * SECOND < dog.dueAt) continue;
    const alarm = dog.due(at * SECOND);
    if (alarm === null) continue;
    said.push([at, alarm]);
    if (alarm === "dead" || alarm === "stall") break;
    act(alarm, at, dog);
  }
  return said;
}

test("nothing at all for 25 seconds, a ping unanswered: dead", () => {
  assert.deepEqual(
    run(100, () => {}),
    [
      [13, "ping"],
      [25, "dead"],
    ],
  );
});

test("pings are answered, data is not: a stall after 45 seconds", () => {
  const pong = (alarm: string, at: number, dog: Watchdog) => {
    if (alarm === "ping") dog.sign(at * SECOND);
  };
  assert.deepEqual(
    run(200, pong).filter(([, alarm]) => alarm !== "ping"),
    [
      [30, "probe"],
      [45, "stall"],
    ],
  );
});

test("quiet markets that answer are asked less and less often, and a stall among them is still found", () => {
  let answers = 4;
  const all = run(10_000, (alarm, at, dog) => {
    if (alarm === "ping" || answers-- > 0) dog[alarm === "ping" ? "sign" : "data"](at * SECOND);
  });
  assert.deepEqual(
    all.filter(([, alarm]) => alarm !== "ping"),
    [
      [30, "probe"],
      [90, "probe"],
      [210, "probe"],
      [450, "probe"],
      [690, "probe"],
      [705, "stall"],
    ],
  );
});

test("data that comes unasked makes it watchful again; announced and own silence is none", () => {
  const dog = new Watchdog({ stallAfter: 45 * SECOND, deadAfter: 1_000 * SECOND });
  dog.opened(0);
  assert.equal(dog.due(30 * SECOND), "probe");
  dog.data(30 * SECOND);
  assert.equal(dog.dueAt, 90 * SECOND);
  dog.data(60 * SECOND);
  assert.equal(dog.dueAt, 90 * SECOND);
  dog.shift(5 * SECOND);
  assert.equal(dog.dueAt, 95 * SECOND);
  dog.excuse(200 * SECOND);
  assert.equal(dog.due(199 * SECOND), null);
  assert.equal(dog.due(200 * SECOND), "probe");
});
