import assert from "node:assert/strict";
import { test } from "node:test";
import type { WantedMarket } from "../venues/venue.ts";
import { DiscoveryAgenda, type Task } from "./discovery-agenda.ts";

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

function market(name: string, openAt: number | null, closeAt: number | null): WantedMarket {
  return { venue: "v", market: name, outcomes: ["yes"], listener: "l", channels: ["book"], openAt, closeAt };
}

const agenda = () => new DiscoveryAgenda({ every: 5 * MINUTE, wholeEvery: 60 * MINUTE, random: () => 1 });

/** Takes what is due next, and gives it with its time. */
function next(on: DiscoveryAgenda): { at: number; task: Task } {
  const { at } = on;
  const task = on.take(at);
  assert.ok(task !== null);
  return { at, task };
}

test("the whole list first; then what changed, the whole list again after an hour", () => {
  const on = agenda();
  assert.equal(on.take(0)?.scope, "all");
  on.done({ scope: "all", named: new Map() }, 40, true, 0);
  const scopes: string[] = [];
  for (;;) {
    const { at, task } = next(on);
    scopes.push(task.scope);
    if (task.scope === "all") {
      assert.equal(at, 60 * MINUTE);
      break;
    }
    on.done(task, 1, true, at);
  }
  assert.equal(scopes.length, 12);
});

test("a short list, or one whose changes cannot be listed, is read whole each time", () => {
  for (const [requests, incremental] of [
    [2, true],
    [200, false],
  ] as const) {
    const on = agenda();
    on.done({ scope: "all", named: new Map() }, requests, incremental, 0);
    assert.deepEqual(next(on), { at: 5 * MINUTE, task: { scope: "all", named: new Map() } });
  }
});

test("opening and close are looked at when they are due, and the successor of a short market before its close", () => {
  const on = agenda();
  on.done({ scope: "all", named: new Map() }, 40, true, 0);
  on.follow(market("a", 100 * SECOND, 250 * SECOND), 0);
  on.follow(market("election", null, 4_000 * MINUTE), 0);
  const opening = next(on);
  assert.deepEqual([opening.at, [...opening.task.named.keys()]], [102 * SECOND, ["a"]]);
  on.follow(market("a", 100 * SECOND, 250 * SECOND), opening.at);
  assert.deepEqual([next(on).at, next(on).at], [190 * SECOND, 252 * SECOND], "a minute ahead, and at the close");
  const close = next(on);
  assert.deepEqual([close.at, close.task.scope, [...close.task.named.keys()]], [280 * SECOND, "named", ["a"]]);
});

test("a result is waited for ever more patiently; an absent market is given up", () => {
  const alone = agenda();
  alone.done({ scope: "all", named: new Map() }, 40, true, 0);
  const times: number[] = [];
  alone.awaitResult("a", 0, 0);
  for (let at = 0; times.length < 9;) {
    const round = next(alone);
    at = round.at;
    const attempts = round.task.named.get("a");
    if (attempts === undefined) alone.done(round.task, 1, true, at);
    else {
      times.push(at);
      alone.awaitResult("a", attempts, at);
    }
  }
  const gaps = times.map((at, i) => (at - (times[i - 1] ?? 0)) / SECOND);
  assert.deepEqual(gaps, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
  const asked = agenda();
  asked.done({ scope: "all", named: new Map() }, 40, true, 0);
  asked.announced("b", 0);
  asked.announced("b", SECOND);
  let count = 0;
  for (let at = 0; at < 60 * MINUTE;) {
    const round = next(asked);
    at = round.at;
    const attempts = round.task.named.get("b");
    if (attempts === undefined) asked.done(round.task, 40, true, at);
    else {
      count++;
      asked.absent("b", attempts, at);
    }
  }
  assert.equal(count, 13, "once, and twelve times again");
});

test("a round that failed comes again with its names", () => {
  const on = agenda();
  on.announced("a", 0);
  const task = on.take(0);
  assert.ok(task !== null && task.scope === "all");
  on.failed(task, 7 * SECOND);
  assert.deepEqual(next(on), { at: 7 * SECOND, task });
});
