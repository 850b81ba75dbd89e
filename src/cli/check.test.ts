import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { startExchange } from "../exchange/exchange.ts";

const entry = join(import.meta.dirname, "../../bin/foretape.js");

async function setUp(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "foretape-check-cli-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const exchange = await startExchange({ markets: 3, rate: 1, keyType: "ed25519" });
  t.after(() => exchange[Symbol.asyncDispose]());
  const { private_key, key_id, ...urls } = exchange.kalshi;
  writeFileSync(join(dir, "key.pem"), private_key, { mode: 0o600 });
  const configuration = {
    venues: {
      kalshi: { ...urls, private_key_path: "key.pem" },
      polymarket: exchange.polymarket,
      coinbase: exchange.coinbase("advanced"),
    },
    listeners: [{ name: "all", venue: "kalshi" }],
    sinks: [{ type: "sqlite", path: "rows.sqlite" }],
  };
  writeFileSync(join(dir, "foretape.yaml"), JSON.stringify(configuration));
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, [entry, "check", ...args], {
      cwd: dir,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", KALSHI_API_KEY: key_id },
    });
    const closed = once(child, "close");
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await closed;
    return { code: code as number, stdout, stderr };
  };
  return { dir, exchange, run, pem: private_key };
}

test("all good: a line each, exit code 0, nothing written", { timeout: 60_000 }, async (t) => {
  const { dir, exchange, run } = await setUp(t);
  const before = readdirSync(dir);
  const { code, stdout, stderr } = await run();
  assert.equal(code, 0, stdout + stderr);
  for (const line of [
    /^✓ configuration .*foretape\.yaml is valid$/m,
    /^✓ configuration .*older recorder's names: KALSHI_API_KEY \(the environment\)$/m,
    /^✓ keys +kalshi: key at /m,
    /^✓ venue +kalshi: WebSocket at /m,
    /^✓ venue +polymarket: CLOB at /m,
    /^✓ venue +coinbase: WebSocket at /m,
    /^✓ clock +kalshi: /m,
    /^✓ listener +all \(foretape\.yaml:1\): kalshi/m,
    /^✓ storage .*fdatasync/m,
    /^✓ sink +sqlite: .*will be made$/m,
    /^ready to record$/m,
  ])
    assert.match(stdout, line);
  assert.doesNotMatch(stdout, /✗/);
  assert.ok(!stdout.includes(exchange.kalshi.key_id), "names of variables, never values");
  assert.deepEqual(readdirSync(dir), before);
});

test(
  "a key file open to others, and no network: each said with what to do, exit code 1",
  { timeout: 60_000 },
  async (t) => {
    const { dir, exchange, run, pem } = await setUp(t);
    chmodSync(join(dir, "key.pem"), 0o644);
    await exchange[Symbol.asyncDispose]();
    const plain = await run();
    assert.equal(plain.code, 1);
    assert.match(plain.stdout, /^✗ keys +kalshi: .*mode 644.*\n +→ chmod 600 \S+key\.pem /m);
    assert.match(plain.stdout, /^✗ venue +coinbase: WebSocket .*ECONNREFUSED.*\n +→ /m);
    assert.match(plain.stdout, /^✓ storage/m);
    const { code, stdout } = await run("--json", "--set", "venues.kalshi.private_key_mode=any");
    const { ok, findings } = JSON.parse(stdout) as {
      ok: boolean;
      findings: { check: string; status: string; detail: string; hint?: string }[];
    };
    assert.deepEqual([code, ok], [1, false]);
    const failed = findings.filter(({ status }) => status === "fail");
    assert.ok(failed.length > 0 && failed.every(({ hint }) => hint !== undefined));
    assert.ok(!failed.some(({ detail }) => detail.includes("mode 644")));
    const [, body = ""] = pem.split("\n");
    assert.ok(!(plain.stdout + plain.stderr + stdout).includes(body));
  },
);
