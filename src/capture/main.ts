import { writeSync } from "node:fs";
import { ForetapeError, messageOf } from "../ops/errors.ts";
import { venues } from "../venues/index.ts";
import { type Capture, startCapture } from "./capture.ts";
import type { FromCapture, ToCapture } from "./messages.ts";

/**
 * The capturing process: sockets and journal, nothing else. It stops cleanly when told, on SIGTERM, and when its
 * supervisor is gone.
 */
const PROGRESS_MS = 1_000;
/** A test hands over a file descriptor on which it wants to read what was written and what is durable. */
const reportFd = Number(process.env["FORETAPE_TEST_REPORT_FD"] ?? -1);

let capture: Capture | null = null;
let stopping = false;
let waiting: Extract<ToCapture, { type: "listeners" }> | null = null;

function tell(message: FromCapture): void {
  if (process.connected) process.send?.(message);
}

async function start(message: Extract<ToCapture, { type: "start" }>): Promise<void> {
  const configured = venues.map(({ id, config, live }) => ({
    id,
    live: live(config.parse(message.venues[id] ?? {}) as never),
  }));
  capture = await startCapture({
    dir: message.dir,
    name: message.name,
    database: message.database,
    program: message.program,
    journal: message.journal,
    record: message.record,
    publicConfig: message.publicConfig,
    listeners: message.listeners,
    venues: configured,
    onWarning: (text) => tell({ type: "warning", message: text }),
    ...(reportFd >= 0 ? { onProgress: reporter(reportFd) } : {}),
  });
  if (waiting !== null) listen(waiting);
  const wanted = new Set(message.listeners.map(({ venue }) => venue));
  const unavailable = configured.flatMap(({ id, live }) => (wanted.has(id) ? (live.unavailable ?? []) : []));
  tell({ type: "ready", journal: capture.journal.id, unavailable });
  setInterval(() => {
    if (capture !== null && !stopping) tell({ type: "progress", ...capture.progress });
  }, PROGRESS_MS).unref();
  if (stopping) await finish(capture);
}

/** A change that comes before recording is under way waits for it. */
function listen(message: Extract<ToCapture, { type: "listeners" }>): void {
  if (capture === null) waiting = message;
  else capture.listen(message.listeners, message.publicConfig);
}

/** A line for every step of either watermark. */
function reporter(fd: number): (written: number, durable: number) => void {
  let lastWritten = 0;
  let lastDurable = 0;
  return (written, durable) => {
    if (written > lastWritten) writeSync(fd, `written ${written}\n`);
    if (durable > lastDurable) writeSync(fd, `durable ${durable}\n`);
    lastWritten = written;
    lastDurable = durable;
  };
}

async function finish(running: Capture): Promise<void> {
  await running.stop();
  tell({ type: "stopped", ...running.progress });
  process.disconnect?.();
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  if (capture !== null) finish(capture).catch(fail);
}

function fail(error: unknown): void {
  const known = error instanceof ForetapeError ? error : null;
  const hint = known?.hint;
  tell({
    type: "failed",
    message: messageOf(error),
    exitCode: known?.exitCode ?? 1,
    ...(hint === undefined ? {} : { hint }),
  });
  process.exitCode = 1;
  process.disconnect?.();
}

process.on("message", (message: ToCapture) => {
  if (message.type === "start") start(message).catch(fail);
  else if (message.type === "listeners") listen(message);
  else if (message.type === "resync") capture?.resync(message.venue, message.markets, message.reason);
  else stop();
});
// A terminal's Ctrl-C reaches the whole group; the supervisor says when to stop.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", stop);
process.on("disconnect", stop);
