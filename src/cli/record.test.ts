import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { FakeKalshi } from "../../test/fake-kalshi.ts";
import { FakePolymarket } from "../../test/fake-polymarket.ts";
import { FakeVenue } from "../../test/fake-venue.ts";
import { decisions, journalRecords } from "../../test/journal-records.ts";

const entry = join(import.meta.dirname, "../../bin/foretape.js");

async function setUp(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "foretape-"));
  const fake = new FakeKalshi(["KXA-1-T1", "KXA-1-T2"]);
  const kalshi = await FakeVenue.start(fake);
  const polymarket = await FakeVenue.start(
    new FakePolymarket([{ market: `0x${"a".repeat(64)}`, tokens: ["11", "12"] }]),
  );
  t.after(async () => {
    await kalshi.stop();
    await polymarket.stop();
    rmSync(dir, { recursive: true });
  });
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(join(dir, "key.pem"), pem, { mode: 0o600 });
  writeFileSync(
    join(dir, "foretape.yaml"),
    JSON.stringify({
      venues: {
        kalshi: { rest_url: kalshi.url, ws_url: kalshi.wsUrl, key_id: "canary-key-id", private_key_path: "key.pem" },
        polymarket: { gamma_url: polymarket.url, ws_url: polymarket.wsUrl },
      },
      listeners: [
        { name: "k", venue: "kalshi" },
        { name: "p", venue: "polymarket" },
      ],
      record: { reconnect_min: "10ms" },
    }),
  );
  const children: ChildProcess[] = [];
  const run = (...args: string[]) => {
    const child = spawn(process.execPath, [entry, "record", "--config", join(dir, "foretape.yaml"), ...args], {
      cwd: dir,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...process.env, FORETAPE_TEST_REPORT_FD: "3" },
    });
    children.push(child);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (text) => (stdout += text));
    child.stderr?.on("data", (text) => (stderr += text));
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.once("close", (code) => resolve({ code, stdout, stderr })),
    );
    return { child, ended, report: new Report(child.stdio[3] as Readable) };
  };
  const tape = join(dir, "tape");
  t.after(() => {
    for (const child of children) if (child.exitCode === null) child.kill("SIGTERM");
  });
  return { kalshi, fake, polymarket, pem, run, tape, journal: join(tape, "journal/main"), child: childOf };
}

/** What the capturing process says on the descriptor that a test gave it. */
class Report {
  written = 0;
  durable = 0;
  readonly end: Promise<unknown>;
  readonly #stream: Readable;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.end = once(stream, "close");
    let rest = "";
    stream.on("data", (text) => {
      const lines = (rest + String(text)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [name, frame] = line.split(" ");
        if (name === "written") this.written = Number(frame);
        else if (name === "durable") this.durable = Number(frame);
      }
    });
  }

  async next(): Promise<void> {
    await once(this.#stream, "data");
  }
}

/** Process id of one of the two parts of a running `record`, as soon as it runs. */
async function childOf({ pid }: ChildProcess, part: "capture" | "project"): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    const found = children.find((child) =>
      readFileSync(`/proc/${child}/cmdline`, "utf8").includes(`/src/${part}/main.ts`),
    );
    if (found !== undefined) return Number(found);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test(
  "records both venues, stops on a signal within 5 s, and the journal holds no secret",
  { timeout: 60_000 },
  async (t) => {
    const { kalshi, polymarket, pem, run, tape, journal } = await setUp(t);
    const { child, ended } = run("--json");
    await Promise.all([
      kalshi.until(() => kalshi.commands.length >= 4),
      polymarket.until(() => polymarket.commands.length >= 1),
    ]);
    const stopAt = performance.now();
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.ok(performance.now() - stopAt < 5_000);
    const summary = JSON.parse(stdout);
    assert.ok(summary.frames >= 5, stdout);
    assert.equal(summary.markets, 3);
    const records = journalRecords(journal);
    assert.deepEqual(
      records.filter(({ kind }) => kind === "closed").map(({ text }) => JSON.parse(text)),
      [{ by: "stopped" }, { by: "stopped" }],
    );
    assert.deepEqual(
      decisions(records, "subscribe")
        .map(({ listener }) => listener)
        .sort(),
      ["k", "p"],
    );
    const [, secret = ""] = pem.split("\n");
    for (const file of readdirSync(tape, { recursive: true, encoding: "utf8" })) {
      const path = join(tape, file);
      if (statSync(path).isFile()) assert.ok(!readFileSync(path).includes(secret), path);
    }
    const whole = JSON.stringify(records) + stdout + stderr;
    assert.doesNotMatch(whole, /KALSHI-ACCESS|signature/i);
    assert.ok(!whole.includes(secret));
  },
);

