import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it, after } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { DuckDBInstance } from "@duckdb/node-api";
import { KalshiScript, openTestJournal, project } from "../src/tape/tape.fixture.ts";

const page = readFileSync(join(import.meta.dirname, "../docs/reading.md"), "utf8");

/** The page's blocks in a language. */
function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);
}

describe("docs/reading.md", () => {
  const dir = mkdtempSync(join(tmpdir(), "foretape-docs-"));
  const tape = join(dir, "tape");

  before(async () => {
    const journal = await openTestJournal(tape);
    const script = new KalshiScript(journal, "KXBTCD-26NOV2117-T95000");
    script.snapshot([["0.4000", "10.00"]]);
    script.delta("0.4000", "1.00");
    await journal.close();
    await project(tape);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("has SQL that DuckDB runs on the files alone", async () => {
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    for (const sql of blocks("sql")) {
      const rows = (await connection.runAndReadAll(sql.replaceAll("'tape/", `'${tape}/`))).getRowsJson();
      assert.deepEqual(rows[0]?.slice(0, 2), ["KXBTCD-26NOV2117-T95000", "1"]);
    }
  });

  for (const [i, script] of blocks("python").entries()) {
    const module = /^import (polars|pandas)/m.exec(script)?.[1] ?? "";
    it(`has Python for ${module} that reads the files (block ${i + 1})`, (t) => {
      const needed = module === "pandas" ? "pandas, pyarrow" : module;
      if (spawnSync("python3", ["-c", `import ${needed}`]).status !== 0) return t.skip(`python3 has no ${needed} here`);
      writeFileSync(join(dir, "read.py"), `${script}\nassert len(deltas) == 1, deltas\n`);
      const ran = spawnSync("python3", ["read.py"], { cwd: dir, encoding: "utf8" });
      assert.equal(ran.status, 0, ran.stderr);
    });
  }

  it("has commands that run", () => {
    const root = join(import.meta.dirname, "..");
    const commands = blocks("sh").flatMap((text) => text.trim().split("\n"));
    for (const command of commands.filter((each) => /^foretape (query|book)/.test(each))) {
      const now = command
        .replace(/--at \S+/, "--at now")
        .replace(/--from \S+ --to \S+/, "--from 2020-01-01T00:00:00Z --to now");
      const line = now.replace(/^foretape/, `"${process.execPath}" "${join(root, "bin/foretape.js")}"`);
      const ran = spawnSync("sh", ["-c", line], { cwd: dir, encoding: "utf8" });
      assert.equal(ran.status, 0, `${command}\n${ran.stderr}`);
    }
  });

  it("has a program that runs", () => {
    const [program = ""] = blocks("ts");
    const index = join(import.meta.dirname, "../src/index.ts");
    writeFileSync(
      join(dir, "program.ts"),
      program.replace('"foretape"', JSON.stringify(index)).replace('"2026-11-21T16:59:00Z"', '"now"'),
    );
    const ran = spawnSync(process.execPath, ["program.ts"], { cwd: dir, encoding: "utf8" });
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /0\.4/);
  });
});
