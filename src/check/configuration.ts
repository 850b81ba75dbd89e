import { seedAliases } from "../config/seed-aliases.ts";
import type { Finding } from "./finding.ts";

/** An origin that names one variable: `.env's KALSHI_ENV`. */
const VARIABLE = /^(\.env|the environment)'s (.+)$/;

/** The file, and where values came from otherwise: names only, never values. */
export function checkConfiguration(file: string | null, sources: ReadonlyMap<string, string>): Finding[] {
  const origins = [...new Set(sources.values())];
  const variables = origins.flatMap((origin) => {
    const [, where, name] = VARIABLE.exec(origin) ?? [];
    return where === undefined || name === undefined ? [] : [{ where, name }];
  });
  const aliases = variables.filter(({ name }) => Object.hasOwn(seedAliases, name));
  const ours = variables.filter((variable) => !aliases.includes(variable));
  const flags = [...sources].flatMap(([path, origin]) => (origin.startsWith("the flag") ? [path] : []));
  const ok = (detail: string): Finding => ({ check: "configuration", status: "ok", detail });
  const named = (list: typeof variables) => list.map(({ where, name }) => `${name} (${where})`).join(", ");
  return [
    ok(file === null ? "no file: defaults, environment and flags" : `${file} is valid`),
    ...(ours.length > 0 ? [ok(`from variables: ${named(ours)}`)] : []),
    ...(aliases.length > 0 ? [ok(`from variables with an older recorder's names: ${named(aliases)}`)] : []),
    ...(flags.length > 0 ? [ok(`from flags: ${flags.join(", ")}`)] : []),
  ];
}