test(
  "a projecting process that is killed is started again; the journal does not notice",
  { timeout: 60_000 },
  async (t) => {
    const { kalshi, fake, run, journal, child: childOf } = await setUp(t);
    const { child, ended } = run("--json");
    await kalshi.until(() => kalshi.commands.length >= 4);
    process.kill(await childOf(child, "project"), "SIGKILL");
    for (const socket of kalshi.sockets) for (let i = 0; i < 100; i++) fake.delta(socket, "KXA-1-T1");
    await childOf(child, "project");
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    const summary = JSON.parse(stdout);
    assert.deepEqual([summary.projectRestarts, summary.captureRestarts], [1, 0]);
    assert.match(stderr, /projecting process ended with SIGKILL/);
    const records = journalRecords(journal);
    assert.equal(records.filter(({ kind }) => kind === "started").length, 1);
    assert.equal(records.filter(({ text }) => text.startsWith('{"type":"orderbook_delta"')).length, 100);
    assert.equal(summary.projectedFrame, records.at(-1)?.frame);
  },
);

test(
  "a capturing process that is killed is started again and says which connections it lost",
  { timeout: 60_000 },
  async (t) => {
    const { kalshi, fake, polymarket, run, journal, child: childOf } = await setUp(t);
    const { child, ended, report } = run("--json");
    await Promise.all([
      kalshi.until(() => kalshi.commands.length >= 4),
      polymarket.until(() => polymarket.commands.length >= 1),
    ]);
    // What is received now is written after the records of both connections.
    for (const socket of kalshi.sockets) for (let i = 0; i < 100; i++) fake.delta(socket, "KXA-1-T1");
    while (report.written < 100) await report.next();
    process.kill(await childOf(child, "capture"), "SIGKILL");
    await kalshi.until(() => kalshi.commands.length >= 8);
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).captureRestarts, 1);
    const started = journalRecords(journal)
      .filter(({ kind }) => kind === "started")
      .map(({ text }) => JSON.parse(text).liveConnections);
    assert.deepEqual(started, [[], [1, 2]]);
  },
);

test("no frame whose write returned is lost to kill -9", { timeout: 60_000 }, async (t) => {
  const { kalshi, fake, run, journal, child: childOf } = await setUp(t);
  const { child, ended, report } = run("--json");
  await kalshi.until(() => kalshi.commands.length >= 4);
  const flood = setInterval(() => {
    for (const socket of kalshi.sockets) for (let i = 0; i < 200; i++) fake.delta(socket, "KXA-1-T1");
  }, 1);
  t.after(() => clearInterval(flood));
  const capture = await childOf(child, "capture");
  while (report.written < 5_000) await report.next();
  process.kill(child.pid ?? 0, "SIGKILL");
  process.kill(capture, "SIGKILL");
  await ended;
  await report.end;
  assert.ok(report.written >= 5_000 && report.durable > 0);
  const last = journalRecords(journal).at(-1)?.frame ?? 0;
  assert.ok(last >= report.written, `${last} frames are there, ${report.written} were written`);
});

test("a journal that another process writes is refused in one sentence", { timeout: 60_000 }, async (t) => {
  const { kalshi, run } = await setUp(t);
  const first = run("--json");
  await kalshi.until(() => kalshi.commands.length >= 4);
  const second = await run("--json").ended;
  assert.equal(second.code, 1);
  assert.match(second.stderr, /another process|in use|lock/i);
  first.child.kill("SIGTERM");
  assert.equal((await first.ended).code, 0);
});
