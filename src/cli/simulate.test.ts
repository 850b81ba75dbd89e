import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const bin = fileURLToPath(new URL("../../bin/foretape.js", import.meta.url));

function run(cwd: string, ...args: string[]) {
  const child = spawn(process.execPath, [bin, "simulate", ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  return {
    child,
    lines: createInterface({ input: child.stdout }),
    ended: once(child, "exit").then(([code]) => code as number | null),
  };
}

function folder() {
  const path = mkdtempSync(join(tmpdir(), "foretape-simulate-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("simulate prints what a client needs, serves, and stops on a signal", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  const { child, lines, ended } = run(directory.path, "--json", "--truth", truth, "--seed", "3");
  const [line] = (await once(lines, "line")) as [string];
  const { venues } = JSON.parse(line) as {
    venues: { kalshi: Record<string, string>; polymarket: Record<string, string> };
  };
  const { rest_url, private_key_path = "" } = venues.kalshi;
  assert.equal(statSync(private_key_path).mode & 0o777, 0o600);
  assert.match(readFileSync(private_key_path, "utf8"), /PRIVATE KEY/);
  assert.doesNotMatch(line, /BEGIN/);
  const answer = await fetch(`${rest_url}/markets?limit=1`);
  assert.equal(answer.status, 200);
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  assert.equal(existsSync(private_key_path), false, "a temporary key does not outlive the exchange");
  assert.equal(existsSync(truth), true);
});

test("a bounded run ends by itself; what it prints is configuration", async () => {
  using directory = folder();
  const { lines, ended } = run(directory.path, "--for", "50ms", "--key-file", "key.pem");
  let text = "";
  for await (const line of lines) text += `${line}\n`;
  assert.equal(await ended, 0);
  const { venues } = parse(text) as { venues: { kalshi: Record<string, string> } };
  assert.equal(venues.kalshi.private_key_path, join(directory.path, "key.pem"));
  assert.ok(existsSync(join(directory.path, "key.pem")));
});

test("a fault that does not exist is wrong usage", async () => {
  using directory = folder();
  const { child, ended } = run(directory.path, "--fault", "explode@5s");
  const said = (await child.stderr.toArray()).join("");
  assert.equal(await ended, 2);
  assert.match(said, /"explode" is not a kind/);
});
