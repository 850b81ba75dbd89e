import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/foretape.js", import.meta.url));
/** Longer than anything here takes: then it hangs, which is a failure too. */
const PATIENCE_MS = 120_000;

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** Runs a command of the real program to its end. */
export async function foretape(args: readonly string[], options: { readonly shell?: string } = {}): Promise<Finished> {
  const startedAt = performance.now();
  const child =
    options.shell === undefined
      ? spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "pipe"] })
      : spawn("sh", ["-c", `${options.shell}; exec "$0" "$@"`, process.execPath, PROGRAM, ...args], {
          stdio: ["ignore", "pipe", "pipe"],
        });
  const deadline = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  clearTimeout(deadline);
  return { code, signal, stdout: stdout(), stderr: stderr(), ms: Math.round(performance.now() - startedAt) };
}

function collect(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return () => text;
}

/** A running `foretape record`, with what its capturing process reports of itself. */
export class Recorder implements AsyncDisposable {
  /** Last frame whose write returned, and last frame that is durable, as reported so far. */
  written = 0;
  durable = 0;
  /** Timers of the capturing process, a second ago at most. */
  timers = 0;
  readonly #child: ChildProcess;
  readonly #stderr: () => string;
  readonly #stdout: () => string;
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #reports: Promise<unknown>;
  readonly #waiting = new Set<{ readonly when: () => boolean; readonly resolve: () => void }>();
  #ended = false;

  /** Starts the recorder in a process group of its own, so that all its processes can be killed at one instant. */
  constructor(args: readonly string[], options: { readonly shell?: string } = {}) {
    const stdio = ["ignore", "pipe", "pipe", "pipe"] as const;
    const settings = { stdio: [...stdio], detached: true, env: { ...process.env, FORETAPE_TEST_REPORT_FD: "3" } };
    this.#child =
      options.shell === undefined
        ? spawn(process.execPath, [PROGRAM, "record", ...args], settings)
        : spawn(
            "sh",
            ["-c", `${options.shell}; exec "$0" "$@"`, process.execPath, PROGRAM, "record", ...args],
            settings,
          );
    const {
      stdout,
      stderr,
      stdio: [, , , reports],
    } = this.#child;
    if (stdout === null || stderr === null || !(reports instanceof Readable))
      throw new Error("a recorder without pipes");
    this.#stdout = collect(stdout);
    this.#stderr = collect(stderr);
    stderr.on("data", () => this.#look());
    let partial = "";
    reports.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (partial + chunk).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) {
        const [what, number] = line.split(" ");
        if (what === "written") this.written = Number(number);
        else if (what === "durable") this.durable = Number(number);
        else this.timers = Number(number);
      }
      this.#look();
    });
    this.#reports = once(reports, "close");
    this.#exit = once(this.#child, "exit").then(([code, signal]) => {
      this.#ended = true;
      this.#look();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get stderr(): string {
    return this.#stderr();
  }

  /** Resolves when `when` holds, looked at whenever the recorder says anything. Rejects when the recorder ends before. */
  async until(what: string, when: () => boolean): Promise<void> {
    if (when()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { when: () => this.#ended || when(), resolve };
    this.#waiting.add(waiter);
    const deadline = setTimeout(resolve, PATIENCE_MS);
    await promise;
    clearTimeout(deadline);
    this.#waiting.delete(waiter);
    if (!when())
      throw new Error(`${what}: ${this.#ended ? "the recorder ended before" : "never"}\n${this.stderr.slice(-1000)}`);
  }

  /** Waits until this many more frames are written. */
  async frames(more: number): Promise<void> {
    const target = this.written + more;
    await this.until(`${more} frames written`, () => this.written >= target);
  }

  /** Process id of the whole of it: all others are below. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Process ids of the capturing and of the projecting process; 0 for one that is not there. */
  get children(): { readonly capture: number; readonly project: number } {
    const { pid } = this.#child;
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
    const running = (part: string) => pids.find((each) => commandOf(each).includes(`/${part}/main.`)) ?? 0;
    return { capture: running("capture"), project: running("project") };
  }

  /** Stops it as a user does, and waits for its end. */
  async stop(): Promise<Finished> {
    this.#child.kill("SIGINT");
    return await this.ended();
  }

  async ended(): Promise<Finished> {
    const startedAt = performance.now();
    const deadline = setTimeout(() => this.#killGroup(), PATIENCE_MS);
    const exit = await this.#exit;
    clearTimeout(deadline);
    const ms = Math.round(performance.now() - startedAt);
    return { ...exit, stdout: this.#stdout(), stderr: this.#stderr(), ms };
  }

  /** `kill -9` of all its processes at once. Resolves when all that they reported is read. */
  async kill(): Promise<void> {
    this.#killGroup();
    await this.#exit;
    await this.#reports;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  #look(): void {
    for (const waiter of this.#waiting) if (waiter.when()) waiter.resolve();
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
