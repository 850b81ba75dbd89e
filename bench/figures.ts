import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const MEASUREMENTS = fileURLToPath(new URL("../docs/measurements.md", import.meta.url));

/** The middle one; NaN of none. */
export function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
}

/** Replaces a bench's own part of docs/measurements.md, between its two comments, or adds it behind the other bench's. */
export function writeFigures(bench: string, title: string, lines: readonly string[]): void {
  const command = bench === "bench" ? "npm run bench -- --write" : `npm run bench -- ${bench} --write`;
  const begin = `<!-- ${bench}: begin, written by \`${command}\` -->`;
  const end = `<!-- ${bench}: end -->`;
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`;
  const block = [begin, "", `## ${title}`, "", `${machine}.`, "", ...lines, "", end].join("\n");
  const text = readFileSync(MEASUREMENTS, "utf8");
  const from = text.indexOf(begin);
  if (from >= 0) {
    const to = text.indexOf(end) + end.length;
    writeFileSync(MEASUREMENTS, `${text.slice(0, from)}${block}${text.slice(to)}`);
    return;
  }
  const behind = "<!-- bench: end -->";
  writeFileSync(MEASUREMENTS, text.replace(behind, `${behind}\n\n${block}`));
}
