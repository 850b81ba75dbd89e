import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { journalDir, listSegments, rawPath, sealedPath } from "../src/journal/layout.ts";
import { Kind } from "../src/journal/record.ts";
import { KalshiScript, openTestJournal, scratch } from "../src/tape/tape.fixture.ts";
import { journalRecords } from "./journal-records.ts";

const READER = join(import.meta.dirname, "../examples/read_journal.py");
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const hasZstd =
  spawnSync("zstd", ["--version"]).status === 0 || spawnSync("python3", ["-c", "import compression.zstd"]).status === 0;

interface Line {
  readonly segment: number;
  readonly frame: number;
  readonly kind: string;
  readonly epoch: number;
  readonly wall_ns: number | null;
  readonly payload: string;
}

function read(path: string): Line[] {
  const text = execFileSync("python3", [READER, path], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

test("the Python reader, written from docs/journal-format.md, reads what we write", async (t) => {
  if (!hasPython) return t.skip("there is no python3 on this machine");
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]]);
  for (let i = 0; i < 3000; i++) script.delta("0.4000", "1.00");
  script.raw("caf\u00e9 {");
  journal.appendAt(Kind.received, 1, "no receive time", null);
  journal.appendAt(Kind.received, 1, "long ago", 1_500_000_000_123_456);
  journal.append(Kind.received, 1, Buffer.from([0, 255, 128, 10]));
  await journal.close();
  const dir = journalDir(tape, "main");
  const expected = journalRecords(dir);
  const segment = listSegments(dir)[0]!.segment;

  const raw = read(rawPath(dir, segment));
  assert.deepEqual(
    raw.map(({ frame, kind, epoch, payload }) => ({
      frame,
      kind,
      epoch,
      text: Buffer.from(payload, "latin1").toString(),
    })),
    expected,
  );
  assert.deepEqual(
    raw.slice(-3, -1).map((line) => line.wall_ns),
    [null, 1_500_000_000_123_456_000],
  );

  // A flipped bit costs the record that it hit.
  const harmed = join(tape, "harmed.raw");
  const bytes = readFileSync(rawPath(dir, segment));
  bytes[bytes.length - 5000]! ^= 1;
  writeFileSync(harmed, bytes);
  assert.equal(read(harmed).length, raw.length - 1);

  if (!hasZstd) return t.diagnostic("sealed segments were not read: no zstd for Python on this machine");
  assert.deepEqual(read(sealedPath(dir, segment)), raw);
});
