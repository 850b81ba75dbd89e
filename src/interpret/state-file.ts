import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { messageOf, StorageError } from "../ops/errors.ts";
import type { SavedInterpretation } from "./interpretation.ts";

/** An interpretation's memory before the first record of `segment`. */
export interface State {
  readonly interpreter: number;
  readonly journal: string;
  readonly segment: number;
  readonly saved: SavedInterpretation;
}

const KEPT = 3;

function stateDir(tape: string, name: string): string {
  return join(tape, "state", name);
}

/** Writes a state file and drops all but the latest few: they are a cache. Throws `StorageError`. */
export function writeState(tape: string, name: string, state: State): void {
  const dir = stateDir(tape, name);
  try {
    write(dir, state);
    for (const old of files(dir).slice(0, -KEPT)) rmSync(join(dir, old), { force: true });
  } catch (error) {
    throw new StorageError(`cannot write a state file in ${dir}: ${messageOf(error)}`, { cause: error });
  }
}

function write(dir: string, state: State): void {
  mkdirSync(dir, { recursive: true });
  const packed = zstdCompressSync(JSON.stringify(state));
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(packed));
  const path = join(dir, `${String(state.segment).padStart(10, "0")}.state`);
  const fd = openSync(`${path}.tmp`, "w");
  try {
    writeFileSync(fd, Buffer.concat([crc, packed]));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
}

/** The latest readable state of this journal and version at or before `segment`; null where there is none. */
export function readState(
  tape: string,
  name: string,
  origin: Pick<State, "journal" | "interpreter">,
  segment: number,
): State | null {
  const dir = stateDir(tape, name);
  for (const file of files(dir).toReversed()) {
    if (Number(file.slice(0, 10)) > segment) continue;
    const bytes = readIfThere(join(dir, file));
    const packed = bytes.subarray(4);
    if (bytes.length < 5 || crc32(packed) !== bytes.readUInt32LE(0)) continue;
    const state = JSON.parse(zstdDecompressSync(packed).toString("utf8")) as State;
    if (state.interpreter === origin.interpreter && state.journal === origin.journal) return state;
  }
  return null;
}

/** Whoever follows the journal drops old files while others read. */
function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function files(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith(".state"))
    .toSorted();
}
