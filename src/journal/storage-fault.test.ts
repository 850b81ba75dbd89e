import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { StorageError } from "../ops/errors.ts";
import { FaultyDisk } from "./faulty-disk.fixture.ts";
import { listSegments } from "./layout.ts";
import { Follower } from "./reader.ts";
import { Kind, type Preamble } from "./record.ts";
import { recordsIn, seeded, temporary } from "./records.fixture.ts";
import { jsonOf, openTestJournal, readAll, receivedIn } from "./writer.fixture.ts";

interface FaultDecision {
  readonly type: string;
  readonly fault: string;
  readonly reason: string;
  readonly moved: number;
  readonly lost: unknown;
}

/** What a follower of the live journal has seen, each record once. */
class Watcher {
  readonly frames: number[] = [];
  readonly received: string[] = [];
  readonly #follower: Follower;

  constructor(dir: string) {
    this.#follower = new Follower(dir, { segment: 1, offset: 0 }, { pieceBytes: 700 });
  }

  look(): void {
    const limit = this.#follower.limit();
    for (let batch = this.#follower.next(limit); batch !== null; batch = this.#follower.next(limit)) {
      const records = recordsIn(batch.buffer, batch.start, batch.end);
      this.frames.push(...records.map(({ frame }) => frame));
      this.received.push(...receivedIn(records));
    }
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_value, i) => i + 1);

test("a failed sync, the N-th of 1 to 50: nothing is lost, nothing is synced twice, no reader is ahead", async () => {
  for (let n = 1; n <= 50; n++) {
    using dir = temporary();
    const disk = new FaultyDisk();
    disk.failSync = (count) => count === n;
    const errors: StorageError[] = [];
    const writer = await openTestJournal(dir.path, {
      disk,
      errors,
      config: { sync_every: 60_000_000, segment: 3_000 },
    });
    const watcher = new Watcher(dir.path);
    const sent: string[] = [];
    for (let i = 0; disk.syncs < n || i < 60; i++) {
      for (let j = 0; j <= i % 7; j++) {
        sent.push(`${i}/${j}`);
        writer.received(1, Buffer.from(`${i}/${j}`));
      }
      await turn();
      if (i % 3 === 0) await writer.durable();
      watcher.look();
      assert.ok(watcher.frames.length <= writer.lastDurableFrame);
    }
    await writer.close();
    watcher.look();
    const records = readAll(dir.path);
    assert.deepEqual(receivedIn(records), sent, `sync ${n}`);
    assert.deepEqual(
      records.map(({ frame }) => frame),
      numbers(records.length),
    );
    assert.deepEqual(watcher.received, sent);
    assert.deepEqual(watcher.frames, numbers(records.length));
    assert.equal(disk.repeated, 0);
    assert.equal(errors.length, 1);
    const faults = jsonOf<FaultDecision>(records, Kind.decision).filter(({ type }) => type === "storage-fault");
    assert.deepEqual(
      faults.map(({ fault, lost }) => ({ fault, lost })),
      [{ fault: "sync", lost: null }],
    );
    const segments = listSegments(dir.path);
    assert.deepEqual(
      segments.map(({ segment }) => segment),
      numbers(segments.length),
    );
  }
});

test("a full disk at random writes: all is kept in memory and written when there is room", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const random = seeded(5);
  for (let round = 0; round < 30; round++) {
    using dir = temporary();
    const disk = new FaultyDisk();
    const errors: StorageError[] = [];
    const writer = await openTestJournal(dir.path, {
      disk,
      errors,
      config: { sync_every: 60_000_000, segment: 3_000 },
    });
    const from = disk.writes + 1 + random(20);
    disk.failWrite = (count) => (count >= from ? (count === from && round % 2 === 0 ? 17 : "ENOSPC") : null);
    const sent: string[] = [];
    let i = 0;
    for (; i < 40; i++) {
      sent.push(`${round}/${i}`);
      writer.received(1, Buffer.from(`${round}/${i}`));
      await turn();
    }
    assert.equal(errors.length, 1);
    assert.ok(writer.unwritten > 0);
    await assert.rejects(writer.durable(), /cannot write/);
    t.mock.timers.tick(1000);
    assert.ok(writer.unwritten > 0);
    disk.failWrite = () => null;
    t.mock.timers.tick(1000);
    await writer.close();
    const records = readAll(dir.path);
    assert.deepEqual(receivedIn(records), sent);
    assert.deepEqual(
      records.map(({ frame }) => frame),
      numbers(records.length),
    );
    const faults = jsonOf<FaultDecision>(records, Kind.decision).filter(({ type }) => type === "storage-fault");
    assert.equal(faults.length, 1);
    assert.deepEqual([faults[0]?.fault, faults[0]?.lost], ["write", null]);
    assert.match(faults[0]?.reason ?? "", /ENOSPC/);
  }
});

test("a write that fails otherwise gives the file up", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  using dir = temporary();
  const disk = new FaultyDisk();
  const writer = await openTestJournal(dir.path, { disk });
  const failing = disk.writes + 1;
  disk.failWrite = (count) => (count === failing ? "EIO" : null);
  writer.received(1, Buffer.from("one"));
  await turn();
  await turn();
  writer.received(1, Buffer.from("two"));
  t.mock.timers.tick(1000);
  await writer.close();
  assert.deepEqual(receivedIn(readAll(dir.path)), ["one", "two"]);
  assert.equal(listSegments(dir.path).length, 2);
});

