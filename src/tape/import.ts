import { journalConfig } from "../journal/config.ts";
import type { JournalConfig } from "../journal/config.ts";
import type { Instruments } from "../model/instrument.ts";
import { UsageError } from "../ops/errors.ts";
import { Projector } from "../project/projector.ts";
import { ParquetSink } from "../sinks/parquet/parquet-sink.ts";
import type { Sink } from "../sinks/sink.ts";
import { venues } from "../venues/index.ts";
import type { PolymarketInterpreter } from "../venues/polymarket/interpret.ts";
import { sizeOf } from "./capture-file.ts";
import { type CaptureOutline, outlineCapture } from "./capture-outline.ts";
import { importName, isWholeImport, removeImport, writeImport, type ImportSource } from "./import-journal.ts";
import { RowCounts } from "./import-summary.ts";
import { knownVenue } from "./known-venue.ts";
import { readMarketObjects } from "./market-objects.ts";

export interface ImportOptions {
  readonly tape: string;
  readonly path: string;
  /** Whose protocol the frames speak. */
  readonly venue: string;
  /** Kalshi: the capture's `subscribe` asked for `use_yes_price`. */
  readonly useYesPrice?: boolean;
  /** File of the venue's own market objects. */
  readonly markets?: string;
  readonly program: { readonly name: string; readonly version: string };
  readonly signal: AbortSignal;
  readonly journal?: JournalConfig;
  /** Sinks beside the tape's own tables. */
  readonly sinks?: (instruments: Instruments) => readonly Sink[];
  readonly progress?: (step: "reading" | "writing" | "making tables", done: number, total: number) => void;
}

/** What an import did. */
export interface ImportSummary {
  readonly journal: string;
  /** The same content was imported before; nothing changed. */
  readonly already: boolean;
  readonly frames: number;
  readonly connections: number;
  /** Frames without a receive time, and of these the ones whose receive time cannot be one. */
  readonly withoutReceiveTime: number;
  readonly unusableReceiveTimes: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly quarantined: Readonly<Record<string, number>>;
  readonly gaps: number;
  /** How often the venue's own top of book equalled ours, in the moment (`exact`) or within its usual delay (`settled`). */
  readonly topOfBook: { readonly compared: number; readonly exact: number; readonly settled: number } | null;
  /** How often our books had the hash that the venue sent (Polymarket). */
  readonly bookHashes: { readonly checked: number; readonly matched: number } | null;
}

/**
 * Imports a capture made by others: frames to a journal of its own, journal to tables. The same content with the same
 * options is imported once; an interrupted import is removed and done again. Throws `UsageError` for an unknown venue
 * or unreadable file, `StorageError` for a damaged file or tape.
 */
export async function importCapture(options: ImportOptions): Promise<ImportSummary> {
  const { tape, path, signal } = options;
  const venue = knownVenue(options.venue);
  if (options.useYesPrice === true && venue.id !== "kalshi") {
    throw new UsageError("--use-yes-price is a fact of Kalshi's captures only");
  }
  const total = sizeOf(path);
  const outline = await outlineCapture(path, {
    signal,
    progress: (bytes) => options.progress?.("reading", bytes, total),
  });
  if (outline.frames === 0) throw new UsageError(`${path} holds no frame`);
  const source: ImportSource = {
    path,
    venue: venue.id,
    format: venue.live(venue.config.parse({}) as never).format,
    facts: options.useYesPrice === true ? { use_yes_price: true } : {},
    outline,
    markets: options.markets === undefined ? null : await readMarketObjects(options.markets, signal),
  };
  const name = importName(source);
  const already = isWholeImport(tape, name);
  if (!already) {
    removeImport(tape, name);
    await writeImport(tape, source, {
      journal: options.journal ?? journalConfig.parse({}),
      program: options.program,
      signal,
      progress: (bytes) => options.progress?.("writing", bytes, total),
    });
  }
  return { journal: name, already, ...describe(outline), ...(await project(options, name, outline.frames)) };
}

function describe({ frames, connections, untimed, badTimes }: CaptureOutline) {
  return { frames, connections: connections.size, withoutReceiveTime: untimed, unusableReceiveTimes: badTimes };
}

async function project({ tape, sinks, signal, progress }: ImportOptions, name: string, frames: number) {
  const counts = new RowCounts();
  await using projector = await Projector.open({
    tape,
    name,
    venues,
    sinks: (instruments) => [new ParquetSink({ tape }), ...(sinks?.(instruments) ?? []), counts],
    onProgress: ({ frame }) => progress?.("making tables", Math.min(frame, frames), frames),
  });
  if (projector === null) throw new Error(`journal ${name} is empty`);
  await projector.run({ follow: false, signal });
  signal.throwIfAborted();
  const { interpretation } = projector;
  const tops = [...interpretation.books.agreement().values()][0] ?? null;
  const polymarket = interpretation.venue("polymarket") as PolymarketInterpreter | undefined;
  const hashes = polymarket?.hashAgreement();
  return {
    rows: Object.fromEntries(counts.rows),
    quarantined: Object.fromEntries(counts.quarantined),
    gaps: counts.gaps,
    topOfBook: tops === null ? null : { ...tops },
    bookHashes:
      hashes === undefined || hashes.checked === 0 ? null : { checked: hashes.checked, matched: hashes.matched },
  };
}
