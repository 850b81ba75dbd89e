import type { z } from "zod";
import { below, marks, type Marks, type Path } from "./fields.ts";
import { type Config, configSchema } from "./schema.ts";

/** What stands where a secret was. */
export const MASK = "[secret]";

/**
 * Copies a configuration, giving each leaf to `change` with the marks of its schema. Keys that the schema does not know
 * are copied as they are.
 */
export function visit(
  schema: z.core.$ZodType | undefined,
  value: unknown,
  change: (value: unknown, marks: Marks, path: Path) => unknown,
  path: Path = [],
): unknown {
  const next = (key: string | number, each: unknown): unknown =>
    visit(schema === undefined ? undefined : below(schema, key)[0], each, change, [...path, key]);
  if (Array.isArray(value)) return value.map((each, index) => next(index, each));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, next(key, each)]));
  }
  return change(value, schema === undefined ? {} : marks(schema), path);
}

/** The effective configuration without secrets, credentials and tokens in URLs included: it goes into the journal. */
export function publicConfig(config: Config): unknown {
  return visit(configSchema, config, (value, { secret }) => {
    if (typeof value !== "string") return value;
    return secret === true ? MASK : maskUrl(value);
  });
}

/** Every secret text in a configuration, for the redactor: marked values, and what URLs carry. */
export function secretsOf(config: Config): readonly string[] {
  const found = new Set<string>();
  visit(configSchema, config, (value, { secret }) => {
    if (typeof value !== "string") return value;
    if (secret === true) found.add(value);
    for (const part of urlSecrets(value)) found.add(part);
    return value;
  });
  return [...found];
}

const TELLING = /key|token|secret|password|passwd|signature|auth/i;

/** Masks the password of a URL and the query parameters that sound like credentials; any other text stays as it is. */
export function maskUrl(text: string): string {
  if (urlSecrets(text).length === 0) return text;
  return text
    .replace(/^([^/]+:\/\/[^/:@]*:)[^/@]*@/, `$1${MASK}@`)
    .replaceAll(/([?&])([^=&#]+)=([^&#]+)/g, (pair: string, start: string, name: string) =>
      TELLING.test(name) ? `${start}${name}=${MASK}` : pair,
    );
}

/** The credentials in a URL as they are written there; none in a text that is no URL. */
function urlSecrets(text: string): readonly string[] {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return [];
  const url = new URL(text);
  const query = url.search
    .slice(1)
    .split("&")
    .flatMap((pair) => {
      const [name = "", value = ""] = pair.split("=");
      return TELLING.test(name) && value !== "" ? [value] : [];
    });
  const written = [url.password, ...query].filter((part) => part !== "");
  return [...new Set(written.flatMap((part) => [part, decodeURIComponentOrSame(part)]))];
}

function decodeURIComponentOrSame(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone % is legal in a URL and stands for itself.
    return text;
  }
}
