import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createLog } from "./log.ts";
import { redactor } from "./redact.ts";

const PEM = "-----BEGIN PRIVATE KEY-----\nMIIcanaryAAAA\nMIIcanaryBBBB\n-----END PRIVATE KEY-----\n";

function memory(isTTY: boolean) {
  const lines: string[] = [];
  return { lines, isTTY, write: (line: string) => lines.push(line) };
}

for (const isTTY of [true, false]) {
  test(`a secret never appears in the log, ${isTTY ? "on a terminal" : "as JSON"}`, () => {
    const stderr = memory(isTTY);
    const log = createLog({ level: "debug" }, { secrets: [PEM, 'canary"token'], stderr });
    log.info({ key: PEM, nested: { token: 'canary"token' } }, `message with ${PEM}`);
    log.error(
      new Error(`signing with MIIcanaryBBBB failed for https://x/?token=${encodeURIComponent('canary"token')}`),
    );
    assert.equal(stderr.lines.length, 2);
    assert.doesNotMatch(stderr.lines.join(""), /canary/);
    assert.match(stderr.lines.join(""), /\[secret\]/);
  });
}

test("a terminal gets readable lines, anything else JSON", () => {
  const terminal = memory(true);
  createLog({ level: "info" }, { stderr: terminal }).info({ venue: "kalshi", reason: "two words" }, "connected");
  assert.match(terminal.lines[0] ?? "", /^\d\d:\d\d:\d\d\.\d{3} info  connected venue=kalshi reason="two words"\n$/);
  const pipe = memory(false);
  createLog({ level: "info" }, { stderr: pipe }).info({ venue: "kalshi" }, "connected");
  assert.equal((JSON.parse(pipe.lines[0] ?? "") as { venue: string }).venue, "kalshi");
});

test("log.file gets JSON lines, redacted too", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "foretape-log-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, "logs", "app.jsonl");
  createLog({ level: "info", file }, { secrets: ["canary"] }).warn("a canary");
  assert.equal((JSON.parse(readFileSync(file, "utf8")) as { msg: string }).msg, "a [secret]");
});

test("a secret too short to be one masks nothing, and none at all is the identity", () => {
  assert.equal(redactor(["a", ""])("a banana"), "a banana");
  assert.equal(redactor([])("text"), "text");
});
