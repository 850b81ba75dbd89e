import { mkdirSync, readFileSync, renameSync, statfsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { FeedAge } from "../project/feed-age.ts";
import type { StreamProgress, SubscriptionCounts, VenueBudget } from "../capture/capture.ts";
import type { Micros } from "../model/time.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import type { ProcessReport, SupervisorReport } from "./supervisor.ts";

/** Number of the file's form. A reader refuses another one. */
const SCHEMA = 1;
/** The last warnings that are kept. */
const WARNINGS = 10;
/** Rates are measured over this long. */
const RATE_OVER: Micros = 5_000_000;

/**
 * What a running recorder says of itself every second: `state/<recorder>/status.json`. No secrets. Times are
 * microseconds.
 */
export interface RecorderStatus {
  readonly schema: typeof SCHEMA;
  readonly recorder: string;
  readonly state: "recording" | "stopping" | "stopped";
  readonly pid: number;
  readonly startedAt: Micros;
  readonly at: Micros;
  readonly capture: ProcessReport;
  readonly project: ProcessReport;
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly markets: number;
  readonly reconnects: number;
  readonly openGaps: number;
  readonly streams: readonly StreamStatus[];
  /** What is wanted, granted by the venue and observed, by venue and channel: three things that ought to be equal. */
  readonly subscriptions: readonly SubscriptionCounts[];
  /** How limits on requests are used; missing in files of a version that did not say. */
  readonly budgets?: readonly VenueBudget[];
  readonly feeds: readonly FeedAge[];
  /** `behind`: durable frames that the sink has not taken yet; `problem`: why, a sentence. */
  readonly sinks: readonly {
    readonly id: string;
    readonly frame: number;
    readonly behind: number;
    readonly problem?: string | null;
  }[];
  readonly journal: {
    readonly segment: number;
    readonly durableFrame: number;
    readonly slowestCommitMs: number;
    readonly paused: boolean;
    /** Null where the file system does not say. */
    readonly diskFreeBytes: number | null;
  };
  readonly stallAfter: Micros;
  /** The latest last. */
  readonly warnings: readonly { readonly at: Micros; readonly message: string }[];
}

export interface StreamStatus extends StreamProgress {
  readonly framesPerSecond: number;
}

export function statusPath(tape: string, recorder: string): string {
  return join(tape, "state", recorder, "status.json");
}

/** Keeps the status of a recorder and writes it, whole or not at all. */
export class StatusWriter {
  readonly #options: { readonly tape: string; readonly recorder: string; readonly stallAfter: Micros };
  readonly #path: string;
  readonly #startedAt: Micros = Date.now() * 1000;
  readonly #warnings: { at: Micros; message: string }[] = [];
  readonly #rates = new Rates();
  #failed = false;

  constructor(options: { readonly tape: string; readonly recorder: string; readonly stallAfter: Micros }) {
    this.#options = options;
    this.#path = statusPath(options.tape, options.recorder);
  }

  warn(message: string): void {
    this.#warnings.push({ at: Date.now() * 1000, message });
    if (this.#warnings.length > WARNINGS) this.#warnings.shift();
  }

  /** What is known now. */
  status(report: SupervisorReport, state?: "stopped"): RecorderStatus {
    const at = Date.now() * 1000;
    const { tape, recorder, stallAfter } = this.#options;
    const { progress, capture, project, segment, feeds } = report;
    const { frames, markets, reconnects, openGaps, durableFrame, slowestCommitMs, paused } = progress;
    const { subscriptions, budgets } = progress;
    const names = report.streams.map(({ venue, stream }) => `${venue}/${stream}`);
    this.#rates.forgetOthers(names);
    return {
      schema: SCHEMA,
      recorder,
      state: state ?? (report.stopping ? "stopping" : "recording"),
      pid: process.pid,
      startedAt: this.#startedAt,
      at,
      capture,
      project,
      frames,
      framesPerSecond: this.#rates.measure("", at, frames),
      markets,
      reconnects,
      openGaps,
      streams: report.streams.map((stream, i) => ({
        ...stream,
        framesPerSecond: this.#rates.measure(names[i] ?? "", at, stream.frames),
      })),
      subscriptions,
      budgets,
      feeds,
      sinks: report.sinks.map((sink) => ({ ...sink, behind: Math.max(0, durableFrame - sink.frame) })),
      journal: { segment, durableFrame, slowestCommitMs, paused, diskFreeBytes: diskFree(tape) },
      stallAfter,
      warnings: [...this.#warnings],
    };
  }

  /** A status that cannot be written is a warning once, never a reason to stop. Gives that warning. */
  write(status: RecorderStatus): string | null {
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(`${this.#path}.tmp`, JSON.stringify(status));
      renameSync(`${this.#path}.tmp`, this.#path);
      this.#failed = false;
      return null;
    } catch (error) {
      if (this.#failed) return null;
      this.#failed = true;
      return `the status file ${this.#path} cannot be written: ${messageOf(error)}`;
    }
  }
}

/** Null where no recorder of that name has run. Throws `StorageError` for a file of another version or none at all. */
export function readStatus(tape: string, recorder: string): RecorderStatus | null {
  const path = statusPath(tape, recorder);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new StorageError(`cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  let parsed: { readonly schema?: unknown } | null;
  try {
    parsed = JSON.parse(text) as { readonly schema?: unknown } | null;
  } catch (error) {
    throw new StorageError(`${path} is damaged: ${messageOf(error)}`, { cause: error });
  }
  if (parsed?.schema !== SCHEMA) {
    throw new StorageError(`${path} was written by another version of Foretape`, {
      hint: "use the version that records",
    });
  }
  return parsed as RecorderStatus;
}

/** Counts as rates, over the last seconds. */
class Rates {
  readonly #samples = new Map<string, { readonly at: Micros; readonly count: number }[]>();

  measure(name: string, at: Micros, count: number): number {
    const samples = this.#samples.get(name) ?? [];
    this.#samples.set(name, samples);
    // A process that was started again counts from 0.
    if ((samples.at(-1)?.count ?? 0) > count) samples.length = 0;
    samples.push({ at, count });
    while ((samples[1]?.at ?? Infinity) <= at - RATE_OVER) samples.shift();
    const [first] = samples;
    if (first === undefined || first.at === at) return 0;
    return Math.round(((count - first.count) * 1e7) / (at - first.at)) / 10;
  }

  forgetOthers(names: readonly string[]): void {
    const kept = new Set(["", ...names]);
    for (const name of this.#samples.keys()) if (!kept.has(name)) this.#samples.delete(name);
  }
}

function diskFree(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    // Not every file system says.
    return null;
  }
}
