import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { StorageError } from "../ops/errors.ts";
import { isLocked, lockJournal } from "./lock.ts";
import { temporary } from "./records.fixture.ts";

/** Another process that takes the lock and keeps it. */
async function holder(dir: string): Promise<ChildProcess> {
  const script = `
    const { lockJournal } = await import(process.argv[1]);
    globalThis.lock = lockJournal(process.argv[2], "main");
    process.send("locked");
    setInterval(() => undefined, 1000);`;
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", script, new URL("./lock.ts", import.meta.url).href, dir],
    { stdio: ["ignore", "inherit", "inherit", "ipc"] },
  );
  await once(child, "message");
  return child;
}

test("a second writer is refused in one sentence; the first does not notice", () => {
  using dir = temporary();
  const lock = lockJournal(dir.path, "main");
  assert.throws(
    () => lockJournal(dir.path, "main"),
    (error: unknown) =>
      error instanceof StorageError &&
      /^journal "main" is being written by another process on \S+$/.test(error.message),
  );
  assert.equal(isLocked(dir.path), true);
  lock[Symbol.dispose]();
  assert.equal(isLocked(dir.path), false);
  lockJournal(dir.path, "main")[Symbol.dispose]();
});

test("the lock dies with its process, however that dies", async () => {
  using dir = temporary();
  for (let i = 0; i < 3; i++) {
    const child = await holder(dir.path);
    try {
      assert.equal(isLocked(dir.path), true);
      assert.throws(() => lockJournal(dir.path, "main"), StorageError);
    } finally {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    }
    assert.equal(isLocked(dir.path), false);
    lockJournal(dir.path, "main")[Symbol.dispose]();
  }
});

test("where there is no journal nothing is locked", () => {
  using dir = temporary();
  assert.equal(isLocked(dir.path), false);
});

test("a directory that does not exist is an error with its path", () => {
  using dir = temporary();
  assert.throws(() => lockJournal(`${dir.path}/none`, "main"), /cannot open the lock .*none/);
});
