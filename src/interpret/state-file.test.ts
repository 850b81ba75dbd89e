import assert from "node:assert/strict";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { StorageError } from "../ops/errors.ts";
import { scratch } from "./session.fixture.ts";
import { readState, type State, writeState } from "./state-file.ts";

const origin = { journal: "1".repeat(32), interpreter: 3 };

function state(segment: number, other: Partial<State> = {}): State {
  return {
    ...origin,
    segment,
    saved: {
      venues: { kalshi: { "85° or above": [segment] } },
      radars: {},
      books: [],
      connections: [],
      now: 7,
      snapshotDue: false,
    },
    ...other,
  };
}

test("the nearest state at or before a segment is read as it was written", (t) => {
  const tape = scratch(t);
  assert.equal(readState(tape, "main", origin, 99), null);
  for (const segment of [2, 5, 9]) writeState(tape, "main", state(segment));
  for (const [wanted, found] of [
    [1, null],
    [2, 2],
    [4, 2],
    [5, 5],
    [8, 5],
    [9, 9],
    [1000, 9],
  ] as const) {
    assert.deepEqual(readState(tape, "main", origin, wanted), found === null ? null : state(found));
  }
  assert.equal(readState(tape, "other", origin, 9), null);
});

test("states of another version or journal are passed over", (t) => {
  const tape = scratch(t);
  writeState(tape, "main", state(2));
  writeState(tape, "main", state(5, { interpreter: 4 }));
  writeState(tape, "main", state(9, { journal: "2".repeat(32) }));
  assert.deepEqual(readState(tape, "main", origin, 9), state(2));
  assert.equal(readState(tape, "main", { ...origin, interpreter: 5 }, 9), null);
});

test("a damaged or torn state is passed over, whichever byte it is", (t) => {
  const tape = scratch(t);
  writeState(tape, "main", state(2));
  writeState(tape, "main", state(5));
  const path = join(tape, "state/main/0000000005.state");
  const whole = readFileSync(path);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, torn) => {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ flip;
      writeFileSync(path, bytes);
      if (torn) truncateSync(path, at);
      assert.deepEqual(readState(tape, "main", origin, 9), state(2));
    }),
    { seed: 20261121, numRuns: 200 },
  );
  writeFileSync(path, whole);
  assert.deepEqual(readState(tape, "main", origin, 9), state(5));
});

test("only the latest few are kept, and nothing half written", (t) => {
  const tape = scratch(t);
  for (let segment = 1; segment <= 20; segment++) writeState(tape, "main", state(segment));
  assert.deepEqual(readdirSync(join(tape, "state/main")).toSorted(), [
    "0000000018.state",
    "0000000019.state",
    "0000000020.state",
  ]);
});

test("a state that cannot be written is one sentence", (t) => {
  const tape = scratch(t);
  writeFileSync(join(tape, "state"), "");
  assert.throws(
    () => writeState(tape, "main", state(1)),
    (error) => error instanceof StorageError && error.message.startsWith("cannot write a state file in "),
  );
});
