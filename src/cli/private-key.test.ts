import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { UsageError } from "../ops/errors.ts";
import { kalshiConfig } from "../venues/kalshi/config.ts";
import { withPrivateKey } from "./private-key.ts";

const TEXT = "canary-key-text";

function keyFile(t: TestContext, mode: number): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-key-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "it's my key.pem");
  writeFileSync(path, TEXT);
  chmodSync(path, mode);
  return path;
}

const read = (path: string, more: object = {}) =>
  withPrivateKey(kalshiConfig.parse({ private_key_path: path, ...more })).private_key;

test("a key file is read where only its owner may use it", (t) => {
  for (const mode of [0o600, 0o400]) assert.equal(read(keyFile(t, mode)), TEXT);
});

test("a key file that others may use is refused, and the command in the hint helps", (t) => {
  for (const mode of [0o644, 0o640, 0o604, 0o660]) {
    const path = keyFile(t, mode);
    let hint = "";
    assert.throws(
      () => read(path),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.ok(!`${error.message}${error.hint}`.includes(TEXT));
        assert.ok(error.message.includes(path) && error.message.includes(mode.toString(8)));
        hint = error.hint ?? "";
        return true;
      },
    );
    const [command = ""] = hint.split("   (");
    assert.match(command, /^chmod 600 /);
    execFileSync("sh", ["-c", command]);
    assert.equal(read(path), TEXT);
  }
});

test("the mode of a mounted secret can be allowed by name", (t) => {
  assert.equal(read(keyFile(t, 0o644), { private_key_mode: "any" }), TEXT);
});

test("a missing file is named, and what to check", () => {
  assert.throws(
    () => read("/nowhere/key.pem"),
    (error) => error instanceof UsageError && /\/nowhere\/key\.pem/.test(error.message),
  );
});
