import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { createRequire } from "node:module";
import type { Check, Outcome } from "./check.ts";

const MEASUREMENTS = fileURLToPath(new URL("../../docs/measurements.md", import.meta.url));
const BEGIN = "<!-- acceptance: begin, written by `npm run acceptance` -->";
const END = "<!-- acceptance: end -->";

export interface Proved {
  readonly check: Check;
  readonly outcome: Outcome;
  readonly seconds: string;
}

/** Figures as one line of text. */
export function figures(outcome: Outcome): string {
  if ("skipped" in outcome) return `skipped: ${outcome.skipped}`;
  return Object.entries(outcome)
    .map(([name, value]) => `${name} ${typeof value === "number" ? value.toLocaleString("en-US") : value}`)
    .join("; ");
}

/**
 * Writes what was proved into the proofs' part of `docs/measurements.md`, in the order of `names`. Rows of other proofs
 * stay, each with its own date and machine; so does what others wrote there.
 */
export function writeMeasurements(proved: readonly Proved[], seed: string, names: readonly string[]): void {
  const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
  const machine = `${new Date().toISOString().slice(0, 10)}, foretape ${version}, ${cpus().length} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}, seed ${seed}`;
  const text = existsSync(MEASUREMENTS) ? readFileSync(MEASUREMENTS, "utf8") : "# Measurements\n";
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  const before = from < 0 || to < 0 ? "" : text.slice(from, to);
  const rows = new Map(Array.from(before.matchAll(/^\| `([\w-]+)` .*$/gm), ([row, name = ""]) => [name, row]));
  for (const { check, outcome, seconds } of proved)
    rows.set(check.name, `| \`${check.name}\` | ${check.promise} | ${figures(outcome)} (${seconds} s) | ${machine} |`);
  const block = [
    BEGIN,
    "",
    "## Proofs",
    "",
    "What the product promises, shown against the built-in exchange, which writes down every byte that it hands to a",
    "socket and every level of its books. `npm run acceptance` runs all of it and writes this part; `-- --ci` runs it",
    "scaled down; `-- --only NAME` runs one, which with `--write` replaces its row; `-- --seed TEXT` makes another world.",
    "",
    "| proof | what holds | figures | when and where |",
    "|---|---|---|---|",
    ...names.flatMap((name) => rows.get(name) ?? []),
    "",
    END,
  ].join("\n");
  const replaced =
    from < 0 || to < 0
      ? `${text.trimEnd()}\n\n${block}\n`
      : `${text.slice(0, from)}${block}${text.slice(to + END.length)}`;
  writeFileSync(MEASUREMENTS, replaced);
}
