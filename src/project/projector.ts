import { setTimeout as sleep } from "node:timers/promises";
import { crcAt, scanRecords } from "../journal/codec.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { type Batch, Follower, identify, readPreamble } from "../journal/reader.ts";
import type { Preamble } from "../journal/record.ts";
import { Interpretation } from "../interpret/interpretation.ts";
import { readState, writeState } from "../interpret/state-file.ts";
import { StorageError } from "../ops/errors.ts";
import { Instruments } from "../model/instrument.ts";
import type { Checkpoint, JournalIdentity, RowBatch, Sink } from "../sinks/sink.ts";
import { INTERPRETER_VERSION } from "../tables/version.ts";
import type { Venue } from "../venues/venue.ts";

/** Between two looks at the mark when nothing was new: far below the two seconds that a query may lag. */
const POLL_MS = 25;
/** A state file is written at the first segment boundary after this long, or after this many segments. */
const STATE_EVERY_MS = 5 * 60_000;
const STATE_EVERY_SEGMENTS = 16;

export interface ProjectorOptions {
  readonly tape: string;
  /** Name of the journal. */
  readonly name: string;
  readonly venues: readonly Venue[];
  /** Version of these venues' interpreters: this program's, unless others are given. */
  readonly interpreter?: number;
  /** Makes the sinks; they share the interpretation's instruments. */
  readonly sinks: (instruments: Instruments) => readonly Sink[];
  /** Make the tables of these segments again instead of going on where the sinks stand. */
  readonly replace?: SegmentRange;
  readonly onProgress?: (progress: ProjectorProgress) => void;
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
}

interface OpenSink {
  readonly sink: Sink;
  /** Where it stood when it was opened. */
  readonly checkpoint: Checkpoint | null;
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
  #stateAt = Date.now();
  #stateSegment: number;

  private constructor(
    options: ProjectorOptions,
    identity: JournalIdentity,
    interpretation: Interpretation,
    sinks: readonly OpenSink[],
    segment: number,
  ) {
    this.#options = options;
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
    const segments = listSegments(dir);
    const oldest = segments[0];
    if (oldest === undefined) return null;
    const instruments = new Instruments();
    const opened: OpenSink[] = [];
    for (const sink of options.sinks(instruments)) opened.push({ sink, checkpoint: await sink.open(identity) });
    const behind = Math.min(...opened.map(({ checkpoint }) => checkpoint?.frame ?? 0));
    const { replace } = options;
    const start = replace === undefined ? segmentOf(dir, behind + 1) : replace.fromSegment;
    const origin = { journal: identity.journal, interpreter: options.interpreter ?? INTERPRETER_VERSION };
    const state = start === null ? null : readState(options.tape, options.name, origin, start);
    if (replace === undefined) checkAhead(dir, opened, identity);
    else for (const { sink } of opened) await sink.beginReplace(frameRange(dir, replace));
    const interpretation = new Interpretation({
      venues: options.venues,
      instruments,
      preamble: first,
      ...(state === null ? {} : { saved: state.saved }),
    });
    return new Projector(options, identity, interpretation, opened, state?.segment ?? oldest.segment);
  }

  /** Number of the last record that was read. */
  get frame(): number {
    return this.#frame;
  }

  /** Projects everything there is up to the journal's end, or follows it until `signal` fires or `finished` says so. */
  async run(options: { readonly follow: boolean; readonly signal: AbortSignal; readonly finished?: () => boolean }): Promise<void> {
    const { signal } = options;
    const end = this.#options.replace?.toSegment ?? Infinity;
    while (!signal.aborted && this.#follower.segment <= end) {
      const done = options.finished?.() ?? !options.follow;
      const limit = this.#follower.limit({ sure: done });
      let any = false;
      for (let batch = this.#follower.next(limit); batch !== null; batch = this.#follower.next(limit)) {
        await this.#project(batch);
        any = true;
        if (signal.aborted) return;
        if (this.#follower.segment > end) break;
      }
      if (done && !any) break;
      if (!any) await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
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
      for (const { checkpoint } of replace === undefined ? this.#sinks : []) {
        if (checkpoint?.frame === record.frame && checkpoint.crc !== lastCrc) throw foreignCheckpoint(this.#identity.name);
      }
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
      for (const { sink, checkpoint } of this.#sinks) {
        const wanted =
          replace === undefined
            ? checkpoint === null || checkpoint.frame < out.lastFrame
            : batch.segment >= replace.fromSegment && batch.segment <= replace.toSegment;
        if (wanted) await sink.write(out);
      }
    }
    rows.clear();
    this.#options.onProgress?.({
      frame: this.#frame,
      segment: batch.segment,
      bytes: this.#bytes,
      failures: interpretation.failures,
    });
    if (batch.last) this.#maybeSaveState(batch.segment + 1);
  }

  #maybeSaveState(segment: number): void {
    const due =
      Date.now() - this.#stateAt >= STATE_EVERY_MS || segment - this.#stateSegment >= STATE_EVERY_SEGMENTS;
    if (!due) return;
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

/** The segment that frame `frame` is in: the last one that begins at or before it. */
function segmentOf(dir: string, frame: number): number | null {
  let found: number | null = null;
  for (const file of listSegments(dir)) {
    const head = readPreamble(file);
    if (head !== null && head.frame > frame) break;
    found = file.segment;
  }
  return found;
}

/** The frames of a range of segments. */
function frameRange(dir: string, range: SegmentRange): { readonly firstFrame: number; readonly lastFrame: number } {
  let firstFrame = 1;
  let lastFrame = Number.MAX_SAFE_INTEGER;
  for (const file of listSegments(dir)) {
    const head = readPreamble(file);
    if (head === null) continue;
    if (file.segment === range.fromSegment) firstFrame = head.frame;
    if (file.segment === range.toSegment + 1) lastFrame = head.frame - 1;
  }
  return { firstFrame, lastFrame };
}

function checkAhead(
  dir: string,
  opened: readonly OpenSink[],
  identity: JournalIdentity,
): void {
  const furthest = Math.max(0, ...opened.map(({ checkpoint }) => checkpoint?.frame ?? 0));
  if (furthest === 0) return;
  const follower = new Follower(dir, { segment: segmentOf(dir, furthest) ?? 1, offset: 0 });
  try {
    const limit = follower.limit();
    let last = 0;
    for (let batch = follower.next(limit); batch !== null && last < furthest; batch = follower.next(limit)) {
      scanRecords(batch.buffer, batch.start, batch.end, (record) => {
        last = record.frame;
      });
    }
    if (last < furthest) {
      throw new StorageError(
        `the tables of journal "${identity.name}" are ahead of it: they reach frame ${furthest}, the journal frame ${last}`,
        { hint: "the journal was cut or replaced; record under another name, or rebuild the tables with `foretape replay`" },
      );
    }
  } finally {
    follower[Symbol.dispose]();
  }
}

function foreignCheckpoint(name: string): StorageError {
  return new StorageError(`the tables of journal "${name}" were made from another journal of that name`, {
    hint: "record under another name, or rebuild the tables with `foretape replay`",
  });
}