test("closing with a full disk fails with one sentence, and gives up the lock", async () => {
  using dir = temporary();
  const disk = new FaultyDisk();
  const writer = await openTestJournal(dir.path, { disk });
  disk.failWrite = () => "ENOSPC";
  writer.received(1, Buffer.from("lost"));
  await assert.rejects(
    writer.close(),
    (error: unknown) => error instanceof StorageError && /^cannot write \S+: ENOSPC/.test(error.message),
  );
  await (await openTestJournal(dir.path)).close();
});

test("opening on a full disk fails with one sentence, and gives up the lock", async () => {
  using dir = temporary();
  const disk = new FaultyDisk();
  disk.failWrite = () => "ENOSPC";
  await assert.rejects(openTestJournal(dir.path, { disk }), /cannot write .*ENOSPC/);
  await (await openTestJournal(dir.path)).close();
});

test("a disk whose syncs keep failing is an error for who waits, and heals", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  using dir = temporary();
  const disk = new FaultyDisk();
  const writer = await openTestJournal(dir.path, { disk, config: { sync_every: 60_000_000 } });
  disk.failSync = () => true;
  writer.received(1, Buffer.from("one"));
  await assert.rejects(writer.durable(), /cannot make the journal durable: EIO/);
  disk.failSync = () => false;
  t.mock.timers.tick(1000);
  await writer.durable();
  await writer.close();
  assert.equal(disk.repeated, 0);
  assert.deepEqual(receivedIn(readAll(dir.path)), ["one"]);
});

test("what memory could not hold is counted as lost, with its times", async () => {
  using dir = temporary();
  const disk = new FaultyDisk();
  const writer = await openTestJournal(dir.path, { disk, config: { sync_every: 60_000_000, segment: 1e9 } });
  const payload = Buffer.alloc(1_000_000);
  const sent = 80;
  for (let i = 0; i < sent; i++) {
    writer.received(1, payload);
    await turn();
  }
  const failing = disk.syncs + 1;
  disk.failSync = (count) => count === failing;
  await writer.durable();
  await writer.close();
  const records = readAll(dir.path);
  const [fault] = jsonOf<{ lost: { records: number; from: number; to: number } }>(records, Kind.decision);
  const kept = receivedIn(records).length;
  assert.ok(kept < sent);
  assert.equal((fault?.lost.records ?? 0) + kept, sent);
  assert.ok((fault?.lost.from ?? 0) > 0 && (fault?.lost.from ?? 0) <= (fault?.lost.to ?? 0));
});

test("a reference to an HTTP body follows it to the new segment, and a body left behind is taken along", async () => {
  using dir = temporary();
  const disk = new FaultyDisk();
  const writer = await openTestJournal(dir.path, { disk, config: { sync_every: 60_000_000 } });
  const head = { venue: "kalshi", method: "GET", url: "https://venue.example/a", status: 200, sentAt: 1 };
  const durable = writer.append(Kind.http, 0, `${JSON.stringify(head)}\nbody a`);
  await writer.durable();
  writer.append(Kind.http, 0, `${JSON.stringify({ ...head, bodyOf: durable })}\n`);
  const b = writer.append(Kind.http, 0, `${JSON.stringify(head)}\nbody b`);
  writer.append(Kind.http, 0, `${JSON.stringify({ ...head, bodyOf: b })}\n`);
  const failing = disk.syncs + 1;
  disk.failSync = (count) => count === failing;
  await writer.durable();
  await writer.close();
  const records = readAll(dir.path).filter(({ kind }) => kind === Kind.http);
  const texts = records.map(({ payload }) => payload.toString());
  assert.equal(texts[1], `${JSON.stringify(head)}\nbody a`);
  assert.equal(texts[2], `${JSON.stringify(head)}\nbody b`);
  assert.equal(texts[3], `${JSON.stringify({ ...head, bodyOf: records[2]?.frame })}\n`);
});

test("the new segment's preamble does not know connections whose opening was moved behind it", async () => {
  using dir = temporary();
  const disk = new FaultyDisk();
  const open: Preamble["connections"][number][] = [];
  const writer = await openTestJournal(dir.path, { disk, open, config: { sync_every: 60_000_000 } });
  const connect = (epoch: number): void => {
    const connected = {
      venue: "kalshi",
      stream: `market/${epoch}`,
      url: "wss://venue.example/",
      format: "kalshi-ws-v2",
    };
    open.push({ ...connected, epoch, commands: [] });
    writer.append(Kind.connected, epoch, JSON.stringify(connected));
  };
  connect(writer.nextEpoch());
  await writer.durable();
  connect(writer.nextEpoch());
  const failing = disk.syncs + 1;
  disk.failSync = (count) => count === failing;
  await writer.durable();
  await writer.close();
  const last = jsonOf<Preamble>(readAll(dir.path), Kind.preamble).at(-1);
  assert.deepEqual(
    last?.connections.map(({ epoch }) => epoch),
    [1],
  );
});
