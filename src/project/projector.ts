import { setImmediate as turn } from "node:timers/promises";
import { crcAt, scanRecords } from "../journal/codec.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { type Batch, Follower, identify, readPreamble } from "../journal/reader.ts";
import type { Preamble } from "../journal/record.ts";
import { Interpretation, type InterpretationOptions } from "../interpret/interpretation.ts";
import type { WireDrift } from "../interpret/wire-radar.ts";
import { readState, writeState } from "../interpret/state-file.ts";
import { quietly, sleep } from "../net/sleep.ts";
import { StorageError } from "../ops/errors.ts";
import { Instruments } from "../model/instrument.ts";
import type { Checkpoint, IndependentSink, JournalIdentity, RowBatch, Sink } from "../sinks/sink.ts";
import { INTERPRETER_VERSION } from "../tables/version.ts";
import type { Venue } from "../venues/venue.ts";

/** Between two looks at the mark when nothing was new: far below the two seconds that a query may lag. */
const POLL_MS = 25;
/** A state file is written at the first segment boundary after this long, or after this many segments. */
const STATE_EVERY = { ms: 5 * 60_000, segments: 16 };

export interface ProjectorOptions {
  readonly tape: string;
  /** Name of the journal. */
  readonly name: string;
  readonly venues: readonly Venue[];
  /** Version of these venues' interpreters: this program's, unless others are given. */
  readonly interpreter?: number;
  /**
   * Makes the sinks; they share the interpretation's instruments. `check` throws `StorageError` where a checkpoint is not
   * of this journal: independent sinks ask it themselves, of the others it is asked here.
   */
  readonly sinks: (
    instruments: Instruments,
    check: (checkpoint: Checkpoint) => void,
  ) => readonly (Sink | IndependentSink)[];
  /** Make the tables of these segments again instead of going on where the sinks stand. */
  readonly replace?: SegmentRange;
  /** When state files are written: at the first end of a segment after this long, or after this many segments. */
  readonly stateEvery?: { readonly ms: number; readonly segments: number };
  readonly onProgress?: (progress: ProjectorProgress) => void;
  /** Sees every event before its row is made. */
  readonly observe?: InterpretationOptions["observe"];
  /** A venue's messages changed, in records that no sink had yet. */
  readonly onDrift?: (drift: WireDrift) => void;
}

/** Both ends included. */
export interface SegmentRange {
  readonly fromSegment: number;
  readonly toSegment: number;
}

export interface ProjectorProgress {
  readonly frame: number;
  readonly segment: number;
  readonly bytes: number;
  /** Records that an interpreter threw at: bugs of this program, each a row of `quarantine`. */
  readonly failures: number;
  /** The last record that each sink has taken, and what keeps it behind, a sentence. */
  readonly sinks: readonly SinkProgress[];
}

export interface SinkProgress {
  readonly id: string;
  readonly frame: number;
  readonly problem: string | null;
}

interface OpenSink {
  readonly sink: Sink | IndependentSink;
  /** Where it stood when it was opened; an independent one looks after that itself. */
  checkpoint: Checkpoint | null;
}

/** The tables' number for a journal: its id's first 31 bits, so that recorders need not agree on numbers. */
export function recorderNumber(journal: string): number {
  return Number.parseInt(journal.slice(0, 8), 16) & 0x7fff_ffff;
}

export function identityOf(preamble: Preamble): JournalIdentity {
  return {
    journal: preamble.journal,
    name: preamble.name,
    recorder: recorderNumber(preamble.journal),
    host: "",
    since: preamble.wall,
  };
}

/** Follows one journal into its sinks, from where they stand. */
export class Projector implements AsyncDisposable {
  readonly interpretation: Interpretation;
  readonly #options: ProjectorOptions;
  readonly #sinks: readonly OpenSink[];
  readonly #identity: JournalIdentity;
  readonly #follower: Follower;
  #frame = 0;
  #bytes = 0;
  /** Changes that the records of the batch at hand showed. */
  readonly #drifts: WireDrift[];
  #stateAt = Date.now();
  #stateSegment: number;

  private constructor(
    options: ProjectorOptions,
    identity: JournalIdentity,
    interpretation: Interpretation,
    sinks: readonly OpenSink[],
    segment: number,
    drifts: WireDrift[],
  ) {
    this.#options = options;
    this.#drifts = drifts;
    this.#identity = identity;
    this.interpretation = interpretation;
    this.#sinks = sinks;
    this.#follower = new Follower(journalDir(options.tape, options.name), { segment, offset: 0 });
    this.#stateSegment = segment;
  }

