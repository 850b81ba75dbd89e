import { z } from "zod";
import { parse as parseYaml } from "yaml";
import { UsageError } from "../ops/errors.ts";
import { at, fields, type Path, unwrap } from "./fields.ts";
import { nearest } from "./nearest.ts";
import { configSchema } from "./schema.ts";
import { seedAliases, seedAliasesLater } from "./seed-aliases.ts";

/** A value that a variable or a flag gives. */
export interface Assignment {
  readonly path: Path;
  readonly value: unknown;
  /** For example `the environment's FORETAPE_TAPE`. */
  readonly origin: string;
}

/** Name of the environment variable of each path; lists of objects are given as one YAML or JSON text. */
export const environmentNames: ReadonlyMap<string, Path> = new Map(
  fields(configSchema)
    .map(({ path }) => (path.includes("*") ? path.slice(0, path.indexOf("*")) : path))
    .map((path) => [environmentName(path), path]),
);

/** Not configuration: by these a test reaches into the processes that it starts. */
const TEST_PREFIX = "FORETAPE_TEST_";

/** `venues.kalshi.key_id` → `FORETAPE_VENUES_KALSHI_KEY_ID`. */
export function environmentName(path: Path): string {
  return `FORETAPE_${path.join("_").toUpperCase()}`;
}

/**
 * What the variables of an environment say about the configuration. The seeds' own names come first, so that
 * `FORETAPE_…` wins over them. `notices` names variables that only a later release reads. Throws `UsageError` for an unknown `FORETAPE_…`.
 */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  where: string,
): { readonly assignments: readonly Assignment[]; readonly notices: readonly string[] } {
  const assignments: Assignment[] = [];
  const notices: string[] = [];
  const variables = Object.entries(environment).flatMap(([name, text]): [string, string][] =>
    text === undefined || text === "" ? [] : [[name, text]],
  );
  for (const [name, text] of variables) {
    const alias = Object.hasOwn(seedAliases, name) ? seedAliases[name] : undefined;
    if (alias !== undefined) assignments.push({ ...alias(text), origin: `${where}'s ${name}` });
    else if (seedAliasesLater.includes(name))
      notices.push(`${where}'s ${name} is not read: what it configures comes with a later release`);
  }
  for (const [name, text] of variables) {
    if (!name.startsWith("FORETAPE_") || name.startsWith(TEST_PREFIX)) continue;
    const path = environmentNames.get(name);
    if (path === undefined) {
      const near = nearest(name, [...environmentNames.keys()]);
      throw new UsageError(
        `${where} has the unknown variable ${name}`,
        near === null ? {} : { hint: `did you mean ${near}?` },
      );
    }
    assignments.push({ path, value: readText(path, text, `${where}'s ${name}`), origin: `${where}'s ${name}` });
  }
  return { assignments, notices };
}

/** Reads a text as what the schema wants at a path: a number, a switch, a list (`a, b` or YAML), else the text itself. */
export function readText(path: Path, text: string, origin: string): unknown {
  const [schema] = at(configSchema, path).map(unwrap);
  if (schema instanceof z.ZodNumber) return /^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(text.trim()) ? Number(text) : text;
  if (schema instanceof z.ZodBoolean)
    return ({ true: true, false: false } as Record<string, boolean>)[text.trim()] ?? text;
  if (!(schema instanceof z.ZodArray || schema instanceof z.ZodObject)) return text;
  if (schema instanceof z.ZodArray && !/^\s*[-[]/.test(text)) return text.split(",").map((item) => item.trim());
  try {
    return parseYaml(text) as unknown;
  } catch (cause) {
    throw new UsageError(`${origin} is no YAML or JSON`, { cause });
  }
}
