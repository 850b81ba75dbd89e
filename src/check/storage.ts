import { existsSync } from "node:fs";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { journalDir } from "../journal/layout.ts";
import { isLocked } from "../journal/lock.ts";
import { messageOf } from "../ops/errors.ts";
import { type FileSystem, fileSystemOf } from "./file-system.ts";
import type { Finding } from "./finding.ts";

const LOW_BYTES = 5e9;
/** One group commit, roughly. */
const COMMIT = Buffer.alloc(16_384, "x");
const COMMITS = 40;
/** A slow disk has said enough after this long. */
const MEASURE_MS = 2_000;

const storage = (status: Finding["status"], detail: string, hint?: string): Finding => ({
  check: "storage",
  status,
  detail,
  ...(hint !== undefined && { hint }),
});

/** Whether the tape can be written, where it is, how fast it becomes durable, and who writes it now. Leaves nothing behind. */
export async function checkStorage(tape: string, recorder: string): Promise<Finding[]> {
  let dir: string;
  let waits: readonly number[];
  try {
    dir = await existing(tape);
    waits = await measure(dir);
  } catch (error) {
    const hint = "give --tape a directory that this user may write, or make this one writable";
    return [storage("fail", `the tape ${tape} cannot be written: ${messageOf(error)}`, hint)];
  }
  const at = (share: number) => (waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? 0).toFixed(1);
  const system = await fileSystemOf(dir);
  return [
    storage("ok", `the tape ${tape} can be written${dir === tape ? "" : "; it will be made"}`),
    spaceFinding(system.freeBytes),
    storage("ok", `fdatasync takes ${at(0.5)} ms at p50, ${at(0.99)} ms at p99 (${waits.length} commits of 16 KiB)`),
    ...systemFindings(system),
    lockFinding(tape, recorder),
  ];
}

/** The directory itself, else the nearest one above it that exists: there it would be made. Throws where that is none. */
async function existing(path: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === path) throw error;
    return existing(parent);
  }
  throw new Error(`${path} is no directory`);
}

/** Milliseconds that commits take, sorted. */
async function measure(dir: string): Promise<readonly number[]> {
  const own = await mkdtemp(join(dir, ".foretape-check-"));
  try {
    await using file = await open(join(own, "commits"), "w");
    const waits: number[] = [];
    const startedAt = performance.now();
    while (waits.length < COMMITS && performance.now() - startedAt < MEASURE_MS) {
      await file.write(COMMIT);
      const before = performance.now();
      await file.datasync();
      waits.push(performance.now() - before);
    }
    return waits.sort((a, b) => a - b);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

function spaceFinding(freeBytes: number): Finding {
  const free = `${(freeBytes / 1e9).toFixed(1)} GB free`;
  return freeBytes < LOW_BYTES
    ? storage("warn", free, "foretape discover --estimate says how much a day takes; make room or move the tape")
    : storage("ok", free);
}

/** What kinds of file system mean for a tape. */
export function systemFindings({ kind, name }: Pick<FileSystem, "kind" | "name">): Finding[] {
  switch (kind) {
    case "network":
      return [
        storage(
          "warn",
          `the tape is on ${name}, a network file system: locks between machines, SQLite's WAL and the durability of a commit depend on its server`,
          "use a local disk and copy the tape away; a tape can be copied while it is being written",
        ),
      ];
    case "memory":
      return [
        storage(
          "warn",
          `the tape is on ${name}, in memory: it is gone after a restart`,
          "give --tape a directory on a disk",
        ),
      ];
    case "layer":
      return [
        storage(
          "warn",
          `the tape is on ${name}, the layer of a container: it goes with it`,
          "mount a volume for the tape",
        ),
      ];
    case null:
      return [];
  }
}

function lockFinding(tape: string, recorder: string): Finding {
  const dir = journalDir(tape, recorder);
  return existsSync(dir) && isLocked(dir)
    ? storage("ok", `journal "${recorder}" is being written by a running recorder, which is fine`)
    : storage("ok", `journal "${recorder}" is free to be written`);
}
