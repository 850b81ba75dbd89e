import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { takeLock } from "../../journal/lock.ts";
import { messageOf, StorageError } from "../../ops/errors.ts";
import type { JournalIdentity } from "../sink.ts";

/** A live table file. `path` is relative to the tape. */
export interface TableFile {
  readonly table: string;
  readonly venue: string;
  readonly date: string;
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** What one segment became: the unit of publishing. The last entry of a segment is the one in force. */
export interface ManifestEntry {
  readonly segment: number;
  readonly revision: number;
  /** Version of the interpreters that made these rows. */
  readonly interpreter: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly lastCrc: number;
  readonly publishedAt: number;
  readonly files: readonly TableFile[];
}

/** Contents of one journal's manifest. */
export interface Manifest {
  readonly identity: JournalIdentity;
  readonly entries: ReadonlyMap<number, ManifestEntry>;
}

/** The manifest of journal `name`: `tape/manifest/<name>.jsonl`, one CRC and one JSON value a line, append-only. */
export function manifestPath(tape: string, name: string): string {
  return join(tape, "manifest", `${name}.jsonl`);
}

/** Reads a manifest; null where there is none. A torn last line is left out. Throws `StorageError` when it is damaged inside. */
export function readManifest(tape: string, name: string): Manifest | null {
  const path = manifestPath(tape, name);
  if (!existsSync(path)) return null;
  return parse(readFileSync(path), path).manifest;
}

/** Every journal's manifest in a tape. */
export function readManifests(tape: string): Manifest[] {
  const dir = join(tape, "manifest");
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted()
    .flatMap((name) => readManifest(tape, name.slice(0, -".jsonl".length)) ?? []);
}

function parse(bytes: Buffer, path: string): { manifest: Manifest | null; length: number } {
  let identity: JournalIdentity | null = null;
  const entries = new Map<number, ManifestEntry>();
  const length = readLines(bytes, path, (line) => {
    if ("journal" in line) identity = line;
    else entries.set(line.segment, line);
  });
  return { manifest: identity === null ? null : { identity, entries }, length };
}

/** Hands over every whole line and returns how many bytes they are. A torn last line is left out. */
function readLines(bytes: Buffer, path: string, take: (line: JournalIdentity | ManifestEntry) => void): number {
  let at = 0;
  while (at < bytes.length) {
    const newline = bytes.indexOf(10, at);
    if (newline < 0) break;
    const text = bytes.toString("utf8", at + 9, newline);
    if (Number.parseInt(bytes.toString("latin1", at, at + 8), 16) !== crc32(text)) {
      if (bytes.indexOf(10, newline + 1) < 0) break;
      throw new StorageError(`${path} is damaged at byte ${at}`, {
        hint: "`foretape replay` rebuilds tables and manifest from the journal once this file is moved away",
      });
    }
    take(JSON.parse(text) as JournalIdentity | ManifestEntry);
    at = newline + 1;
  }
  return at;
}

/** Reads a manifest that is being written, from where it was last time. */
export class ManifestReader {
  readonly #path: string;
  #at = 0;

  constructor(tape: string, name: string) {
    this.#path = manifestPath(tape, name);
  }

  /** What was published since the last call, oldest first. Throws `StorageError` when the manifest is damaged inside. */
  read(): ManifestEntry[] {
    if (!existsSync(this.#path)) return [];
    const entries: ManifestEntry[] = [];
    using file = openForReading(this.#path);
    const bytes = Buffer.alloc(Math.max(0, fstatSync(file.fd).size - this.#at));
    const length = readSync(file.fd, bytes, 0, bytes.length, this.#at);
    this.#at += readLines(bytes.subarray(0, length), this.#path, (line) => {
      if (!("journal" in line)) entries.push(line);
    });
    return entries;
  }
}

function openForReading(path: string): Disposable & { readonly fd: number } {
  const fd = openSync(path, "r");
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

/** What a writer remembers of an entry. Its files, of which a year has a million, are read again where they matter. */
type PublishedSegment = Omit<ManifestEntry, "files">;

/** The one writer of a journal's manifest. */
export class ManifestWriter implements Disposable {
  readonly entries: Map<number, PublishedSegment>;
  readonly #fd: number;
  /** Bytes of whole lines. */
  #length: number;
  readonly #path: string;
  readonly #lock: Disposable;

  /** Throws `StorageError` when the manifest belongs to another journal of the same name, or another process writes it. */
  constructor(tape: string, identity: JournalIdentity) {
    this.#path = manifestPath(tape, identity.name);
    mkdirSync(dirname(this.#path), { recursive: true });
    this.#lock = takeLock(`${this.#path.slice(0, -".jsonl".length)}.lock`, () => ({
      message: `the tables of journal "${identity.name}" are being written by another process`,
      hint: "stop the recorder or the replay that writes them first",
    }));
    try {
      const existing = existsSync(this.#path) ? parse(readFileSync(this.#path), this.#path) : null;
      const known = existing?.manifest?.identity;
      if (known !== undefined && known.journal !== identity.journal) {
        throw new StorageError(
          `the tables of this tape hold another journal named "${identity.name}" (${known.journal}, not ${identity.journal})`,
          { hint: `record under another name with --recorder, or remove ${this.#path} and its tables` },
        );
      }
      this.entries = new Map();
      for (const entry of existing?.manifest?.entries.values() ?? []) this.entries.set(entry.segment, published(entry));
      this.#length = existing?.length ?? 0;
      this.#fd = openSync(this.#path, "a+");
      ftruncateSync(this.#fd, this.#length);
      if (known === undefined) this.#append(identity);
    } catch (error) {
      this.#lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Makes an entry durable: from here its files are live, and those of the segment's former entry are dead. */
  commit(entry: ManifestEntry): void {
    this.#append(entry);
    this.entries.set(entry.segment, published(entry));
  }

  #append(line: JournalIdentity | ManifestEntry): void {
    const text = JSON.stringify(line);
    const bytes = Buffer.from(`${crc32(text).toString(16).padStart(8, "0")} ${text}\n`);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
      fsyncSync(this.#fd);
    } catch (error) {
      // Half a line must not stand before the next one.
      ftruncateSync(this.#fd, this.#length);
      throw new StorageError(`cannot write ${this.#path}: ${messageOf(error)}`, { cause: error });
    }
    this.#length += bytes.length;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    this.#lock[Symbol.dispose]();
  }
}

function published({ files: _, ...entry }: ManifestEntry): PublishedSegment {
  return entry;
}
