import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { FakeKalshi } from "../../test/fake-kalshi.ts";
import { FakePolymarket } from "../../test/fake-polymarket.ts";
import { FakeVenue } from "../../test/fake-venue.ts";
import { decisions, journalRecords } from "../../test/journal-records.ts";

const entry = join(import.meta.dirname, "../../bin/foretape.js");

async function setUp(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "foretape-"));
  const kalshi = await FakeVenue.start(new FakeKalshi(["KXA-1-T1", "KXA-1-T2"]));
  const polymarket = await FakeVenue.start(new FakePolymarket([{ market: `0x${"a".repeat(64)}`, tokens: ["11", "12"] }]));
  t.after(async () => {
    await kalshi.stop();
    await polymarket.stop();
    rmSync(dir, { recursive: true });
  });
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
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
  const run = (...args: string[]) => {
    const child = spawn(process.execPath, [entry, "record", "--config", join(dir, "foretape.yaml"), ...args], { cwd: dir });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.once("close", (code) => resolve({ code, stdout, stderr })),
    );
    return { child, ended };
  };
  const tape = join(dir, "tape");
  return { kalshi, polymarket, pem, run, tape, journal: join(tape, "journal/main") };
}

test("records both venues, stops on a signal within 5 s, and the journal holds no secret", async (t) => {
  const { kalshi, polymarket, pem, run, tape, journal } = await setUp(t);
  const { child, ended } = run("--json");
  await Promise.all([kalshi.until(() => kalshi.commands.length >= 4), polymarket.until(() => polymarket.commands.length >= 1)]);
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
  assert.deepEqual(decisions(records, "subscribe").map(({ listener }) => listener).sort(), ["k", "p"]);
  const [, secret = ""] = pem.split("\n");
  for (const file of readdirSync(tape, { recursive: true, encoding: "utf8" })) {
    const path = join(tape, file);
    if (statSync(path).isFile()) assert.ok(!readFileSync(path).includes(secret), path);
  }
  const whole = JSON.stringify(records) + stdout + stderr;
  assert.doesNotMatch(whole, /KALSHI-ACCESS|signature/i);
  assert.ok(!whole.includes(secret));
});
