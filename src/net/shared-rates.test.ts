import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { RateLimit } from "./rate-limit.ts";
import { SharedRates } from "./shared-rates.ts";

const LIMIT: RateLimit = { name: "host/read", perSecond: 1, capacity: 20, learned: false };

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "foretape-rates-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("two processes share one budget, and one that is killed takes nothing with it for good", async (t) => {
  const path = join(directory(t), "foretape.sqlite");
  const [perSecond, capacity, forMs] = [60, 30, 800];
  const fixture = fileURLToPath(new URL("spender.fixture.ts", import.meta.url));
  const spend = async (ms: number, killAfter: number | null) => {
    const child = spawn(process.execPath, [fixture, path, String(perSecond), String(capacity), String(ms)]);
    const said = text(child.stderr);
    const output = text(child.stdout);
    if (killAfter !== null) {
      await once(child.stdout, "data");
      child.kill("SIGKILL");
    }
    await once(child, "exit");
    assert.equal(await said, "");
    return (await output).split("\n").filter(Boolean).map(Number);
  };
  const both = (await Promise.all([spend(forMs, null), spend(forMs, null), spend(60_000, 0)]))
    .flat()
    .sort((a, b) => a - b);
  const passed = (both.at(-1)! - both[0]!) / 1000;
  assert.ok(both.length <= capacity + perSecond * passed + 2, `${both.length} in ${passed} s`);
  assert.ok(both.length > capacity / 2, `${both.length} in ${passed} s`);
});

test("what one store is told another one of the same file knows", async (t) => {
  const path = join(directory(t), "foretape.sqlite");
  const alone: string[] = [];
  await using first = new SharedRates(path, (reason) => alone.push(reason));
  await using second = new SharedRates(path, (reason) => alone.push(reason));
  assert.equal((await first.book(LIMIT, 20)).waitMs, 0);
  const { waitMs } = await second.book(LIMIT, 10);
  assert.ok(waitMs > 5_000 && waitMs <= 10_000, String(waitMs));
  assert.equal(await first.refused(LIMIT, null), 0.5);
  const after = await second.book({ ...LIMIT, perSecond: 5, learned: true }, 0);
  assert.ok(after.factor < 0.6);
  assert.equal(after.perSecond, 5);
  assert.equal((await first.book(LIMIT, 0)).perSecond, 5);
  assert.deepEqual(alone, []);
});

test("without a usable store a process keeps a budget of its own and says so once", async (t) => {
  const path = join(directory(t), "foretape.sqlite");
  writeFileSync(path, "this is no database, and it is longer than a header of one would be ".repeat(20));
  const alone: string[] = [];
  await using rates = new SharedRates(path, (reason) => alone.push(reason));
  assert.equal((await rates.book(LIMIT, 20)).waitMs, 0);
  const { waitMs } = await rates.book(LIMIT, 1);
  assert.ok(waitMs > 900 && waitMs <= 1_000, String(waitMs));
  assert.equal(alone.length, 1);
  assert.match(alone[0] ?? "", /not a database/);
});

test("a store that somebody locks for good does not hold up requests for good", async (t) => {
  const path = join(directory(t), "foretape.sqlite");
  const alone: string[] = [];
  await using rates = new SharedRates(path, (reason) => alone.push(reason));
  await rates.book(LIMIT, 1);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const from = performance.now();
  assert.equal((await rates.book(LIMIT, 1)).waitMs, 0);
  assert.ok(performance.now() - from < 5_000);
  assert.match(alone[0] ?? "", /locked/);
  other.close();
});
