import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/**
 * Who may import whom, folder by folder below `src/`. A rule names folders, files or packages; what is not named is not
 * allowed, except a file's own folder. Tests may import anything.
 */
const rules: Readonly<Record<string, readonly string[]>> = {
  model: [],
  net: ["model/time.ts", "ops/errors.ts", "node:*", "ws"],
  ops: ["node:*", "pino", "zod"],
  journal: ["model", "ops/errors.ts", "config/units.ts", "zod", "node:*"],
  "venues/*": [
    "model",
    "journal/record.ts",
    "venues/*.ts",
    "net/rate-limit.ts",
    "ops/errors.ts",
    "config/nearest.ts",
    "config/units.ts",
    "zod",
    "node:buffer",
    "node:crypto",
  ],
  venues: ["model", "journal/record.ts", "net/rate-limit.ts", "ops/errors.ts", "venues/*/index.ts", "zod"],
  books: ["model"],
  tables: ["model", "books/book-row.ts"],
  // Views as text: whose engine it is puts them into its database.
  seeds: [],
  interpret: [
    "model",
    "journal",
    "books",
    "venues/venue.ts",
    "venues/wire-shape.ts",
    "venues/index.ts",
    "tables",
    "ops/errors.ts",
    "node:*",
  ],
  sinks: [
    "model",
    "tables",
    "seeds",
    "journal/record.ts",
    "journal/layout.ts",
    "journal/lock.ts",
    "ops/errors.ts",
    "net/backoff.ts",
    "net/sleep.ts",
    "config/units.ts",
    "zod",
    "node:*",
    "@duckdb/node-api",
    "@duckdb/node-bindings",
    "pg",
    "pg-copy-streams",
  ],
  capture: [
    "model",
    "journal",
    "net",
    "venues/venue.ts",
    "venues/streams.ts",
    "venues/index.ts",
    "config/units.ts",
    "ops/errors.ts",
    "zod",
    "node:*",
  ],
  project: [
    "model",
    "journal",
    "interpret",
    "books",
    "tables",
    "sinks",
    "net/sleep.ts",
    "venues/venue.ts",
    "venues/index.ts",
    "ops/errors.ts",
    "node:*",
  ],
  exchange: ["model", "venues", "net", "journal/record.ts", "config/units.ts", "ops/errors.ts", "zod", "node:*", "ws"],
  // The one look at a single venue: how far its books agree with the hashes that only Polymarket sends.
  tape: [
    "venues/polymarket/interpret.ts",
    "model",
    "journal",
    "interpret",
    "books",
    "tables",
    "seeds",
    "sinks",
    "project",
    "venues/venue.ts",
    "venues/index.ts",
    "config/nearest.ts",
    "ops/errors.ts",
    "zod",
    "node:*",
    "@duckdb/node-api",
  ],
  check: [
    "model/time.ts",
    "journal/layout.ts",
    "journal/lock.ts",
    "venues/venue.ts",
    "sinks/config.ts",
    "sinks/probe.ts",
    "config/seed-aliases.ts",
    "ops/errors.ts",
    "node:*",
  ],
  // The schema is composed of each folder's fragment; nothing that runs.
  config: [
    "*/config.ts",
    "*/*/config.ts",
    "venues/index.ts",
    "venues/venue.ts",
    "*/listeners-config.ts",
    "ops/log-config.ts",
    "ops/errors.ts",
    "tables/schema.ts",
    "yaml",
    "zod",
    "node:*",
  ],
  cli: ["*", "*/*", "*/*/*", "commander", "pino", "cli-progress", "cli-table3", "zod", "yaml", "node:*"],
  // The library API.
  "": ["*", "*/*", "*/*/*"],
};

