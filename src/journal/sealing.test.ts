import assert from "node:assert/strict";
import { existsSync, utimesSync } from "node:fs";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { listSegments, rawPath, sealedPath } from "./layout.ts";
import { temporary } from "./records.fixture.ts";
import { Sealing } from "./sealing.ts";
import { openTestJournal, readAll } from "./writer.fixture.ts";

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

test("raw files leave a quarter of an hour after they were sealed, and not before", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path, { config: { segment: 2_000 } });
  for (let i = 0; i < 60; i++) {
    writer.received(1, Buffer.alloc(100, i));
    await writer.durable();
  }
  await writer.close();
  const segments = listSegments(dir.path).map(({ segment }) => segment);
  assert.ok(segments.length > 3);
  const records = readAll(dir.path).length;
  const old = segments.slice(0, 2);
  for (const segment of old) utimesSync(sealedPath(dir.path, segment), 0, Date.now() / 1000 - 16 * 60);

  const failures: string[] = [];
  const sealing = new Sealing(dir.path, (message) => failures.push(message));
  // What is sealed between two looks is known without another one. It fails, and so shows that the looks are over.
  for (const missing of [9_001, 9_002]) {
    sealing.expire();
    sealing.seal(missing);
    await sealing.finish(60_000);
  }
  await sealing.stop();
  assert.equal(failures.length, 2);
  for (const segment of segments)
    assert.equal(existsSync(rawPath(dir.path, segment)), !old.includes(segment), `raw file of segment ${segment}`);
  assert.equal(readAll(dir.path).length, records, "what left is in its sealed twin");
});
