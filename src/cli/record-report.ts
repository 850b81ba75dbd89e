import type { CommandContext } from "./command.ts";
import { problemsOf } from "./health.ts";
import { LiveView } from "./live-view.ts";
import { type RecorderStatus, StatusWriter } from "./status-file.ts";
import { statusLines } from "./status-text.ts";
import type { SupervisorReport } from "./supervisor.ts";
import { usesColor } from "./terminal.ts";

/** Plain lines come this often. */
const LINE_MS = 5_000;

/**
 * What `record` shows and writes down of itself: the status file every second, and a picture on a terminal, a line every
 * few seconds elsewhere. With `--json` and where the log goes to a file there is no picture.
 */
export class RecordReport {
  readonly #context: CommandContext;
  readonly #writer: StatusWriter;
  readonly #view: LiveView | null;
  #lineAt = performance.now();

  constructor(context: CommandContext) {
    const { config, tape, json } = context;
    this.#context = context;
    this.#writer = new StatusWriter({ tape, recorder: config.recorder, stallAfter: config.record.stall_after });
    const shows = process.stderr.isTTY && !json && process.env["TERM"] !== "dumb";
    this.#view = shows ? new LiveView(process.stderr) : null;
  }

  info(facts: object, message: string): void {
    this.#above(() => this.#context.log.info(facts, message));
  }

  warn(message: string): void {
    this.#writer.warn(message);
    this.#above(() => this.#context.log.warn(message));
  }

  take(report: SupervisorReport): void {
    const status = this.#writer.status(report);
    this.#write(status);
    if (this.#view !== null) this.#draw(this.#view, status);
    else if (!this.#context.json && performance.now() - this.#lineAt >= LINE_MS) {
      this.#lineAt = performance.now();
      this.#context.log.info(lineOf(status));
    }
  }

  stop(report: SupervisorReport): void {
    this.#write(this.#writer.status(report, "stopped"));
    this.#view?.stop();
  }

  #write(status: RecorderStatus): void {
    const failure = this.#writer.write(status);
    if (failure !== null) this.warn(failure);
  }

  #draw(view: LiveView, status: RecorderStatus): void {
    // The journal's lock is held by our own child.
    view.draw(
      statusLines(status, problemsOf(status, status.at, true), status.at, { color: usesColor(process.stderr) }),
    );
  }

  #above(write: () => void): void {
    if (this.#view === null) write();
    else this.#view.above(write);
  }
}

function lineOf({ framesPerSecond, frames, streams, markets, reconnects, openGaps, sinks }: RecorderStatus): string {
  const up = streams.filter(({ connected }) => connected).length;
  const behind = Math.max(0, ...sinks.map((sink) => sink.behind));
  return `${Math.round(framesPerSecond)} frames/s, ${frames} in all, ${up} connections, ${markets} markets, ${reconnects} reconnects, ${openGaps} open gaps, tables ${behind} frames behind`;
}
