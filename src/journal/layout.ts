import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Where things of one journal are: `tape/journal/<name>/`. */
export interface SegmentFile {
  readonly segment: number;
  readonly path: string;
  readonly sealed: boolean;
}

const NAME = /^(\d{10})\.(raw|seal)$/;

/** The directory of journal `name` in a tape. */
export function journalDir(tape: string, name: string): string {
  return join(tape, "journal", name);
}

/** The tape's own small database: shared request budgets and other state that can be made again. */
export function databasePath(tape: string): string {
  return join(tape, "foretape.sqlite");
}

export function rawPath(dir: string, segment: number): string {
  return join(dir, `${String(segment).padStart(10, "0")}.raw`);
}

export function sealedPath(dir: string, segment: number): string {
  return join(dir, `${String(segment).padStart(10, "0")}.seal`);
}

/** The file that says up to where the journal is durable, rewritten after each group commit. */
export function markPath(dir: string): string {
  return join(dir, "durable");
}

/** The lock file: an empty SQLite database held exclusively while a writer lives. */
export function lockPath(dir: string): string {
  return join(dir, "lock");
}

/** What is sealed: one JSON line per segment. */
export function sealLogPath(dir: string): string {
  return join(dir, "sealed.jsonl");
}

/** The segments of a journal in order; a raw file wins over its sealed twin, because it needs no decompression. */
export function listSegments(dir: string): SegmentFile[] {
  if (!existsSync(dir)) return [];
  const found = new Map<number, SegmentFile>();
  for (const name of readdirSync(dir)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const segment = Number(match[1]);
    const sealed = match[2] === "seal";
    if (!sealed || !found.has(segment)) found.set(segment, { segment, path: join(dir, name), sealed });
  }
  return [...found.values()].toSorted((a, b) => a.segment - b.segment);
}

/** One segment's file, chosen as `listSegments` does; undefined where there is none. */
export function findSegment(dir: string, segment: number): SegmentFile | undefined {
  const raw = rawPath(dir, segment);
  if (existsSync(raw)) return { segment, path: raw, sealed: false };
  const sealed = sealedPath(dir, segment);
  return existsSync(sealed) ? { segment, path: sealed, sealed: true } : undefined;
}

/** Names of the journals in a tape. */
export function listJournals(tape: string): string[] {
  const root = join(tape, "journal");
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}
