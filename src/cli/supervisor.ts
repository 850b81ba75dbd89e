import { type ChildProcess, fork } from "node:child_process";
import type { Listener } from "../capture/listener.ts";
import type { FromCapture, ToCapture } from "../capture/messages.ts";
import type { Progress, StreamProgress } from "../capture/capture.ts";
import type { Micros } from "../model/time.ts";
import { Backoff } from "../net/backoff.ts";
import { quietly, sleep } from "../net/sleep.ts";
import { ForetapeError } from "../ops/errors.ts";
import type { FeedAge } from "../project/feed-age.ts";
import type { FromProject, ToProject } from "../project/messages.ts";
import type { SinkProgress } from "../project/projector.ts";

/** A clean stop takes at most 5 s: capture has until here, projecting until it is asked, then told, to leave. */
const CAPTURE_STOP_MS = 2_500;
const PROJECT_TERM_MS = 4_300;
const PROJECT_KILL_MS = 4_800;
/** A capturing process that dies this often within `CALM_MS` will not recover. */
const MAX_DEATHS = 5;
const CALM_MS = 60_000;
const REPORT_MS = 1_000;

export interface SupervisorOptions {
  readonly capture: Extract<ToCapture, { type: "start" }>;
  readonly project: Extract<ToProject, { type: "start" }>;
  readonly onReady?: (ready: Extract<FromCapture, { type: "ready" }>) => void;
  readonly onProgress?: (progress: RecordProgress) => void;
  /** Hears about once a second how everything is, also while nothing is heard of a process. */
  readonly onReport?: (report: SupervisorReport) => void;
  /** Something that a user should know: a process died, storage failed. */
  readonly onWarning: (message: string) => void;
}

/** What one of the two processes is known to do. Times are microseconds. */
export interface ProcessReport {
  readonly pid: number | null;
  readonly restarts: number;
  /** When it last said something; null before the first time. */
  readonly heardAt: Micros | null;
}

export interface SupervisorReport {
  readonly progress: RecordProgress;
  readonly streams: readonly StreamProgress[];
  readonly segment: number;
  readonly sinks: readonly SinkProgress[];
  readonly feeds: readonly FeedAge[];
  readonly capture: ProcessReport;
  readonly project: ProcessReport;
  readonly stopping: boolean;
}

export interface RecordProgress extends Omit<Progress, "streams" | "segment"> {
  readonly openGaps: number;
  /** Last frame that is in the tables. */
  readonly projectedFrame: number;
  /** How often each process died and was started again. */
  readonly captureRestarts: number;
  readonly projectRestarts: number;
}

