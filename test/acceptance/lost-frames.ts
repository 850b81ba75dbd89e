import type { Micros } from "../../src/model/time.ts";
import type { Conserved, Matched } from "./conservation.ts";
import type { GapSeen } from "./gaps.ts";
import type { RecordedConnection, RecordedFrame } from "./journal.ts";
import { damagedMarkets, marketsOf, sidOf } from "./true-books.ts";
import type { TrueFrame } from "./truth.ts";

/** Clocks of the exchange and of the recorder are the same; this much lies between a write and what is read of it. */
const SLACK: Micros = 100_000;

/** A frame that did not arrive, or not as what it was, between two sound ones of its stream. */
export interface LostFrame {
  readonly venue: string;
  readonly epoch: number;
  /** Of a numbered subscription; null for the connection. */
  readonly sid: number | null;
  readonly markets: readonly string[];
  readonly fault: string;
  /** Receive time of the last sound frame of its stream before it and of the first one behind; null where none came. */
  readonly before: Micros;
  readonly after: Micros | null;
  /** The same of any stream of its connection: when it was really lost. */
  readonly within: readonly [from: Micros, to: Micros | null];
  /** Whether the protocol lets a client notice at all that something is missing. */
  readonly revealed: boolean;
}

/** Every frame that was lost on connections that the recorder knows, in order. */
export function lostFrames(conserved: Conserved): LostFrame[] {
  return conserved.connections.flatMap((matched) =>
    matched.recorded === null ? [] : lostOf(matched, matched.recorded),
  );
}

interface Step {
  readonly frame: TrueFrame;
  readonly recorded: RecordedFrame | null;
  readonly sid: number | null;
}

function lostOf({ truth }: Matched, recorded: RecordedConnection): LostFrame[] {
  const { venue } = truth;
  const { epoch, closed, closedAt } = recorded;
  const isOurEnd = closed === null || closed.by === "stopped";
  const steps: Step[] = [];
  for (const frame of truth.frames) {
    // The exchange goes on writing for a while to a peer that has hung up.
    if (frame.suppressed && closedAt !== null && frame.at > closedAt - SLACK / 2) continue;
    const received = frame.suppressed ? null : (recorded.frames[frame.n - 1] ?? null);
    steps.push({ frame, recorded: received, sid: venue === "kalshi" ? sidOf(frame) : null });
  }
  const isSound = (step: Step) => step.recorded !== null && step.frame.original === null && step.frame.bytes.length > 6;
  const behind = neighbours(steps.toReversed(), isSound).toReversed();
  const ahead = neighbours(steps, isSound);
  return steps.flatMap(({ frame, recorded: received, sid }, i): LostFrame[] => {
    const isDamaged = received !== null && frame.original !== null;
    if (received !== null && !isDamaged) return [];
    // A frame that was cut is itself where the hole is.
    const before = isDamaged ? received.at : (ahead[i]?.of(sid) ?? recorded.connectedAt);
    const after = isDamaged ? received.at : (behind[i]?.of(sid) ?? closedAt);
    const within = isDamaged
      ? ([received.at, received.at] as const)
      : ([ahead[i]?.of(null) ?? recorded.connectedAt, behind[i]?.of(null) ?? closedAt] as const);
    // Coinbase counts every frame of a connection.
    const numbered = venue === "coinbase" || (sid !== null && isNumbered(frame));
    const silent = behind[i]?.of(numbered ? sid : null) === undefined;
    const revealed = isDamaged || (frame.fault !== "muted" && (silent ? !isOurEnd || !frame.suppressed : numbered));
    const fault = frame.fault ?? "connection";
    const markets = isDamaged && fault.endsWith("_field") ? partOf(venue, frame) : marketsOf(venue, frame);
    return [{ venue, epoch, sid, markets, fault, before, after, within, revealed }];
  });
}

/** The markets whose part of a frame one changed field damages; the others are read. */
function partOf(venue: string, frame: TrueFrame): readonly string[] {
  const spokenOf = marketsOf(venue, frame);
  if (venue === "coinbase") return spokenOf.slice(0, 1);
  return venue === "polymarket" && spokenOf.length > 1 ? damagedMarkets(venue, frame) : spokenOf;
}

/** For each step the nearest sound frame on its one side, of any stream and by sid. */
function neighbours(steps: readonly Step[], isSound: (step: Step) => boolean) {
  let any: Micros | undefined;
  let bySid: ReadonlyMap<number, Micros> = new Map();
  return steps.map((step) => {
    const [seen, seenBySid] = [any, bySid];
    if (isSound(step) && step.recorded !== null) {
      any = step.recorded.at;
      if (step.sid !== null) bySid = new Map(bySid).set(step.sid, step.recorded.at);
    }
    return { of: (sid: number | null) => (sid === null ? seen : seenBySid.get(sid)) };
  });
}

function isNumbered(frame: TrueFrame): boolean {
  return /"seq":\d+/.test((frame.original ?? frame.bytes.toString("latin1", 0, 120)).slice(0, 120));
}

/** Whether a row of `gaps` covers a lost frame: its stream, its market and the time between its neighbours. */
export function covers(gap: GapSeen, lost: LostFrame): boolean {
  if (gap.venue !== lost.venue) return false;
  const goesOn = gap.sid === null && (gap.epoch ?? 0) < lost.epoch;
  if (gap.epoch !== null && gap.epoch !== lost.epoch && !goesOn) return false;
  if (gap.sid !== null && lost.sid !== null && gap.sid !== lost.sid) return false;
  if (gap.market !== null && !lost.markets.every((market) => market === gap.market)) return false;
  const [from, to] = lost.within;
  if (gap.from !== null && gap.from > from) return false;
  return gap.to === null || to === null || gap.to >= to;
}