/** Packages that only these files import, so that replacing one touches nothing else. */
const onlyIn: Readonly<Record<string, readonly string[]>> = {
  // The lock is SQLite's own: it dies with its process on every system.
  "node:sqlite": ["journal/lock.ts", "net/shared-rates-thread.ts", "sinks/sqlite/database.ts"],
  pg: ["sinks/postgres/connection.ts"],
  "pg-copy-streams": ["sinks/postgres/connection.ts"],
  commander: ["cli/main.ts", "cli/parser.ts"],
  "cli-progress": ["cli/progress.ts"],
  pino: ["ops/log.ts", "cli/command.ts", "cli/run-command.ts"],
};

const src = fileURLToPath(new URL("../src", import.meta.url));
const files = globSync("**/*.ts", { cwd: src })
  .map((file) => file.split(sep).join("/"))
  .filter((file) => !/\.(test|fixture)\.ts$/.test(file) && !file.endsWith("conformance.ts"));

function importsOf(file: string): readonly string[] {
  const source = readFileSync(join(src, file), "utf8");
  const found = source.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)";|^import "([^"]+)";|\bimport\("([^"]+)"\)/gm);
  return [...found].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? "");
}

/** What an import names: a path below `src/`, or a package. */
function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith("."))
    return relative(src, join(src, dirname(file), specifier))
      .split(sep)
      .join("/");
  return specifier;
}

function matches(pattern: string, target: string): boolean {
  if (pattern === target || target.startsWith(`${pattern}/`)) return true;
  if (pattern === "node:*") return target.startsWith("node:");
  const escaped = pattern.split("*").map(RegExp.escape).join("[^/]*");
  return new RegExp(`^${escaped}$`).test(target);
}

function folderOf(file: string): string {
  const folder = dirname(file) === "." ? "" : dirname(file);
  const rule = Object.keys(rules)
    .filter((name) => name !== "" && matches(name, folder))
    .sort((a, b) => b.length - a.length)[0];
  return rule ?? (folder === "" ? "" : assert.fail(`src/${folder} has no rule in test/import-directions.test.ts`));
}

test("every import goes in the direction of the pipeline", () => {
  const wrong = files.flatMap((file) => {
    const folder = folderOf(file);
    const allowed = rules[folder] ?? [];
    return importsOf(file).flatMap((specifier) => {
      const target = targetOf(file, specifier);
      const own =
        specifier.startsWith(".") &&
        (dirname(target) === dirname(file) ||
          (folder !== "" && !folder.startsWith("venues") && target.startsWith(`${folder}/`)));
      return own || allowed.some((pattern) => matches(pattern, target)) ? [] : [`src/${file} imports ${target}`];
    });
  });
  assert.deepEqual(wrong, []);
});

test("nobody imports the command line", () => {
  const wrong = files.filter(
    (file) =>
      !file.startsWith("cli/") && importsOf(file).some((specifier) => targetOf(file, specifier).startsWith("cli/")),
  );
  assert.deepEqual(wrong, []);
});

test("venues, books and interpreters are pure: no clock, no randomness, no timers", () => {
  const impure =
    /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|randomUUID|randomBytes|setTimeout|setInterval|fetch\()/;
  const pure = files.filter((file) => /^(model|venues|books)\//.test(file));
  const wrong = pure.filter((file) =>
    impure.test(readFileSync(join(src, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")),
  );
  assert.deepEqual(wrong, []);
});

for (const [name, places] of Object.entries(onlyIn)) {
  test(`${name} is imported in ${places.join(", ")} only`, () => {
    assert.deepEqual(files.filter((file) => importsOf(file).includes(name)).sort(), [...places].sort());
  });
}

test("recording loads neither DuckDB nor sinks nor tables", () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const specifier of importsOf(file)) {
      const target = targetOf(file, specifier);
      if (specifier.startsWith(".")) follow(target);
      else if (!isBuiltin(specifier)) packages.add(specifier);
    }
  };
  for (const file of files.filter((each) => each.startsWith("capture/"))) follow(file);
  assert.deepEqual([...packages].sort(), ["ws", "zod"]);
  assert.deepEqual(
    [...seen].filter((file) => /^(sinks|tables|interpret|books|project|tape|cli)\//.test(file)),
    [],
  );
});