  /**
   * Opens the sinks and finds where to start: the nearest state file at or before the first segment that some sink has
   * not finished. Throws `StorageError` when a sink's checkpoint is not of this journal. Null while the journal is empty.
   */
  static async open(options: ProjectorOptions): Promise<Projector | null> {
    const dir = journalDir(options.tape, options.name);
    const first = identify(dir);
    if (first === null) return null;
    const identity = identityOf(first);
    const oldest = listSegments(dir)[0];
    if (oldest === undefined) return null;
    const instruments = new Instruments();
    const opened: OpenSink[] = [];
    try {
      const check = (checkpoint: Checkpoint): void => checkCheckpoint(dir, checkpoint, identity.name);
      for (const sink of options.sinks(instruments, check)) {
        // In the list before it is opened, so that it is disposed of whatever happens.
        const entry: OpenSink = { sink, checkpoint: null };
        opened.push(entry);
        entry.checkpoint = await sink.open(identity);
      }
      for (const { checkpoint } of opened) if (checkpoint !== null) check(checkpoint);
      const start = options.replace?.fromSegment ?? startOf(dir, opened);
      for (const { sink } of opened)
        if (options.replace !== undefined) await sink.beginReplace(frameRange(dir, options.replace));
      const origin = { journal: identity.journal, interpreter: options.interpreter ?? INTERPRETER_VERSION };
      const nearest = readState(options.tape, options.name, origin, start);
      // What lay between an older one and the oldest segment is gone: nothing is known of it.
      const state = nearest !== null && nearest.segment >= oldest.segment ? nearest : null;
      const drifts: WireDrift[] = [];
      const interpretation = new Interpretation({
        venues: options.venues,
        instruments,
        preamble: first,
        ...(options.observe === undefined ? {} : { observe: options.observe }),
        onDrift: (drift) => drifts.push(drift),
        ...(state === null ? {} : { saved: state.saved }),
      });
      return new Projector(options, identity, interpretation, opened, state?.segment ?? oldest.segment, drifts);
    } catch (error) {
      for (const { sink } of opened) await sink[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Number of the last record that was read. */
  get frame(): number {
    return this.#frame;
  }

  /** Projects everything there is up to the journal's end, or follows it until `signal` fires or `finished` says so. */
  async run(options: {
    readonly follow: boolean;
    readonly signal: AbortSignal;
    readonly finished?: () => boolean;
  }): Promise<void> {
    const { signal } = options;
    const end = this.#options.replace?.toSegment ?? Infinity;
    while (!signal.aborted && this.#follower.segment <= end) {
      const done = options.finished?.() ?? !options.follow;
      const limit = this.#follower.limit({ sure: done });
      let any = false;
      for (let batch = this.#follower.next(limit); batch !== null; batch = this.#follower.next(limit)) {
        await this.#project(batch);
        // Where no sink takes anything nothing else would let a signal or a message in.
        await turn();
        any = true;
        if (signal.aborted) return;
        if (this.#follower.segment > end) break;
      }
      if (done && !any) break;
      if (!any) await quietly(sleep(POLL_MS, signal), signal);
    }
    for (const { sink } of this.#sinks) {
      await sink.flush();
      if (this.#options.replace !== undefined) await sink.endReplace();
    }
  }

  async #project(batch: Batch): Promise<void> {
    const { interpretation } = this;
    const { rows } = interpretation;
    const { replace } = this.#options;
    let firstFrame = 0;
    let lastCrc = 0;
    scanRecords(batch.buffer, batch.start, batch.end, (record, at) => {
      if (firstFrame === 0) firstFrame = record.frame;
      this.#frame = record.frame;
      lastCrc = crcAt(batch.buffer, at);
      interpretation.read(record);
    });
    this.#bytes += batch.end - batch.start;
    if (firstFrame > 0 || batch.last) {
      const out: RowBatch = {
        segment: batch.segment,
        firstFrame,
        lastFrame: this.#frame,
        lastCrc,
        tables: rows.tables,
        interpreter: this.#options.interpreter ?? INTERPRETER_VERSION,
        last: batch.last,
      };
      let isNew = false;
      for (const { sink, checkpoint } of this.#sinks) {
        if ("isIndependent" in sink) {
          await sink.write(out);
          continue;
        }
        const wanted =
          replace === undefined
            ? checkpoint === null || checkpoint.frame < out.lastFrame
            : batch.segment >= replace.fromSegment && batch.segment <= replace.toSegment;
        isNew ||= wanted;
        if (wanted) await sink.write(out);
      }
      if (isNew) for (const drift of this.#drifts) this.#options.onDrift?.(drift);
    }
    this.#drifts.length = 0;
    rows.clear();
    this.#options.onProgress?.({
      frame: this.#frame,
      segment: batch.segment,
      bytes: this.#bytes,
      failures: interpretation.failures,
      sinks: this.#sinks.map(({ sink, checkpoint }) => {
        const { id } = sink;
        if ("isIndependent" in sink) return { id, frame: sink.frame, problem: sink.problem };
        return { id, frame: Math.max(this.#frame, checkpoint?.frame ?? 0), problem: null };
      }),
    });
    if (batch.last) this.#maybeSaveState(batch.segment + 1);
  }

  #maybeSaveState(segment: number): void {
    const every = this.#options.stateEvery ?? STATE_EVERY;
    if (Date.now() - this.#stateAt < every.ms && segment - this.#stateSegment < every.segments) return;
    this.#stateAt = Date.now();
    this.#stateSegment = segment;
    writeState(this.#options.tape, this.#options.name, {
      interpreter: this.#options.interpreter ?? INTERPRETER_VERSION,
      journal: this.#identity.journal,
      segment,
      saved: this.interpretation.save(),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#follower[Symbol.dispose]();
    for (const { sink } of this.#sinks) await sink[Symbol.asyncDispose]();
  }
}

/** The first segment that some sink has not finished, of those that do not look after that themselves. */
function startOf(dir: string, opened: readonly OpenSink[]): number {
  const dependent = opened.filter(({ sink }) => !("isIndependent" in sink));
  return segmentOf(dir, Math.min(...dependent.map(({ checkpoint }) => checkpoint?.frame ?? 0)) + 1);
}

/** The segment that frame `frame` is in or would be in, else the oldest. Looked for from the end, where it mostly is. */
function segmentOf(dir: string, frame: number): number {
  const segments = listSegments(dir);
  const oldest = segments[0]?.segment ?? 1;
  if (frame <= 1) return oldest;
  return segments.findLast((file) => (readPreamble(file)?.frame ?? Infinity) <= frame)?.segment ?? oldest;
}

/** The frames of a range of segments. */
function frameRange(dir: string, range: SegmentRange): { readonly firstFrame: number; readonly lastFrame: number } {
  const segments = listSegments(dir);
  const beginning = (wanted: (segment: number) => boolean): number | undefined => {
    const file = segments.find(({ segment }) => wanted(segment));
    return file === undefined ? undefined : readPreamble(file)?.frame;
  };
  return {
    firstFrame: beginning((segment) => segment >= range.fromSegment) ?? 1,
    lastFrame: (beginning((segment) => segment > range.toSegment) ?? Number.MAX_SAFE_INTEGER) - 1,
  };
}

/** Throws `StorageError` where the journal ends before the checkpoint's record, or has another one there. */
function checkCheckpoint(dir: string, checkpoint: Checkpoint, name: string): void {
  using follower = new Follower(dir, { segment: segmentOf(dir, checkpoint.frame), offset: 0 });
  const limit = follower.limit();
  let last = 0;
  let crc: number | null = null;
  for (let batch = follower.next(limit); batch !== null && last < checkpoint.frame; batch = follower.next(limit)) {
    const { buffer } = batch;
    scanRecords(buffer, batch.start, batch.end, (record, at) => {
      last = record.frame;
      if (last === checkpoint.frame) crc = crcAt(buffer, at);
    });
  }
  if (last < checkpoint.frame) {
    throw new StorageError(
      `the tables of journal "${name}" are ahead of it: they reach frame ${checkpoint.frame}, the journal frame ${last}`,
      {
        hint: "the journal was cut or replaced; record under another name, or rebuild the tables with `foretape replay`",
      },
    );
  }
  // A record that is damaged or was dropped since cannot be compared.
  if (crc === null || crc === checkpoint.crc) return;
  throw new StorageError(`the tables of journal "${name}" were made from another journal of that name`, {
    hint: "record under another name, or rebuild the tables with `foretape replay`",
  });
}
