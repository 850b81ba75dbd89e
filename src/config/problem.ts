import type { z } from "zod";
import { UsageError } from "../ops/errors.ts";
import { keysAt, type Path } from "./fields.ts";
import { nearest } from "./nearest.ts";
import { configSchema, planned, plannedSinks } from "./schema.ts";
import { get, written } from "./tree.ts";

/** One thing that is wrong with a configuration. */
interface Problem {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}

/**
 * The one error for what the schema found: path, where that value came from, what is wrong, and the nearest right
 * name. Values are not repeated, because they may be secrets.
 */
export function configurationError(
  error: z.ZodError,
  tree: unknown,
  originOf: (path: Path) => string | null,
): UsageError {
  const problems = error.issues.flatMap((issue) => describe(issue, [], tree));
  const lines = problems.map(({ path, message }) => {
    const origin = originOf(path);
    return `${origin === null ? "" : `${origin}: `}${path.length === 0 ? "the configuration" : written(path)}: ${message}`;
  });
  const hint = problems.find((problem) => problem.hint !== undefined)?.hint;
  return new UsageError(lines.join("\n"), {
    ...(hint === undefined ? {} : { hint }),
    context: { paths: problems.map(({ path }) => written(path)) },
  });
}

function describe(issue: z.core.$ZodIssue, parent: Path, tree: unknown): readonly Problem[] {
  const path: Path = [...parent, ...issue.path.map((key) => (typeof key === "number" ? key : String(key)))];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(path, key));
    case "invalid_union": {
      if (issue.errors.length > 0) {
        // The variant that was meant is the one whose keys were used with the fewest problems.
        const meant = closestVariant(issue.errors, get(tree, path));
        return meant.flatMap((each) => describe(each, path, tree));
      }
      const options = "options" in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
      return [notOneOf(path, get(tree, path), options)];
    }
    case "invalid_value":
      return [notOneOf(path, get(tree, path), issue.values.map(String))];
    case "invalid_type":
      if (get(tree, path) === undefined) return [{ path, message: `is missing; it is a ${issue.expected}` }];
      return [{ path, message: issue.message.replace("Invalid input: ", "") }];
    default:
      return [{ path, message: issue.message }];
  }
}

function closestVariant(
  variants: readonly (readonly z.core.$ZodIssue[])[],
  value: unknown,
): readonly z.core.$ZodIssue[] {
  const usesPreset = get(value, ["preset"]) !== undefined;
  const fitting = variants.filter((issues) => issues.some(({ path }) => path[0] === "preset") === usesPreset);
  return [...(fitting.length > 0 ? fitting : variants)].sort((a, b) => a.length - b.length)[0] ?? [];
}

function unknownKey(parent: Path, key: string): Problem {
  const path = [...parent, key];
  if (isPlanned(path)) {
    return { path, message: "comes with a later release; nothing reads it yet, so take it out for now" };
  }
  const keys = keysAt(configSchema, parent);
  const near = nearest(key, keys);
  const hint = near === null ? `there is ${keys.join(", ")}` : `did you mean ${written([...parent, near])}?`;
  return { path, message: "there is no such key", hint };
}

function notOneOf(path: Path, value: unknown, options: readonly string[]): Problem {
  if (path[0] === "sinks" && typeof value === "string" && plannedSinks.includes(value)) {
    return { path, message: `the sink ${value} comes with a later release; there is ${options.join(" and ")}` };
  }
  const message =
    value === undefined ? `is missing; one of ${options.join(", ")}` : `must be one of ${options.join(", ")}`;
  const near = typeof value === "string" ? nearest(value, options) : null;
  return { path, message, ...(near === null ? {} : { hint: `did you mean ${near}?` }) };
}

function isPlanned(path: Path): boolean {
  const pattern = path.map((key) => (typeof key === "number" ? "*" : key)).join(".");
  return planned.includes(pattern);
}
