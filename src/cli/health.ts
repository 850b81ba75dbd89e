import type { Micros } from "../model/time.ts";
import type { RecorderStatus } from "./status-file.ts";

const SECOND: Micros = 1_000_000;
/** Every process says something each second; one that is silent for longer hangs. */
const SILENT: Micros = 10 * SECOND;
/** Projecting says something whenever it has read something, and there is a tick to read each second; a full sink may hold it up. */
const PROJECT_SILENT: Micros = 120 * SECOND;
/** How long it may take until the first connection stands, and until one comes back. */
const CONNECTING: Micros = 15 * SECOND;
/** The patience of the watchdog with quiet markets. */
const QUIET_FACTOR = 8;
const SLOW_COMMIT_MS = 2_000;
const FAR_BEHIND = 1_000_000;
const LITTLE_DISK = 1e9;

/** What is wrong with a recorder at `now`, a sentence each; none: it is healthy. `locked`: somebody writes its journal. */
export function problemsOf(status: RecorderStatus, now: Micros, locked: boolean): string[] {
  const { state, at, capture, project, journal, streams, startedAt, stallAfter } = status;
  if (state === "stopped") return [`stopped ${ago(now, at)}`];
  const silent = now - at > SILENT;
  if (!locked && now - at > 3 * SECOND)
    return [`dead: nothing heard for ${age(now, at)}, and nobody writes the journal`];
  const problems: string[] = [];
  if (silent) problems.push(`hangs: the recorder (process ${status.pid}) wrote no status for ${age(now, at)}`);
  if (!locked && now - startedAt > SILENT) problems.push("nobody writes the journal");
  if (now - (capture.heardAt ?? startedAt) > SILENT)
    problems.push(`the capturing process is silent for ${age(now, capture.heardAt ?? startedAt)}`);
  if (project.pid === null && now - startedAt > SILENT) problems.push("no projecting process: tables fall behind");
  else if (now - (project.heardAt ?? startedAt) > PROJECT_SILENT)
    problems.push(`the projecting process is silent for ${age(now, project.heardAt ?? startedAt)}: tables fall behind`);
  if (now - startedAt > CONNECTING && streams.length === 0 && status.markets === 0)
    problems.push("no market is being recorded");
  for (const { venue, stream, connected, since, dataAt, markets } of streams) {
    if (markets === 0) continue;
    const name = `${venue} ${stream}`;
    if (!connected && now - since > CONNECTING) problems.push(`${name} is not connected for ${age(now, since)}`);
    const quiet = now - (dataAt ?? since);
    if (connected && quiet > stallAfter * (dataAt === null ? 1 : QUIET_FACTOR))
      problems.push(`${name} has sent no data for ${age(now, dataAt ?? since)}`);
  }
  for (const { id, behind, problem } of status.sinks) {
    const reason = problem === null || problem === undefined ? "" : `: ${problem}`;
    if (behind > FAR_BEHIND || reason !== "")
      problems.push(`sink ${id} is ${behind} frames behind the journal${reason}`);
  }
  if (journal.paused) problems.push("frames arrive faster than they are written: the sockets are paused");
  if (journal.slowestCommitMs > SLOW_COMMIT_MS)
    problems.push(`the disk is slow: a commit took ${Math.round(journal.slowestCommitMs)} ms`);
  if ((journal.diskFreeBytes ?? Infinity) < LITTLE_DISK) problems.push("less than 1 GB of disk is free");
  return problems;
}

/** `3 s`, `5 min`, `2.5 h`, `4 d`. */
export function age(now: Micros, then: Micros): string {
  const seconds = Math.max(0, (now - then) / SECOND);
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 360) / 10} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

function ago(now: Micros, then: Micros): string {
  return `${age(now, then)} ago`;
}
