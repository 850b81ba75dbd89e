import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import { StorageError } from "../../ops/errors.ts";
import type { JournalIdentity } from "../sink.ts";
import { type ManifestEntry, manifestPath, ManifestWriter, readManifest, readManifests } from "./manifest.ts";

const identity: JournalIdentity = { journal: "1".repeat(32), name: "main", recorder: 7, host: "here", since: 1 };

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-manifest-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

function entry(segment: number, revision = 0): ManifestEntry {
  const path = `tables/trades/venue=kalshi/date=2026-11-21/7-${segment}-${revision}.parquet`;
  const file = { table: "trades", venue: "kalshi", date: "2026-11-21", path, rows: 3, bytes: 100, sha256: "ab" };
  return {
    segment,
    revision,
    interpreter: 1,
    firstFrame: segment * 10,
    lastFrame: segment * 10 + 9,
    lastCrc: 5,
    publishedAt: 9,
    files: [file],
  };
}

function write(tape: string, ...entries: readonly ManifestEntry[]): void {
  using writer = new ManifestWriter(tape, identity);
  for (const each of entries) writer.commit(each);
}

const refused = (words: RegExp) => (error: unknown) =>
  error instanceof StorageError &&
  words.test(error.message) &&
  !error.message.includes("\n") &&
  error.hint !== undefined;

test("the last entry of a segment is the one in force", (t) => {
  const tape = scratch(t);
  assert.equal(readManifest(tape, "main"), null);
  write(tape, entry(1), entry(2), entry(1, 1));
  write(tape, entry(3));
  const manifest = readManifest(tape, "main");
  assert.ok(manifest !== null);
  assert.deepEqual(manifest.identity, identity);
  assert.deepEqual([...manifest.entries.values()], [entry(1, 1), entry(2), entry(3)]);
  assert.deepEqual(readManifests(tape), [manifest]);
});

test("wherever the file is torn, whole lines stay and writing goes on behind them", (t) => {
  const tape = scratch(t);
  write(tape, entry(1), entry(2));
  const path = manifestPath(tape, "main");
  const whole = readFileSync(path);
  const ends = [...whole.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length }), (length) => {
      writeFileSync(path, whole);
      truncateSync(path, length);
      const lines = ends.filter((end) => end <= length).length;
      assert.equal(readManifest(tape, "main")?.entries.size, lines === 0 ? undefined : lines - 1);
      write(tape, entry(9));
      const known = [entry(1), entry(2)].slice(0, Math.max(0, lines - 1));
      assert.deepEqual([...readManifest(tape, "main")!.entries.values()], [...known, entry(9)]);
    }),
    { seed: 20261121, numRuns: 60 },
  );
});

test("a last line of garbage is cut, damage before it is refused in one sentence", (t) => {
  const tape = scratch(t);
  write(tape, entry(1), entry(2));
  const path = manifestPath(tape, "main");
  const whole = readFileSync(path);
  appendFileSync(path, '00000000 {"segment":3}\n');
  assert.equal(readManifest(tape, "main")?.entries.size, 2);
  write(tape, entry(3));
  assert.equal(readManifest(tape, "main")?.entries.size, 3);

  const damaged = Buffer.from(whole);
  const at = whole.indexOf(10) + 20;
  damaged[at] = damaged[at]! ^ 1;
  writeFileSync(path, damaged);
  assert.throws(() => readManifest(tape, "main"), refused(/is damaged at byte \d+$/));
  // Refusing leaves no lock behind.
  for (const _ of ["once", "again"])
    assert.throws(() => new ManifestWriter(tape, identity), refused(/is damaged at byte \d+$/));
});

test("the manifest of another journal of that name is refused, and stays as it was", (t) => {
  const tape = scratch(t);
  write(tape, entry(1));
  const before = readFileSync(manifestPath(tape, "main"));
  const other = { ...identity, journal: "2".repeat(32) };
  for (const _ of ["once", "again"])
    assert.throws(() => new ManifestWriter(tape, other), refused(/another journal named "main"/));
  assert.deepEqual(readFileSync(manifestPath(tape, "main")), before);
  write(tape, entry(2));
});

test("one writer at a time", (t) => {
  const tape = scratch(t);
  using writer = new ManifestWriter(tape, identity);
  writer.commit(entry(1));
  assert.throws(() => new ManifestWriter(tape, identity), refused(/being written by another process/));
  assert.equal(readManifest(tape, "main")?.entries.size, 1);
});
