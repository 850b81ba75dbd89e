import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { Sealing } from "./sealing.ts";

/** A thread that answers each request with this, or nothing. */
function thread(answer: string): Worker {
  return new Worker(`require("node:worker_threads").parentPort.on("message", ({ seal }) => { ${answer} })`, {
    eval: true,
  });
}

test("a stop waits for what is being sealed", async () => {
  const failures: string[] = [];
  const answer = `require("node:worker_threads").parentPort.postMessage({ failed: seal, message: "no" })`;
  const sealing = new Sealing("", (message) => failures.push(message), thread(answer));
  for (const segment of [1, 2, 3]) sealing.seal(segment);
  await sealing.finish(60_000);
  assert.deepEqual(
    failures,
    [1, 2, 3].map((segment) => `cannot seal segment ${segment}: no`),
  );
  await sealing.stop();
});

test("a stop does not wait for ever for a segment that takes long to seal", async () => {
  const sealing = new Sealing("", assert.fail, thread(""));
  sealing.seal(1);
  await sealing.finish(20);
  await sealing.stop();
});
