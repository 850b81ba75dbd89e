import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { StorageError } from "../ops/errors.ts";
import { listSegments, rawPath, sealedPath, sealLogPath } from "./layout.ts";
import { readMark } from "./mark.ts";
import { readPreamble } from "./reader.ts";
import { Kind, type Preamble, type Started } from "./record.ts";
import { temporary } from "./records.fixture.ts";
import { jsonOf, openTestJournal, readAll, receivedIn } from "./writer.fixture.ts";

test("what was appended is in the file after the turn, durable after `durable`, sealed after `close`", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path);
  const frame = writer.received(1, Buffer.from("one"));
  assert.ok(writer.unwritten > 0);
  await turn();
  await turn();
  assert.equal(writer.unwritten, 0);
  assert.equal(writer.lastWrittenFrame, frame);
  assert.deepEqual(receivedIn(readAll(dir.path)), ["one"]);
  await writer.durable();
  assert.ok(writer.lastDurableFrame >= frame);
  assert.equal(readMark(dir.path)?.frame, writer.lastDurableFrame);
  await writer.close();
  const last = listSegments(dir.path).at(-1)?.segment ?? 0;
  assert.deepEqual(readMark(dir.path), { segment: last + 1, offset: 0, frame: writer.lastDurableFrame });
  assert.ok(existsSync(sealedPath(dir.path, 1)));
  assert.equal(readFileSync(sealLogPath(dir.path), "utf8").trim().split("\n").length, 1);
  assert.throws(() => writer.received(1, Buffer.from("late")), /journal "main" is closed/);
});

test("frame numbers go up by one over segments and starts, and each start says what it found", async () => {
  using dir = temporary();
  let id = "";
  for (let start = 0; start < 3; start++) {
    const writer = await openTestJournal(dir.path, { config: { segment: 2_000 } });
    id ||= writer.id;
    assert.equal(writer.id, id);
    for (let i = 0; i < 100; i++) {
      writer.received(1, Buffer.from(`${start}/${i}`));
      if (i % 10 === 9) await turn();
    }
    await writer.close();
  }
  const records = readAll(dir.path);
  assert.deepEqual(
    records.map(({ frame }) => frame),
    records.map((_record, i) => i + 1),
  );
  assert.equal(receivedIn(records).length, 300);
  assert.equal(jsonOf<Started>(records, Kind.started).length, 3);
  const segments = listSegments(dir.path);
  assert.ok(segments.length > 6);
  assert.deepEqual(
    segments.map(({ segment }) => segment),
    segments.map((_segment, i) => i + 1),
  );
  for (const segment of segments) assert.equal(readPreamble(segment)?.preamble.segment, segment.segment);
});

test("a segment ends at its age and at midnight UTC", async (t) => {
  using dir = temporary();
  let now = Date.UTC(2026, 10, 21, 23, 50, 0);
  t.mock.method(Date, "now", () => now);
  await using writer = await openTestJournal(dir.path, { config: { segment_every: 300_000_000 } });
  const segmentAfter = async (milliseconds: number): Promise<number> => {
    now += milliseconds;
    writer.append(Kind.tick, 0, "");
    await writer.durable();
    return writer.segment;
  };
  assert.equal(await segmentAfter(299_999), 1);
  assert.equal(await segmentAfter(1), 2);
  assert.equal(await segmentAfter(299_999), 2);
  // Midnight: the segment is five minutes old, and the next one is not when its day begins.
  assert.equal(await segmentAfter(1), 3);
  now = Date.UTC(2026, 10, 22, 23, 58, 0);
  assert.equal(await segmentAfter(0), 4);
  assert.equal(await segmentAfter(119_999), 4);
  assert.equal(await segmentAfter(1), 5);
});

test("a preamble holds the connections that are open, with their commands byte for byte", async () => {
  using dir = temporary();
  const open: Preamble["connections"] = [
    {
      epoch: 7,
      venue: "kalshi",
      stream: "market/0",
      url: "wss://venue.example/",
      format: "kalshi-ws-v2",
      commands: [{ sent: true, bytes: Buffer.from([0x7b, 0xff, 0x00, 0x7d]).toString("latin1") }],
    },
  ];
  const writer = await openTestJournal(dir.path, { open, config: { segment: 1000 } });
  writer.received(7, Buffer.alloc(2000));
  await writer.close();
  const preambles = jsonOf<Preamble>(readAll(dir.path), Kind.preamble);
  assert.ok(preambles.length >= 2);
  for (const preamble of preambles) assert.deepEqual(preamble.connections, open);
});

test("a second writer is refused, and the first goes on", async () => {
  using dir = temporary();
  await using writer = await openTestJournal(dir.path);
  await assert.rejects(openTestJournal(dir.path), /is being written by another process/);
  writer.received(1, Buffer.from("still here"));
  await writer.durable();
});

test("raw segments stay beside their seals", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path);
  await writer.close();
  assert.ok(existsSync(rawPath(dir.path, 1)) && existsSync(sealedPath(dir.path, 1)));
});

test("imports keep the times they were told", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path, { source: "import" });
  writer.appendAt(Kind.received, 1, "timed", 1_779_000_000_123_456);
  writer.appendAt(Kind.received, 1, "untimed", null);
  await writer.close();
  const [timed, untimed] = readAll(dir.path).filter(({ kind }) => kind === Kind.received);
  assert.deepEqual([timed?.wall, timed?.mono], [1_779_000_000_123_456, 0]);
  assert.deepEqual([untimed?.wall, untimed?.mono], [null, 0]);
});

test("records larger than any buffer are written whole", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path);
  const sizes = [0, 1, 1024 * 1024 - 40, 1024 * 1024 - 39, 3 * 1024 * 1024, 5];
  for (const size of sizes) writer.received(1, Buffer.alloc(size, size % 251));
  await writer.close();
  const received = readAll(dir.path).filter(({ kind }) => kind === Kind.received);
  assert.deepEqual(
    received.map(({ payload }) => payload.length),
    sizes,
  );
  assert.ok(received.every(({ payload }) => payload.every((byte) => byte === payload.length % 251)));
});

test("a directory that cannot be made is one sentence", async () => {
  using dir = temporary();
  await (await openTestJournal(dir.path)).close();
  await assert.rejects(openTestJournal(`${sealLogPath(dir.path)}/below`), StorageError);
});
