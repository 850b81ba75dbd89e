import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { messageOf } from "../ops/errors.ts";
import type { Manifest, ManifestEntry, TableFile } from "../sinks/parquet/manifest.ts";
import { INTERPRETER_VERSION } from "../tables/version.ts";
import type { SegmentFacts } from "./audit-segments.ts";
import { type Check, count, Findings } from "./check.ts";
import { literal } from "./views.ts";

/** Compares a journal's manifest with its segments and with the files it names. */
export async function auditTables(options: {
  readonly tape: string;
  readonly name: string;
  readonly manifest: Manifest | null;
  readonly journal: string | null;
  readonly segments: readonly SegmentFacts[];
  readonly connection: DuckDBConnection;
  readonly signal: AbortSignal;
}): Promise<Check[]> {
  const { tape, name, manifest, journal, segments, connection, signal } = options;
  const coverage = new Findings("coverage", name);
  if (manifest === null) {
    coverage.note("nothing of it is in the tables yet");
    return [coverage.result("")];
  }
  const entries = [...manifest.entries.values()].toSorted((a, b) => a.segment - b.segment);
  if (journal !== null && manifest.identity.journal !== journal) {
    coverage.fail(`the tables are of another journal of that name (${manifest.identity.journal})`);
  }
  checkCoverage(entries, segments, coverage);
  const files = new Findings("files", name);
  let checked = 0;
  for (const entry of entries) {
    for (const file of entry.files) {
      signal.throwIfAborted();
      checkFile(tape, file, files);
      checked++;
    }
    await checkRows(tape, entry, connection, files);
  }
  const rows = entries.flatMap((entry) => entry.files).reduce((sum, file) => sum + file.rows, 0);
  return [
    coverage.result(`${count(entries.length, "segment")} in the tables`),
    files.result(`${count(checked, "file")}, ${count(rows, "row")}: sizes, checksums, keys`),
  ];
}

function checkCoverage(entries: readonly ManifestEntry[], segments: readonly SegmentFacts[], findings: Findings): void {
  const known = new Map(segments.map((facts) => [facts.segment, facts]));
  const covered = new Set(entries.map(({ segment }) => segment));
  const last = entries.at(-1)?.segment ?? 0;
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1];
    if (
      before !== undefined &&
      entry.firstFrame !== before.lastFrame + 1 &&
      !isBetween(segments, before, entry, covered)
    ) {
      const word = entry.firstFrame > before.lastFrame ? "hole" : "overlap";
      findings.fail(`${word} in the tables between frames ${before.lastFrame} and ${entry.firstFrame}`);
    }
    const facts = known.get(entry.segment);
    if (facts === undefined || facts.damaged) continue;
    if (facts.firstFrame !== entry.firstFrame || facts.lastFrame !== entry.lastFrame) {
      findings.fail(
        `segment ${entry.segment} has frames ${facts.firstFrame}–${facts.lastFrame}, its rows are of ${entry.firstFrame}–${entry.lastFrame}`,
      );
    } else if (facts.lastCrc !== entry.lastCrc)
      findings.fail(`segment ${entry.segment} is not the one that its rows were made from`);
  }
  for (const { segment } of segments)
    if (segment < last && !covered.has(segment)) findings.fail(`segment ${segment} is in no table`);
  const behind = segments.filter(({ segment }) => segment > last);
  const waiting = behind.filter(({ open }) => !open);
  if (waiting.length > 0)
    findings.note(`${count(waiting.length, "segment")} not in the tables yet (\`foretape replay\` makes them)`);
  const stale = entries.filter(({ interpreter }) => interpreter !== INTERPRETER_VERSION);
  if (stale.length > 0) {
    const versions = [...new Set(stale.map(({ interpreter }) => interpreter))].join(", ");
    findings.note(
      `segments ${stale[0]!.segment}–${stale.at(-1)!.segment}: ${stale.length} made by interpreters ${versions}, this program has ${INTERPRETER_VERSION} (\`foretape replay\` makes them again)`,
    );
  }
}

/** Uncovered segments between two entries explain a hole; they are told on their own. */
function isBetween(
  segments: readonly SegmentFacts[],
  before: ManifestEntry,
  after: ManifestEntry,
  covered: ReadonlySet<number>,
): boolean {
  return segments.some(({ segment }) => segment > before.segment && segment < after.segment && !covered.has(segment));
}

function checkFile(tape: string, file: TableFile, findings: Findings): void {
  const path = join(tape, file.path);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return findings.fail(`${file.path} is missing`);
  if (found.size !== file.bytes) return findings.fail(`${file.path} has ${found.size} bytes, not ${file.bytes}`);
  if (createHash("sha256").update(readFileSync(path)).digest("hex") !== file.sha256)
    findings.fail(`${file.path} does not have its SHA-256`);
}

/** Row counts, keys used once, and frames inside of the segment, for each table of an entry. */
async function checkRows(
  tape: string,
  entry: ManifestEntry,
  connection: DuckDBConnection,
  findings: Findings,
): Promise<void> {
  const tables = Map.groupBy(entry.files, ({ table }) => table);
  for (const [table, files] of tables) {
    if (findings.failed) return;
    const list = files.map(({ path }) => literal(join(tape, path))).join(", ");
    try {
      const reader = await connection.runAndReadAll(
        `SELECT count(*), count(DISTINCT (frame, n)), min(frame), max(frame) FROM read_parquet([${list}], hive_partitioning = false)`,
      );
      const [rows, keys, first, last] = (reader.getRows()[0] ?? []).map(Number);
      const expected = files.reduce((sum, file) => sum + file.rows, 0);
      const what = `${table}, segment ${entry.segment}`;
      if (rows !== expected) findings.fail(`${what}: ${rows} rows, not ${expected}`);
      if (keys !== rows) findings.fail(`${what}: ${rows! - keys!} keys (recorder, frame, n) occur twice`);
      if (rows! > 0 && (first! < entry.firstFrame || last! > entry.lastFrame))
        findings.fail(`${what}: rows of frames outside of the segment`);
    } catch (error) {
      findings.fail(`${files.map(({ path }) => path).join(", ")}: ${messageOf(error).split("\n")[0]}`);
    }
  }
}

/** Table files that no manifest names: left by a crash, and removed when their recorder starts again. */
export function auditOrphans(tape: string, manifests: readonly Manifest[]): Check {
  const findings = new Findings("orphans", null);
  const live = new Set(
    manifests.flatMap(({ entries }) => [...entries.values()].flatMap((entry) => entry.files.map(({ path }) => path))),
  );
  const root = join(tape, "tables");
  let orphans = 0;
  for (const item of existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : []) {
    if (!item.isFile() || live.has(relative(tape, join(item.parentPath, item.name)))) continue;
    if (orphans++ < 3) findings.note(`${relative(tape, join(item.parentPath, item.name))} is in no manifest`);
  }
  return findings.result(orphans > 3 ? `${orphans} in all` : orphans === 0 ? "every table file is in a manifest" : "");
}
