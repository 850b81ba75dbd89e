import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { journalDir, listSegments, rawPath, sealedPath } from "../journal/layout.ts";
import { ManifestWriter, manifestPath, type ManifestEntry, readManifest } from "../sinks/parquet/manifest.ts";
import type { Check } from "./check.ts";
import { KalshiScript, openTestJournal, project, scratch } from "./tape.fixture.ts";
import { verifyTape } from "./verify.ts";

async function verify(tape: string, quick = false): Promise<Check[]> {
  const checks: Check[] = [];
  for await (const check of verifyTape({ tape, quick, signal: new AbortController().signal })) checks.push(check);
  return checks;
}

/** Names of the checks with this status. */
function named(checks: readonly Check[], status: Check["status"]): string[] {
  return checks.filter((check) => check.status === status).map(({ check }) => check);
}

function detail(checks: readonly Check[], name: string): string {
  return checks.find(({ check }) => check === name)?.detail ?? "";
}

/** A tape of several segments with a hole, an unreadable frame and a reconnect in it, all told. */
async function recorded(t: TestContext): Promise<string> {
  const tape = scratch(t);
  const journal = await openTestJournal(tape, "main", { segment: 8_000 });
  const first = new KalshiScript(journal);
  first.snapshot([["0.4000", "10.00"]], [["0.5000", "3.00"]]);
  for (let i = 0; i < 100; i++) {
    first.delta(`0.${20 + (i % 10)}00`, "1.00");
    if (i % 20 === 0) await journal.durable();
  }
  first.skip();
  first.delta("0.4000", "1.00");
  first.raw("{not json");
  first.close("venue");
  const second = new KalshiScript(journal);
  second.snapshot([["0.4000", "10.00"]]);
  for (let i = 0; i < 20; i++) second.delta("0.4000", "1.00");
  await journal.durable();
  second.close("stopped");
  await journal.close();
  await project(tape);
  assert.ok(listSegments(journalDir(tape, "main")).length > 2);
  return tape;
}

/** Makes `entry` the segment's entry in force, as a replay would. */
function commit(tape: string, change: (entry: ManifestEntry) => ManifestEntry): void {
  const manifest = readManifest(tape, "main")!;
  const [entry] = manifest.entries.values();
  using writer = new ManifestWriter(tape, manifest.identity);
  writer.commit(change(entry!));
}

test("a sound tape passes, and verifying changes nothing", async (t) => {
  const tape = await recorded(t);
  const list = () => readdirSync(tape, { recursive: true }).toSorted();
  const before = list();
  const checks = await verify(tape);
  assert.deepEqual(named(checks, "fail"), []);
  assert.deepEqual(named(checks, "note"), []);
  assert.match(detail(checks, "sequences"), /1 jump,/);
  assert.match(detail(checks, "frames"), /1 quarantined/);
  assert.deepEqual(list(), before);
  assert.ok(named(await verify(tape, true), "ok").every((name) => !["rows", "frames", "books"].includes(name)));
});

test("a tape that is being recorded passes", async (t) => {
  const tape = await recorded(t);
  const journal = await openTestJournal(tape);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]]);
  await journal.durable();
  assert.deepEqual(named(await verify(tape), "fail"), []);
  await journal.close();
  const checks = await verify(tape);
  assert.deepEqual(named(checks, "fail"), []);
  assert.match(detail(checks, "coverage"), /1 segment not in the tables yet/);
});

test("damage to the journal is found and named", async (t) => {
  const flip = (path: string, at: number): void => {
    const bytes = readFileSync(path);
    bytes[at]! ^= 1;
    writeFileSync(path, bytes);
  };
  const harms: [string, RegExp, (dir: string) => void][] = [
    ["a flipped bit in a raw segment", /are damaged/, (dir) => flip(rawPath(dir, 2), 2000)],
    [
      "a flipped bit in a raw segment's header",
      /is no segment of a Foretape journal/,
      (dir) => flip(rawPath(dir, 2), 3),
    ],
    [
      "a missing segment",
      /segments 2–2 are missing/,
      (dir) => [rawPath(dir, 2), sealedPath(dir, 2)].forEach((path) => rmSync(path)),
    ],
    ["a cut segment", /cannot be read|follows frame/, (dir) => truncateSync(rawPath(dir, 1), 3000)],
    [
      "a flipped bit in a sealed segment",
      /are damaged/,
      (dir) => {
        rmSync(rawPath(dir, 2));
        flip(sealedPath(dir, 2), 100);
      },
    ],
    [
      "a cut sealed segment",
      /no sealed segment, or its end is missing/,
      (dir) => {
        rmSync(rawPath(dir, 2));
        truncateSync(sealedPath(dir, 2), 200);
      },
    ],
  ];
  for (const [what, message, harm] of harms) {
    const tape = await recorded(t);
    harm(journalDir(tape, "main"));
    for (const quick of [true, false]) {
      const checks = await verify(tape, quick);
      assert.ok(named(checks, "fail").includes("journal"), `${what}: ${JSON.stringify(checks)}`);
      assert.match(detail(checks, "journal"), message, what);
    }
  }
  const tape = await recorded(t);
  flip(sealedPath(journalDir(tape, "main"), 1), 50);
  assert.match(detail(await verify(tape, true), "seals"), /does not have its SHA-256/);
});