/**
 * Runs the two processes. Projecting may die as often as it likes: recording goes on and it is started again.
 * Capturing is started again too, unless it cannot even start or keeps dying; then everything stops.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  /** What a capturing process is started with: the listeners may have changed since the first one. */
  #start: SupervisorOptions["capture"];
  #capture: ChildProcess | null = null;
  #project: ChildProcess | null = null;
  /** Frames and reconnects of capturing processes that are no more. */
  #past = { frames: 0, reconnects: 0 };
  #progress: RecordProgress = {
    frames: 0,
    connections: 0,
    markets: 0,
    reconnects: 0,
    durableFrame: 0,
    slowestCommitMs: 0,
    paused: false,
    subscriptions: [],
    budgets: [],
    openGaps: 0,
    projectedFrame: 0,
    captureRestarts: 0,
    projectRestarts: 0,
  };
  #streams: readonly StreamProgress[] = [];
  #segment = 0;
  #sinks: SupervisorReport["sinks"] = [];
  #feeds: readonly FeedAge[] = [];
  #heard: { capture: Micros | null; project: Micros | null } = { capture: null, project: null };
  /** Whether capturing has ever got under way: until then there is nothing to project, and perhaps no right to. */
  readonly #underWay = Promise.withResolvers<boolean>();
  #stopping = false;
  #stopAt: number | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#start = options.capture;
  }

  /** These are the listeners from now on; `publicConfig` is the configuration with them, without secrets. */
  listen(listeners: readonly Listener[], publicConfig: unknown): void {
    this.#start = { ...this.#start, listeners, publicConfig };
    this.#tell(this.#capture, { type: "listeners", listeners, publicConfig });
  }

  /** Records until the signal is aborted, then stops cleanly. Throws `ForetapeError` where capturing cannot go on. */
  async run(signal: AbortSignal): Promise<RecordProgress> {
    // Projecting outlives capturing: it finishes what capturing left.
    const finishing = new AbortController();
    const capturing = this.#keepCapturing(signal);
    const projecting = this.#keepProjecting(finishing.signal);
    const reporting = setInterval(() => this.#options.onReport?.(this.report), REPORT_MS);
    try {
      await capturing;
    } finally {
      this.#stopping = true;
      this.#underWay.resolve(false);
      finishing.abort();
      this.#tell(this.#project, { type: "finish" });
      // What is not projected by then is projected at the next start.
      const spent = performance.now() - (this.#stopAt ?? performance.now());
      const term = setTimeout(() => this.#project?.kill("SIGTERM"), PROJECT_TERM_MS - spent);
      const kill = setTimeout(() => this.#project?.kill("SIGKILL"), PROJECT_KILL_MS - spent);
      await projecting;
      clearTimeout(term);
      clearTimeout(kill);
      clearInterval(reporting);
    }
    return this.#progress;
  }

  get report(): SupervisorReport {
    const process = (child: ChildProcess | null, restarts: number, heardAt: Micros | null): ProcessReport => ({
      pid: child?.pid ?? null,
      restarts,
      heardAt,
    });
    return {
      progress: this.#progress,
      streams: this.#streams,
      segment: this.#segment,
      sinks: this.#sinks,
      feeds: this.#feeds,
      capture: process(this.#capture, this.#progress.captureRestarts, this.#heard.capture),
      project: process(this.#project, this.#progress.projectRestarts, this.#heard.project),
      stopping: this.#stopping || this.#stopAt !== null,
    };
  }

  async #keepCapturing(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ minMs: 100, maxMs: 10_000 });
    let deaths: number[] = [];
    while (!signal.aborted) {
      const end = await this.#runCapture(signal);
      if (end.stopped) return;
      if (signal.aborted) {
        throw end.failure ?? new ForetapeError("capture", `the capturing process did not stop cleanly: ${end.how}`);
      }
      deaths = [...deaths.filter((at) => at > Date.now() - CALM_MS), Date.now()];
      if (!end.wasReady || deaths.length > MAX_DEATHS) {
        throw end.failure ?? new ForetapeError("capture", `the capturing process ended with ${end.how}`);
      }
      this.#streams = [];
      this.#update({ captureRestarts: this.#progress.captureRestarts + 1, connections: 0 });
      this.#options.onWarning(`the capturing process ended with ${end.how}; starting it again`);
      if (deaths.length === 1) backoff.reset();
      await quietly(sleep(backoff.next(), signal), signal);
    }
  }

  async #runCapture(signal: AbortSignal): Promise<CaptureEnd> {
    const child = start("capture");
    this.#capture = child;
    this.#past = { frames: this.#progress.frames, reconnects: this.#progress.reconnects };
    let wasReady = false;
    let stopped = false;
    let failure: ForetapeError | null = null;
    child.on("message", (message: FromCapture) => {
      this.#heard.capture = Date.now() * 1000;
      switch (message.type) {
        case "ready":
          wasReady = true;
          this.#underWay.resolve(true);
          this.#options.onReady?.(message);
          break;
        case "stopped":
        case "progress":
          stopped ||= message.type === "stopped";
          this.#captured(message);
          break;
        case "warning":
          this.#options.onWarning(message.message);
          break;
        case "failed":
          failure = new ForetapeError("capture", message.message, {
            exitCode: message.exitCode,
            ...(message.hint === undefined ? {} : { hint: message.hint }),
          });
          break;
      }
    });
    this.#tell(child, this.#start);
    let deadline: NodeJS.Timeout | undefined;
    const stop = () => {
      this.#stopAt ??= performance.now();
      this.#tell(child, { type: "stop" });
      deadline = setTimeout(() => child.kill("SIGKILL"), CAPTURE_STOP_MS);
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const how = await exitOf(child);
    signal.removeEventListener("abort", stop);
    clearTimeout(deadline);
    this.#capture = null;
    return { wasReady, stopped, failure, how };
  }

  async #keepProjecting(finishing: AbortSignal): Promise<void> {
    const backoff = new Backoff({ minMs: 500, maxMs: 60_000 });
    if (!(await this.#underWay.promise)) return;
    for (;;) {
      const child = start("project");
      this.#project = child;
      const startedAt = Date.now();
      child.on("message", (message: FromProject) => this.#projected(message));
      this.#tell(child, this.#options.project);
      if (finishing.aborted) this.#tell(child, { type: "finish" });
      const how = await exitOf(child);
      this.#project = null;
      if (this.#stopping) return;
      this.#update({ projectRestarts: this.#progress.projectRestarts + 1 });
      this.#options.onWarning(`the projecting process ended with ${how}; recording goes on, starting it again`);
      if (Date.now() - startedAt > CALM_MS) backoff.reset();
      await quietly(sleep(backoff.next(), finishing), finishing);
    }
  }

  #captured({ type: _, streams, segment, ...progress }: { readonly type: string } & Progress): void {
    this.#streams = streams;
    this.#segment = segment;
    this.#update({
      ...progress,
      frames: this.#past.frames + progress.frames,
      reconnects: this.#past.reconnects + progress.reconnects,
    });
  }

  #projected(message: FromProject): void {
    this.#heard.project = Date.now() * 1000;
    switch (message.type) {
      case "progress":
        this.#sinks = message.sinks;
        this.#feeds = message.feeds;
        this.#update({ openGaps: message.openGaps, projectedFrame: message.frame });
        break;
      case "finished":
        this.#update({ projectedFrame: message.frame });
        break;
      case "resync":
        this.#tell(this.#capture, message);
        break;
      case "warning":
        this.#options.onWarning(message.message);
        break;
      case "failed":
        this.#options.onWarning(message.hint === undefined ? message.message : `${message.message} (${message.hint})`);
        break;
    }
  }

  #update(change: Partial<RecordProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#options.onProgress?.(this.#progress);
  }

  /** A child that is just ending cannot be told anything: its exit is dealt with elsewhere. */
  #tell(child: ChildProcess | null, message: ToCapture | ToProject): void {
    if (child?.connected === true) child.send(message, () => undefined);
  }
}

interface CaptureEnd {
  readonly wasReady: boolean;
  readonly stopped: boolean;
  readonly failure: ForetapeError | null;
  readonly how: string;
}

/**
 * Both processes allocate and free megabytes outside V8's heap all the time: what sockets read, what zstd and DuckDB work
 * with. glibc is told to keep one arena instead of one for each thread, to give large blocks back at once, and not to
 * learn otherwise (measured at 10,000 markets: 120 MB less; in an hour: no growth). Other allocators ignore these. Blocks
 * of DuckDB's, 256 KiB, stay in the arena: mapped anew each time they cost a tenth of all CPU.
 */
const LEAN_MALLOC = { MALLOC_ARENA_MAX: "1", MALLOC_MMAP_THRESHOLD_: "300000", MALLOC_TRIM_THRESHOLD_: "4194304" };

/** Frames and rows live for a turn: a small young generation costs no time and saves tens of megabytes. */
const LEAN_YOUNG = "--max-semi-space-size=4";
/** V8 lets the old generation grow up to fourfold before it collects; books are long-lived, so most of that is garbage. */
const LEAN_OLD = "--heap-growing-percent=30";

/** The sealing thread says when it has left garbage (`seal.ts`). */
const COLLECTS = "--expose-gc";

function start(part: "capture" | "project"): ChildProcess {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const reportFd = part === "capture" ? process.env["FORETAPE_TEST_REPORT_FD"] : undefined;
  const env = { ...process.env };
  delete env["FORETAPE_TEST_REPORT_FD"];
  return fork(new URL(`../${part}/main.${extension}`, import.meta.url), [], {
    execArgv: [LEAN_YOUNG, LEAN_OLD, ...(part === "capture" ? [COLLECTS] : [])],
    // What a child prints is for people: our stdout is for results.
    stdio: ["ignore", 2, 2, "ipc", ...(reportFd === undefined ? [] : [Number(reportFd)])],
    env: {
      ...env,
      ...LEAN_MALLOC,
      ...(reportFd === undefined ? {} : { FORETAPE_TEST_REPORT_FD: "4" }),
    },
  });
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code ?? "?"}`));
  });
}
