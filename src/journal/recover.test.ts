import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { StorageError } from "../ops/errors.ts";
import { FILE_HEADER_BYTES, scanRecords } from "./codec.ts";
import { listSegments, rawPath, sealedPath, sealLogPath } from "./layout.ts";
import { loadSegment } from "./reader.ts";
import { Kind, type Started } from "./record.ts";
import { seeded, temporary } from "./records.fixture.ts";
import { recoverJournal } from "./recover.ts";
import { jsonOf, openTestJournal, readAll, receivedIn } from "./writer.fixture.ts";

const CONNECTED = JSON.stringify({ venue: "kalshi", stream: "market/0", url: "wss://venue.example/", format: "f" });

/** A raw segment as a crash leaves it: closed cleanly, then its seal taken away. */
async function crashed(dir: string): Promise<Buffer> {
  const writer = await openTestJournal(dir);
  for (let i = 0; i < 3; i++) writer.append(Kind.connected, writer.nextEpoch(), CONNECTED);
  writer.append(Kind.closed, 2, JSON.stringify({ by: "venue" }));
  for (let i = 0; i < 5; i++) writer.received(1, Buffer.from(`frame ${i}`));
  await writer.close();
  unlinkSync(sealedPath(dir, 1));
  return readFileSync(rawPath(dir, 1));
}

test("a torn end of any length is cut, and told by what recovery finds", async () => {
  using dir = temporary();
  const raw = await crashed(dir.path);
  const ends = [FILE_HEADER_BYTES];
  const frames = [0];
  scanRecords(raw, FILE_HEADER_BYTES, raw.length, ({ frame }, _at, next) => {
    ends.push(next);
    frames.push(frame);
  });
  for (let length = ends[1]!; length <= raw.length; length++) {
    writeFileSync(rawPath(dir.path, 1), raw.subarray(0, length));
    const whole = ends.findLastIndex((end) => end <= length);
    const found = recoverJournal(dir.path);
    assert.equal(found?.lastFrame, frames[whole]);
    assert.equal(found?.cutBytes, length - ends[whole]!);
    assert.equal(statSync(rawPath(dir.path, 1)).size, ends[whole]);
  }
  for (let length = 0; length < ends[1]!; length++) {
    writeFileSync(rawPath(dir.path, 1), raw.subarray(0, length));
    assert.equal(recoverJournal(dir.path), null);
  }
});

test("the journal goes on behind a torn end: next frame number, cut bytes and live connections in `started`", async () => {
  using dir = temporary();
  const raw = await crashed(dir.path);
  truncateSync(rawPath(dir.path, 1), raw.length - 3);
  const writer = await openTestJournal(dir.path);
  assert.deepEqual(writer.liveConnections, [1, 3]);
  assert.equal(writer.nextEpoch(), 4);
  await writer.close();
  const records = readAll(dir.path);
  assert.deepEqual(
    records.map(({ frame }) => frame),
    records.map((_record, i) => i + 1),
  );
  assert.deepEqual(receivedIn(records), ["frame 0", "frame 1", "frame 2", "frame 3"]);
  const started = jsonOf<Started>(records, Kind.started).at(-1);
  assert.equal(started?.cutBytes, 40 + "frame 4".length - 3);
  assert.deepEqual(started?.liveConnections, [1, 3]);
  assert.deepEqual(
    listSegments(dir.path).map(({ segment }) => segment),
    [1, 2],
  );
});

test("connections stay told as live while process after process dies before its `started` record is whole", async () => {
  using dir = temporary();
  await crashed(dir.path);
  for (let died = 1; died <= 2; died++) {
    const writer = await openTestJournal(dir.path);
    assert.deepEqual(writer.liveConnections, [1, 3]);
    await writer.close();
    const { segment } = writer;
    unlinkSync(sealedPath(dir.path, segment));
    const raw = readFileSync(rawPath(dir.path, segment));
    const ends: number[] = [];
    scanRecords(raw, FILE_HEADER_BYTES, raw.length, (_record, _at, next) => ends.push(next));
    truncateSync(rawPath(dir.path, segment), ends[0]! + 20);
    const found = recoverJournal(dir.path);
    assert.deepEqual(found?.liveConnections, [1, 3]);
    assert.equal(found?.lastFrame, 11 + died);
    assert.equal(found?.nextEpoch, 4);
    assert.equal(found?.lastSegment, segment);
  }
});

test("200 truncations: every record that is whole before the cut is there afterwards", async () => {
  using dir = temporary();
  const raw = await crashed(dir.path);
  const random = seeded(6);
  for (let i = 0; i < 200; i++) {
    const length = FILE_HEADER_BYTES + random(raw.length - FILE_HEADER_BYTES);
    writeFileSync(rawPath(dir.path, 1), raw.subarray(0, length));
    let whole = 0;
    scanRecords(raw, FILE_HEADER_BYTES, raw.length, ({ frame }, _at, next) => {
      if (next <= length) whole = frame;
    });
    assert.equal(recoverJournal(dir.path)?.lastFrame ?? 0, whole);
  }
});

test("a tail of many megabytes of zeros is cut", async () => {
  using dir = temporary();
  const raw = await crashed(dir.path);
  appendFileSync(rawPath(dir.path, 1), Buffer.alloc(48 * 1024 * 1024));
  assert.equal(recoverJournal(dir.path)?.cutBytes, 48 * 1024 * 1024);
  assert.equal(statSync(rawPath(dir.path, 1)).size, raw.length);
});

test("damage in the middle is not cut: what follows it stays", async () => {
  using dir = temporary();
  const raw = await crashed(dir.path);
  raw[raw.length - 60]! ^= 1;
  writeFileSync(rawPath(dir.path, 1), raw);
  const found = recoverJournal(dir.path);
  assert.equal(found?.cutBytes, 0);
  assert.equal(statSync(rawPath(dir.path, 1)).size, raw.length);
});

test("what a power cut brings back of a segment that was cut is not read twice, and cut again", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path);
  for (let i = 0; i < 5; i++) writer.received(1, Buffer.from(`frame ${i}`));
  await writer.close();
  const before = readAll(dir.path);
  const raw = readFileSync(rawPath(dir.path, 1));
  // As after a failed sync: the last two records were moved to segment 2, behind its preamble.
  const second = Buffer.from(raw);
  second.writeUInt32LE(2, 12);
  writeFileSync(rawPath(dir.path, 2), second);
  assert.equal(loadSegment(listSegments(dir.path)[0]!).length, FILE_HEADER_BYTES);
  assert.equal(readAll(dir.path).length, before.length);
  unlinkSync(sealedPath(dir.path, 1));
  unlinkSync(sealLogPath(dir.path));
  recoverJournal(dir.path);
  assert.equal(statSync(rawPath(dir.path, 1)).size, FILE_HEADER_BYTES);
});

test("a file of a newer format is refused, and left alone", async () => {
  using dir = temporary();
  const raw = await crashed(dir.path);
  raw.writeUInt32LE(2, 8);
  writeFileSync(rawPath(dir.path, 1), raw);
  assert.throws(
    () => recoverJournal(dir.path),
    (error: unknown) => error instanceof StorageError && /written by a newer Foretape \(format 2\)/.test(error.message),
  );
  assert.deepEqual(readFileSync(rawPath(dir.path, 1)), raw);
});

test("where there is no journal there is nothing to recover", () => {
  using dir = temporary();
  assert.equal(recoverJournal(dir.path), null);
});
