import { createHash } from "node:crypto";
import { existsSync, readdirSync, rmSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FILE_HEADER_BYTES, scanRecords } from "../journal/codec.ts";
import type { JournalConfig } from "../journal/config.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { lockJournal } from "../journal/lock.ts";
import { loadSegment } from "../journal/reader.ts";
import { type Closed, type Connected, type HttpHead, Kind, type Preamble } from "../journal/record.ts";
import { type JournalWriter, openJournal } from "../journal/writer.ts";
import type { Micros } from "../model/time.ts";
import type { StorageError } from "../ops/errors.ts";
import { recorderNumber } from "../project/projector.ts";
import { manifestPath, readManifest } from "../sinks/parquet/manifest.ts";
import { readCapture } from "./capture-file.ts";
import { type CaptureFrame, framesOf } from "./capture-frame.ts";
import type { CaptureConnection, CaptureOutline } from "./capture-outline.ts";
import type { MarketObjects } from "./market-objects.ts";

/** Unwritten bytes beyond which reading waits for the disk. */
const UNWRITTEN_LIMIT = 8 * 1024 * 1024;

export interface ImportSource {
  readonly path: string;
  readonly venue: string;
  /** Name of the venue's wire format, for `connected` records. */
  readonly format: string;
  /** Facts that the capture lacks, for example `{"use_yes_price":true}`. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly outline: CaptureOutline;
  readonly markets: MarketObjects | null;
}

/** Name of the journal that a capture becomes: the same for the same content, venue and options. */
export function importName({ outline, venue, facts, markets }: Omit<ImportSource, "path" | "format">): string {
  const identity = JSON.stringify([outline.sha256, venue, facts, markets?.sha256 ?? null]);
  return `import-${createHash("sha256").update(identity).digest("hex").slice(0, 12)}`;
}

/** True when journal `name` holds a whole import: its last record says so. */
export function isWholeImport(tape: string, name: string): boolean {
  const file = listSegments(journalDir(tape, name)).at(-1);
  if (file === undefined) return false;
  let whole = false;
  const raw = loadSegment(file);
  scanRecords(raw, FILE_HEADER_BYTES, raw.length, ({ kind, payload }) => {
    whole = kind === Kind.decision && (JSON.parse(payload.toString("utf8")) as { type: string }).type === "imported";
  });
  return whole;
}

/** Removes what an interrupted import left: tables first, so that no table is ever ahead of its journal. */
export function removeImport(tape: string, name: string): void {
  const dir = journalDir(tape, name);
  if (!existsSync(dir)) return;
  using _ = lockJournal(dir, name);
  const manifest = readManifest(tape, name);
  if (manifest !== null) {
    const prefix = `${recorderNumber(manifest.identity.journal)}-`;
    const tables = join(tape, "tables");
    for (const item of existsSync(tables) ? readdirSync(tables, { recursive: true, withFileTypes: true }) : []) {
      if (item.isFile() && item.name.startsWith(prefix)) unlinkSync(join(item.parentPath, item.name));
    }
  }
  const path = manifestPath(tape, name);
  for (const leftover of [path, join(dirname(path), `${name}.lock`), join(tape, "state", name), dir]) {
    rmSync(leftover, { recursive: true, force: true });
  }
}

/** Writes a capture as a journal of its own. Throws `StorageError` where it cannot be written, and like `readCapture`. */
export async function writeImport(
  tape: string,
  source: ImportSource,
  options: {
    readonly journal: JournalConfig;
    readonly program: { readonly name: string; readonly version: string };
    readonly signal: AbortSignal;
    readonly progress: (fileBytes: number) => void;
  },
): Promise<void> {
  const name = importName(source);
  let failed: StorageError | null = null;
  const open = new Map<string, Preamble["connections"][number]>();
  const { outline, venue, facts, markets } = source;
  await using journal = await openJournal({
    dir: journalDir(tape, name),
    name,
    source: "import",
    config: options.journal,
    publicConfig: { import: { file: basename(source.path), sha256: outline.sha256, venue, facts } },
    program: options.program,
    connections: () => [...open.values()],
    onError: (error) => {
      failed = error;
    },
  });
  if (markets !== null) appendMarkets(journal, venue, markets, outline.firstAt);
  let number = 0;
  await readCapture(source.path, {
    signal: options.signal,
    visit: (value) => {
      for (const frame of framesOf(value)) appendFrame(journal, source, open, frame, number++);
    },
    turn: async (_piece, fileBytes) => {
      options.progress(fileBytes);
      if (journal.unwritten > UNWRITTEN_LIMIT) await journal.durable();
      if (failed !== null) throw failed;
    },
  });
  const { frames, untimed, badTimes } = outline;
  journal.append(Kind.decision, 0, JSON.stringify({ type: "imported", venue, frames, untimed, bad_times: badTimes }));
}

function appendFrame(
  journal: JournalWriter,
  { outline, venue, format, facts }: ImportSource,
  open: Map<string, Preamble["connections"][number]>,
  { bytes, at, connection: name }: CaptureFrame,
  number: number,
): void {
  const place = outline.connections.get(name) satisfies CaptureConnection | undefined;
  let connection = open.get(name);
  if (connection === undefined) {
    const stream = `import/${place?.stream ?? 0}`;
    const connected: Connected = {
      venue,
      stream,
      url: "",
      format,
      facts: { ...facts, ...(name === "" ? {} : { conn: name }) },
    };
    connection = { ...connected, epoch: journal.nextEpoch(), commands: [] };
    open.set(name, connection);
    journal.appendAt(Kind.connected, connection.epoch, JSON.stringify(connected), at);
  }
  journal.appendAt(Kind.received, connection.epoch, bytes, at);
  if (number !== place?.last) return;
  open.delete(name);
  const closed: Closed = { by: place.followed ? "venue" : "end" };
  journal.appendAt(Kind.closed, connection.epoch, JSON.stringify(closed), at);
}

function appendMarkets(journal: JournalWriter, venue: string, markets: MarketObjects, at: Micros | null): void {
  const head: HttpHead = { venue, method: "GET", url: markets.path, status: 200, sentAt: at ?? 0, purpose: "import" };
  journal.appendAt(Kind.http, 0, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), markets.body]), at);
}
