import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { messageOf, UsageError } from "../ops/errors.ts";
import { type Assignment, environmentName, readEnvironment, readText } from "./environment.ts";
import { at, marks, type Path } from "./fields.ts";
import { readConfigFile } from "./file.ts";
import { configurationError } from "./problem.ts";
import { type Config, configSchema } from "./schema.ts";
import { visit } from "./secrets.ts";
import { get, isTree, put, readPath, type Tree, written } from "./tree.ts";

export interface ConfigRequest {
  /** The file that the user named; without it `foretape.yaml` of `cwd`, if present. Null: neither that nor `.env`. */
  readonly file?: string | null | undefined;
  /** Values of flags by path, as text or already read: `{ tape: "./tape", "venues.kalshi.env": "demo" }`. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** The environment, for example `process.env`. Empty by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Relative paths of flags, environment and defaults are relative to it. */
  readonly cwd?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where each given value came from: `tape` → `foretape.yaml:3`. What is not in it is a default. */
  readonly sources: ReadonlyMap<string, string>;
  /** The file that was read, absolute; null where there was none. */
  readonly file: string | null;
  /** What the user should know: variables that nothing reads yet. */
  readonly notices: readonly string[];
}

/**
 * Puts the configuration together: defaults < file < `.env` beside the file < environment < flags. Throws `UsageError`
 * naming the path, where the value came from and the nearest right name.
 */
export function loadConfig({ file, flags = {}, env = {}, cwd = process.cwd() }: ConfigRequest = {}): LoadedConfig {
  const configFile =
    typeof file === "string" ? resolve(cwd, file) : file === null ? null : firstExisting(join(cwd, "foretape.yaml"));
  const home = configFile === null ? cwd : dirname(configFile);
  const read = configFile === null ? null : readConfigFile(configFile);
  const tree: Tree = structuredClone(read?.values ?? {});
  const sources = new Map(read?.origins);
  const fromFile = new Set(sources.keys());

  const dotEnv = readEnvironment(file === null ? {} : readDotEnv(join(home, ".env")), ".env");
  const environment = readEnvironment(env, "the environment");
  const fromFlags = Object.entries(flags).flatMap(([name, value]): Assignment[] => {
    const path = readPath(name);
    const origin = `the flag for ${name}`;
    if (at(configSchema, path).some((schema) => marks(schema).secret === true)) {
      throw new UsageError(`${name} is a secret and would be visible in the list of processes`, {
        hint: `put ${environmentName(path)} into .env beside the configuration or into the environment`,
      });
    }
    return value === undefined
      ? []
      : [{ path, value: typeof value === "string" ? readText(path, value, origin) : value, origin }];
  });
  const notices = [...dotEnv.notices, ...environment.notices];
  const layers = [
    { assignments: dotEnv.assignments, relativeToFile: true },
    { assignments: environment.assignments, relativeToFile: false },
    { assignments: fromFlags, relativeToFile: false },
  ];
  for (const { assignments, relativeToFile } of layers) {
    for (const { path, value, origin } of resolveSeeds(assignments, tree, notices)) {
      for (const known of sources.keys()) {
        if (`${known}.`.startsWith(`${written(path)}.`)) sources.delete(known);
      }
      put(tree, path, value);
      sources.set(written(path), origin);
      if (relativeToFile) fromFile.add(written(path));
      else fromFile.delete(written(path));
    }
  }

  const parsed = configSchema.safeParse(tree);
  const originOf = (path: Path) => nearestOrigin(path, sources);
  if (!parsed.success) throw configurationError(parsed.error, tree, originOf);
  const config = visit(configSchema, parsed.data, (value, mark, path) =>
    mark.path === true && typeof value === "string" ? resolve(isFromFile(path, fromFile) ? home : cwd, value) : value,
  ) as Config;
  return { config, sources, file: configFile, notices };
}

/** Turns what the seeds' variables say about their one listener and their database into entries of the two lists. */
function resolveSeeds(assignments: readonly Assignment[], tree: Tree, notices: string[]): readonly Assignment[] {
  const plain = assignments.filter(({ path }) => !["listener", "sqlite", "postgres"].includes(String(path[0])));
  const seeds = assignments.filter(({ path }) => path[0] === "listener");
  const result = [...plain, ...seedSinks(assignments, tree)];
  const first = seeds.find(({ path }) => path[1] === "filters");
  if (first === undefined) {
    for (const { origin } of seeds)
      notices.push(`${origin} is not used: no variable says which Kalshi markets it is about`);
    return result;
  }
  const listener: Tree = { name: "environment", venue: "kalshi" };
  for (const { path, value } of seeds) put(listener, path.slice(1), value);
  const listeners = get(tree, ["listeners"]);
  const index = lengthOf(listeners);
  result.push(
    index === 0
      ? { path: ["listeners"], value: [listener], origin: first.origin }
      : { path: ["listeners", index], value: listener, origin: first.origin },
  );
  return result;
}

/** The databases that the seeds' variables name, behind the sinks that there are. */
function seedSinks(assignments: readonly Assignment[], tree: Tree): readonly Assignment[] {
  const known = lengthOf(get(tree, ["sinks"]));
  const named = assignments.filter(({ path }) => path[0] === "sqlite" || path[0] === "postgres");
  return named.map((assignment, i) => {
    const { path, value } = assignment;
    const sink = path[0] === "sqlite" ? { type: "sqlite", path: value } : { type: "postgres", url: value };
    return known + i === 0
      ? { ...assignment, path: ["sinks"], value: [sink] }
      : { ...assignment, path: ["sinks", known + i], value: sink };
  });
}

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function isFromFile(path: Path, fromFile: ReadonlySet<string>): boolean {
  return path.some((_, depth) => fromFile.has(written(path.slice(0, path.length - depth))));
}

function nearestOrigin(path: Path, sources: ReadonlyMap<string, string>): string | null {
  for (let depth = path.length; depth > 0; depth--) {
    const origin = sources.get(written(path.slice(0, depth)));
    if (origin !== undefined) return origin;
  }
  return null;
}

function firstExisting(file: string): string | null {
  return existsSync(file) ? file : null;
}

function readDotEnv(file: string): Readonly<Record<string, string | undefined>> {
  if (!existsSync(file)) return {};
  try {
    const values: unknown = parseEnv(readFileSync(file, "utf8"));
    return isTree(values) ? (values as Record<string, string>) : {};
  } catch (cause) {
    throw new UsageError(`cannot read ${file}: ${messageOf(cause)}`, { cause });
  }
}
