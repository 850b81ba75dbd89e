import assert from "node:assert/strict";
import { existsSync, readFileSync, unlinkSync } from "node:fs";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { listSegments, rawPath, sealedPath } from "./layout.ts";
import { lockJournal } from "./lock.ts";
import { readMark } from "./mark.ts";
import { decodeHttp, Follower, identify, readPreamble } from "./reader.ts";
import type { JournalRecord } from "./record.ts";
import { recordsIn, seeded, temporary } from "./records.fixture.ts";
import { openTestJournal, readAll } from "./writer.fixture.ts";

function* recordsOf(follower: Follower): Generator<JournalRecord> {
  const limit = follower.limit();
  for (let batch = follower.next(limit); batch !== null; batch = follower.next(limit)) {
    yield* recordsIn(batch.buffer, batch.start, batch.end);
  }
}

/** A journal of several segments with payloads of any size up to some kilobytes. */
async function record(dir: string, count: number): Promise<void> {
  const random = seeded(7);
  const writer = await openTestJournal(dir, { config: { segment: 20_000 } });
  for (let i = 0; i < count; i++) {
    writer.received(1, Buffer.alloc(random(i % 50 === 0 ? 9_000 : 300), i));
    if (i % 9 === 0) await turn();
  }
  await writer.close();
}

test("the last segment ends with the mark: a follower need not wait until the writer has gone", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path);
  writer.received(1, Buffer.from("one"));
  await writer.close();
  // As it is while the writer still seals.
  using _ = lockJournal(dir.path, "main");
  using follower = new Follower(dir.path, { segment: 1, offset: 0 });
  const limit = follower.limit();
  assert.equal(limit.live, true);
  assert.equal(follower.next(limit)?.last, true);
  assert.equal(follower.next(limit), null);
});

test("a follower returns each record once and in order, in pieces of any size, from raw and from sealed files", async () => {
  using dir = temporary();
  await record(dir.path, 400);
  const brief = ({ frame, mono, payload }: JournalRecord): string => `${frame} ${mono} ${crc32(payload)}`;
  const all = readAll(dir.path).map(brief);
  const segments = listSegments(dir.path);
  assert.ok(segments.length > 4);
  const mustReadAll = (pieceBytes: number): void => {
    using follower = new Follower(dir.path, { segment: 1, offset: 0 }, { pieceBytes });
    assert.deepEqual([...recordsOf(follower)].map(brief), all, `pieces of ${pieceBytes}`);
  };
  for (const pieceBytes of [1_000, 10_000, 10_007, 4_000_000]) mustReadAll(pieceBytes);
  for (const { segment } of segments) if (segment % 2 === 0) unlinkSync(rawPath(dir.path, segment));
  mustReadAll(10_000);
  for (const { path } of listSegments(dir.path)) if (path.endsWith(".raw")) unlinkSync(path);
  mustReadAll(10_000);
});

test("a follower of a journal that is being written sees what is durable, once and in order, and nothing else", async () => {
  using dir = temporary();
  const random = seeded(8);
  const writer = await openTestJournal(dir.path, { config: { segment: 10_000, sync_every: 1_000 } });
  using follower = new Follower(dir.path, { segment: 1, offset: 0 }, { pieceBytes: 3_000 });
  const frames: number[] = [];
  for (let i = 0; i < 1_500; i++) {
    writer.received(1, Buffer.alloc(random(200), i));
    if (i % 10 !== 0) continue;
    await turn();
    if (random(4) === 0) await writer.durable();
    for (const { frame } of recordsOf(follower)) {
      frames.push(frame);
      assert.ok(frame <= writer.lastWrittenFrame);
    }
    assert.ok((readMark(dir.path)?.frame ?? 0) >= (frames.at(-1) ?? 0), "the follower is not ahead of the mark");
  }
  await writer.close();
  frames.push(...[...recordsOf(follower)].map(({ frame }) => frame));
  assert.deepEqual(
    frames,
    readAll(dir.path).map(({ frame }) => frame),
  );
  assert.ok(writer.segment > 5);
});

test("the mark names a durable frame and the offset behind it", async () => {
  using dir = temporary();
  const writer = await openTestJournal(dir.path, { config: { sync_every: 1_000 } });
  for (let i = 0; i < 200; i++) {
    writer.received(1, Buffer.from(`${i}`));
    await turn();
    const mark = readMark(dir.path);
    if (mark === null) continue;
    const [file] = listSegments(dir.path);
    const before = recordsIn(readFileSync(file!.path), 16, mark.offset);
    assert.equal(before.at(-1)?.frame, mark.frame);
  }
  await writer.close();
});

test("a journal knows its identity and its preambles", async () => {
  using dir = temporary();
  assert.equal(identify(dir.path), null);
  const writer = await openTestJournal(dir.path);
  await writer.close();
  assert.equal(identify(dir.path)?.journal, writer.id);
  const [file] = listSegments(dir.path);
  const raw = readPreamble(file!);
  assert.equal(raw?.frame, 1);
  unlinkSync(rawPath(dir.path, 1));
  assert.ok(existsSync(sealedPath(dir.path, 1)));
  assert.deepEqual(readPreamble(listSegments(dir.path)[0]!), raw);
});

test("an HTTP exchange has its own body, or the one that it refers to", () => {
  const head = { venue: "kalshi", method: "GET", url: "https://venue.example/", status: 200, sentAt: 1 };
  const own = decodeHttp(Buffer.from(`${JSON.stringify(head)}\n{"a":\n1}`), () => undefined);
  assert.deepEqual([own.head, own.body.toString()], [head, '{"a":\n1}']);
  const referring = Buffer.from(`${JSON.stringify({ ...head, bodyOf: 4 })}\n`);
  assert.equal(
    decodeHttp(referring, (frame) => (frame === 4 ? Buffer.from("four") : undefined)).body.toString(),
    "four",
  );
});