test("a torn end is what a crash leaves: told, not failed", async (t) => {
  const tape = await recorded(t);
  const dir = journalDir(tape, "main");
  const last = listSegments(dir).at(-1)!.segment;
  rmSync(sealedPath(dir, last));
  appendFileSync(rawPath(dir, last), Buffer.alloc(25, 7));
  const checks = await verify(tape);
  assert.deepEqual(named(checks, "fail"), []);
  assert.match(detail(checks, "journal"), /torn record of 25 bytes/);
});

test("damage to the tables is found and named", async (t) => {
  const table = (tape: string): string => {
    const name = readdirSync(join(tape, "tables"), { recursive: true }).find((path) =>
      /deltas.*\.parquet$/.test(String(path)),
    );
    return join(tape, "tables", String(name));
  };
  const harms: [string, string, RegExp, (tape: string) => void][] = [
    ["a cut file", "files", /bytes, not/, (tape) => truncateSync(table(tape), 100)],
    ["a missing file", "files", /is missing/, (tape) => rmSync(table(tape))],
    [
      "another file of the same size",
      "files",
      /SHA-256/,
      (tape) => {
        const bytes = readFileSync(table(tape));
        bytes[bytes.length - 200]! ^= 1;
        writeFileSync(table(tape), bytes);
      },
    ],
    [
      "a file that is not live",
      "rows",
      /orderbook_deltas, segment 1: stored 0 rows/,
      (tape) => {
        commit(tape, (entry) => ({ ...entry, files: entry.files.filter((file) => file.table !== "orderbook_deltas") }));
      },
    ],
    [
      "rows of other frames",
      "coverage",
      /has frames 1–/,
      (tape) => commit(tape, (entry) => ({ ...entry, lastFrame: entry.lastFrame - 1 })),
    ],
    [
      "rows of another journal's segment",
      "coverage",
      /not the one/,
      (tape) => commit(tape, (entry) => ({ ...entry, lastCrc: 1 })),
    ],
    [
      "a damaged manifest",
      "manifest",
      /damaged at byte/,
      (tape) => {
        const bytes = readFileSync(manifestPath(tape, "main"));
        bytes[30]! ^= 1;
        writeFileSync(manifestPath(tape, "main"), bytes);
      },
    ],
  ];
  for (const [what, check, message, harm] of harms) {
    const tape = await recorded(t);
    harm(tape);
    const checks = await verify(tape);
    assert.ok(named(checks, "fail").includes(check), `${what}: ${JSON.stringify(checks)}`);
    assert.match(detail(checks, check), message, what);
  }
});

test("a Kalshi book that is not what the venue's next snapshot says is a loss that nothing told of", async (t) => {
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]]);
  script.delta("0.4000", "1.00");
  script.snapshot([["0.4000", "12.00"]]);
  script.snapshot([]);
  await journal.close();
  await project(tape);
  const checks = await verify(tape);
  assert.deepEqual(named(checks, "fail"), ["books"]);
  assert.match(detail(checks, "books"), /^frame \d+: the book of T was live and is not what/);
});

test("stale rows and files that nothing names are told", async (t) => {
  const tape = await recorded(t);
  commit(tape, (entry) => ({ ...entry, interpreter: 0 }));
  writeFileSync(join(tape, "tables", "orderbook_deltas", "left.parquet.tmp"), "x");
  const checks = await verify(tape);
  assert.deepEqual(named(checks, "fail"), []);
  assert.match(detail(checks, "coverage"), /segments 1–1: 1 made by interpreters 0/);
  assert.match(detail(checks, "orphans"), /left\.parquet\.tmp/);
  rmSync(join(tape, "journal"), { recursive: true });
  assert.match(detail(await verify(tape), "journal"), /the journal is not/);
  assert.ok(existsSync(join(tape, "tables")));
});

test("a directory without a tape is said so", async (t) => {
  await assert.rejects(verify(join(scratch(t), "none")), { exitCode: 2 });
  await assert.rejects(verify(scratch(t)), { exitCode: 2, message: /holds no journal/ });
});
