import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../src/cli/commands.ts";
import { generatedDocs } from "./generated-docs.ts";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

for (const [path, text] of Object.entries(generatedDocs)) {
  test(`${path} is fresh`, () => {
    assert.ok(read(path) === text(), `${path} is stale: run \`npm run docs\` and commit it`);
  });
}

test("the README's table of commands has exactly the commands that exist", () => {
  const table = read("README.md").split("## Commands")[1]?.split("\n## ")[0] ?? "";
  const named = [...table.matchAll(/^\| `foretape ([a-z]+)/gm)].map(([, name]) => name);
  assert.deepEqual(named, Object.keys(commands));
});

test("every command says what it does and shows an example that starts with its name", async () => {
  for (const [name, { load, summary }] of Object.entries(commands)) {
    const spec = await load();
    assert.equal(spec.name, name);
    assert.equal(spec.summary, summary, `the summary of ${name} in the list differs from the command's own`);
    for (const example of spec.examples) assert.match(example, new RegExp(`^foretape ${name}( |$)`));
  }
});
