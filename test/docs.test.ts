import assert from "node:assert/strict";
import { existsSync, globSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { commands } from "../src/cli/commands.ts";
import { generatedDocs, readProjectFile } from "./generated-docs.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

for (const [path, text] of Object.entries(generatedDocs)) {
  test(`${path} is fresh`, () => {
    assert.ok(readProjectFile(path) === text(), `${path} is stale: run \`npm run docs\` and commit it`);
  });
}

test("every command says what it does and shows an example that starts with its name", async () => {
  for (const [name, { load, summary }] of Object.entries(commands)) {
    const spec = await load();
    assert.equal(spec.name, name);
    assert.equal(spec.summary, summary, `the summary of ${name} in the list differs from the command's own`);
    for (const example of spec.examples) assert.match(example, new RegExp(`\\bforetape ${name}( |$)`));
  }
});

test("links between the documents lead somewhere", () => {
  const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...globSync("docs/*.md", { cwd: root })];
  const broken = pages.flatMap((page) =>
    [...readProjectFile(page).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page} → ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("every runtime dependency has a row in docs/dependencies.md", () => {
  const { dependencies } = JSON.parse(readProjectFile("package.json")) as { dependencies: Record<string, string> };
  const page = readProjectFile("docs/dependencies.md");
  assert.deepEqual(
    Object.keys(dependencies).filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});
