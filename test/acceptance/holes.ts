import type { Micros } from "../../src/model/time.ts";
import { must } from "./check.ts";
import type { Conserved, Matched } from "./conservation.ts";
import type { GapSeen } from "./gaps.ts";
import type { RecordedFrame, RecordedJournal } from "./journal.ts";
import { sidOf } from "./true-books.ts";
import type { GroundTruth, TrueFrame } from "./truth.ts";

/** How much earlier than the last sound frame a gap may begin, and how much later than the first it may end. */
const TOLERANCE: Micros = 1_000_000;

/** Frames that did not arrive, or not whole, between two that did. */
interface Hole {
  readonly venue: string;
  readonly epoch: number;
  /** Of a Kalshi subscription; null for the whole connection. */
  readonly sid: number | null;
  readonly fault: string;
  /** Causes that tell this hole; exactly one row must. Null where the wire does not reveal it, or reveals it in pieces. */
  readonly causes: readonly string[] | null;
  readonly frames: number;
  /** Receive time of the last sound frame before and of the first one behind; null where none came any more. */
  readonly before: Micros;
  readonly after: Micros | null;
}

/** Holds the holes that were made against the rows of `gaps`, both ways. Throws `Failure`; gives the figures. */
export function judgeHoles(
  truth: GroundTruth,
  journal: RecordedJournal,
  conserved: Conserved,
  gaps: readonly GapSeen[],
): Readonly<Record<string, number>> {
  const holes = conserved.connections.flatMap((matched) => holesOf(matched));
  const told = new Set<GapSeen>();
  let widest = 0;
  for (const hole of holes) {
    const where = `${hole.fault} on ${hole.venue} connection ${hole.epoch}${hole.sid === null ? "" : ` sid ${hole.sid}`}`;
    const covering = gaps.filter((gap) => covers(gap, hole));
    for (const gap of gaps) if (touches(gap, hole)) told.add(gap);
    if (hole.causes === null) continue;
    must(covering.length > 0, () => `${where}: ${hole.frames} frames were lost silently around ${hole.before}`);
    const rows = covering.filter(({ cause }) => hole.causes?.includes(cause) === true);
    // Until data comes again a hole is one hole, however many connections fail in it.
    const goesOn = covering.some(({ epoch }) => (epoch ?? 0) < hole.epoch);
    if (hole.causes.length === 0 || goesOn) continue;
    must(rows.length === 1, () => `${where} is ${rows.length} rows of gaps, not 1: ${JSON.stringify(covering)}`);
    const [row] = rows;
    widest = Math.max(widest, hole.before - (row?.from ?? 0));
    must(
      hole.before - (row?.from ?? 0) <= TOLERANCE,
      () => `${where}: its gap begins ${hole.before - (row?.from ?? 0)} µs early`,
    );
  }
  for (const { kind, from, to, conn } of truth.faults) {
    // Nothing was sent and lost: the venue ended the subscriptions, which is a hole in what could be seen.
    if (kind !== "error") continue;
    const epoch = conserved.connections.find((matched) => matched.truth.conn === conn)?.recorded?.epoch;
    for (const gap of gaps) {
      if (gap.epoch === epoch && (gap.detectedAt ?? 0) >= from && (gap.detectedAt ?? 0) <= to + TOLERANCE)
        told.add(gap);
    }
  }
  const idle = gaps.filter((gap) => !told.has(gap));
  must(idle.length === 0, () => `${idle.length} rows of gaps cover nothing, the first ${JSON.stringify(idle[0])}`);
  const lost = holes.reduce((sum, { frames }) => sum + frames, 0);
  const unseen = holes.filter(({ fault }) => fault === "drop").reduce((sum, { frames }) => sum + frames, 0);
  return {
    holes: holes.length,
    "gap rows": gaps.length,
    "frames kept back or damaged": lost,
    "of these not revealed by the wire": unseen,
    "lost silently": 0,
    "earliest beginning of a gap before its hole, µs": widest,
    "journal records": journal.lastFrame,
  };
}

function covers(gap: GapSeen, hole: Hole): boolean {
  if (!touches(gap, hole)) return false;
  if (gap.from !== null && gap.from > hole.before) return false;
  return gap.to === null || hole.after === null || gap.to >= hole.after;
}

function touches(gap: GapSeen, hole: Hole): boolean {
  // A connection on which nothing came lies in the gap of the one before it.
  const sameStream = gap.epoch === hole.epoch || (gap.sid === null && (gap.epoch ?? 0) < hole.epoch);
  if (gap.venue !== hole.venue || !sameStream) return false;
  if (gap.sid !== null && hole.sid !== null && gap.sid !== hole.sid) return false;
  return (gap.from ?? 0) <= (hole.after ?? Infinity) && (gap.to ?? Infinity) >= hole.before;
}

