import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../config/load.ts";
import { likeNames, starterConfig } from "./starter-config.ts";

const bin = fileURLToPath(new URL("../../bin/foretape.js", import.meta.url));

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-cli-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

function foretape(cwd: string, ...args: string[]) {
  return spawnSync(process.execPath, [bin, ...args], {
    cwd,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "" },
  });
}

test("help and version go to stdout and are no failure", (t) => {
  const cwd = directory(t);
  for (const args of [["--help"], ["help"], ["init", "--help"], ["help", "init"]]) {
    const { status, stdout, stderr } = foretape(cwd, ...args);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^Usage: foretape/);
    assert.equal(stderr, "");
  }
  assert.match(foretape(cwd, "init", "--help").stdout, /Examples:\n {2}foretape init\n/);
  assert.match(foretape(cwd, "--version").stdout, /^\d+\.\d+\.\d+\n$/);
});

test("wrong usage says what is wrong in a line or two and exits with 2", (t) => {
  const cwd = directory(t);
  for (const [args, said] of [
    [["inti"], /unknown command 'inti'\n\(Did you mean init\?\)/],
    [["init", "--liek", "seed1"], /unknown option '--liek'/],
    [["init", "a", "b"], /too many arguments/],
    [["init", "--like", "seed9"], /error: --like: .*seed1/],
    [["init", "--set", "tape"], /error: --set tape has no value/],
    [["init", "--set", "tpae=x"], /tpae: there is no such key\n {2}did you mean tape\?/],
    [["init", "nowhere/foretape.yaml"], /error: there is no directory for .*nowhere/],
  ] as const) {
    const { status, stderr, stdout } = foretape(cwd, ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /^ +at /m, "no stack trace for a user's mistake");
    assert.equal(stdout, "");
  }
});

test("init writes a configuration once", (t) => {
  const cwd = directory(t);
  assert.equal(foretape(cwd, "init").status, 0);
  const again = foretape(cwd, "init");
  assert.equal(again.status, 2);
  assert.match(again.stderr, /foretape\.yaml exists already/);
  assert.equal(readFileSync(join(cwd, "foretape.yaml"), "utf8"), starterConfig(null));
  assert.deepEqual(JSON.parse(foretape(cwd, "init", "--json", "other.yaml").stdout), { file: join(cwd, "other.yaml") });
});

test("every starter configuration loads", (t) => {
  const cwd = directory(t);
  for (const like of [null, ...likeNames]) {
    const file = join(cwd, `${like ?? "plain"}.yaml`);
    writeFileSync(file, starterConfig(like));
    assert.ok(loadConfig({ cwd, file }).config.listeners.length > 0);
  }
});

/** Runs a made-up command through the whole frame, as a process of its own. */
function started(t: TestContext, body: string, ...args: string[]) {
  const dir = directory(t);
  const source = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `
    import { Command } from "commander";
    import { defineCommand } from ${source("./command.ts")};
    import { describe } from ${source("./parser.ts")};
    import { UsageError, StorageError } from ${source("../ops/errors.ts")};
    const spec = defineCommand({
      name: "probe",
      summary: "probes",
      options: { depth: { value: "<levels>", description: "d" }, openOnly: { description: "o" } },
      examples: ["foretape probe"],
      ${body}
    });
    const command = new Command("probe");
    describe(command, spec, (code) => { process.exitCode = code; });
    await command.parseAsync(process.argv.slice(1), { from: "user" });
  `;
  // Beside this file, so that the packages are found.
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, "--", "--tape", dir, ...args], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { PATH: process.env["PATH"] ?? "", KALSHI_PRIVATE_KEY: "canary-key" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

test("a command's error is one clear line with a hint; secrets in it are masked; its exit code is the error's", async (t) => {
  const failed = await started(
    t,
    `async run() { throw new StorageError("cannot write canary-key", { hint: "free some space" }); },`,
  ).ended;
  assert.deepEqual(failed, { code: 1, stdout: "", stderr: "error: cannot write [secret]\n  free some space\n" });
  assert.equal((await started(t, `async run() { throw new UsageError("wrong"); },`).ended).code, 2);
});

test("anything else is a bug: said so, with its stack only on demand", async (t) => {
  const body = `async run() { throw new TypeError("x is not y"); },`;
  const short = await started(t, body).ended;
  assert.equal(short.code, 1);
  assert.match(short.stderr, /^error: x is not y\n {2}This is a bug in foretape/);
  assert.doesNotMatch(short.stderr, /^ +at /m);
  assert.match((await started(t, body, "--debug").ended).stderr, /^ +at /m);
});

test("a command gets its options, the tape as an absolute path and prints JSON lines; it may give exit code 1", async (t) => {
  const body = `async run({ tape, json, outJson }, options) { outJson({ json, options, absolute: tape.startsWith("/"), big: 12n }); return 1; },`;
  const { code, stdout } = await started(t, body, "--json", "--open-only", "--depth", "3").ended;
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), {
    json: true,
    options: { depth: "3", openOnly: true },
    absolute: true,
    big: 12,
  });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} aborts the command's signal, which stops it cleanly`, async (t) => {
    const { child, ended } = started(
      t,
      `async run({ signal, out }) {
        const alive = setInterval(() => {}, 1000);
        out("ready");
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        clearInterval(alive);
        out("stopped cleanly");
      },`,
    );
    await once(child.stdout, "data");
    child.kill(signal);
    assert.deepEqual(await ended, { code: 0, stdout: "ready\nstopped cleanly\n", stderr: "" });
  });
}

test("a second signal ends a command that does not stop", async (t) => {
  const { child, ended } = started(
    t,
    `async run({ signal, out }) {
      setInterval(() => {}, 1000);
      signal.addEventListener("abort", () => out("first"));
      out("ready");
      await new Promise(() => {});
    },`,
  );
  await once(child.stdout, "data");
  child.kill("SIGINT");
  await once(child.stdout, "data");
  child.kill("SIGINT");
  assert.equal((await ended).code, 1);
});

test("output whose reader has gone ends quietly", async (t) => {
  const cwd = directory(t);
  const child = spawn("sh", ["-c", `"${process.execPath}" "${bin}" --help | true`], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await once(child, "close");
  assert.equal(stderr, "");
});