function holesOf({ truth, recorded, missing }: Matched): Hole[] {
  if (recorded === null) return [];
  const holes: Hole[] = [];
  const { venue } = truth;
  const { epoch } = recorded;
  const walk = new FrameWalk(recorded.frames, recorded.connectedAt);
  let run: TrueFrame[] = [];
  const finishRun = (): void => {
    for (const [key, frames] of Map.groupBy(
      run,
      (frame) => `${frame.fault} ${sequenced(frame) ? sidOf(frame) : null}`,
    )) {
      const fault = key.split(" ")[0] ?? "";
      const sid = frames[0] !== undefined && sequenced(frames[0]) ? sidOf(frames[0]) : null;
      const bounds = { before: walk.before(sid), after: walk.after(sid) };
      holes.push({ venue, epoch, sid, fault, causes: causesOf(fault), frames: frames.length, ...bounds });
    }
    run = [];
  };
  for (const frame of truth.frames) {
    if (frame.suppressed) {
      run.push(frame);
      continue;
    }
    finishRun();
    const own = walk.step(frame);
    if (own === null) break;
    if (frame.original === null) continue;
    const sid = venue === "kalshi" && sequenced(frame) ? sidOf(frame) : null;
    // The damaged frame itself arrived: the hole is where it is.
    holes.push({
      venue,
      epoch,
      sid,
      fault: frame.fault ?? "",
      causes: ["malformed"],
      frames: 1,
      before: own.at,
      after: own.at,
    });
  }
  finishRun();
  const by = recorded.closed?.by;
  if (by === "stopped")
    must(missing.length === 0, `${missing.length} frames to connection ${epoch} were lost in a clean stop`);
  if (by === undefined || by === "stopped") return holes;
  const fault = by === "watchdog" ? (recorded.closed?.reason ?? "watchdog") : by === "crash" ? "crash" : "disconnect";
  const causes = fault === "crash" ? ["recorder_down"] : [fault];
  // Answers to our own keep-alives go on coming through a silent line: they are no data.
  const before = recorded.frames.findLast(({ bytes }) => bytes.length > 4)?.at ?? recorded.connectedAt;
  holes.push({ venue, epoch, sid: null, fault, causes, frames: missing.length, before, after: recorded.closedAt });
  return holes;
}

/** Whether losing the frame leaves a hole in its subscription's sequence. */
function sequenced(frame: TrueFrame): boolean {
  const text = frame.original ?? frame.bytes.toString("utf8");
  return frame.fault !== "stall" && /"sid":\d+,"seq":/.test(text.slice(0, 80));
}

function causesOf(fault: string): readonly string[] | null {
  switch (fault) {
    case "sequence_gap":
      return ["sequence"];
    // What is not sent while the line is silent belongs to the silence, whose one row is judged with the connection.
    case "stall":
    // A venue that gives up on a slow consumer says so for each subscription: several rows may cover the same frames.
    case "slow_consumer":
      return [];
    default:
      return null;
  }
}

/** Goes along a connection's recorded frames beside its true ones. */
class FrameWalk {
  readonly #frames: readonly RecordedFrame[];
  readonly #connectedAt: Micros;
  #at = 0;

  constructor(frames: readonly RecordedFrame[], connectedAt: Micros) {
    this.#frames = frames;
    this.#connectedAt = connectedAt;
  }

  /** The recorded frame of the next sent one; null where the journal has no more of this connection. */
  step(frame: TrueFrame): RecordedFrame | null {
    this.#at = Math.max(this.#at, frame.n);
    return this.#frames[frame.n - 1] ?? null;
  }

  before(sid: number | null): Micros {
    for (let i = this.#at - 1; i >= 0; i--) {
      const frame = this.#frames[i];
      if (frame !== undefined && (sid === null || isOf(frame, sid))) return frame.at;
    }
    return this.#connectedAt;
  }

  after(sid: number | null): Micros | null {
    for (let i = this.#at; i < this.#frames.length; i++) {
      const frame = this.#frames[i];
      if (frame !== undefined && (sid === null || isOf(frame, sid))) return frame.at;
    }
    return null;
  }
}

function isOf(frame: RecordedFrame, sid: number): boolean {
  return new RegExp(`"sid":${sid}\\b`).test(frame.bytes.toString("latin1", 0, 80));
}
