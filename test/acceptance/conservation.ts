import { type Complain, strict } from "./tally.ts";
import type { RecordedConnection, RecordedFrame, RecordedJournal } from "./journal.ts";
import type { GroundTruth, TrueConnection, TrueFrame } from "./truth.ts";

/** One connection from both sides. */
export interface Matched {
  readonly truth: TrueConnection;
  /** Null where the recorder has nothing of it: it died before it could write. */
  readonly recorded: RecordedConnection | null;
  /** What was sent and is not in the journal: always the end of a connection. */
  readonly missing: readonly TrueFrame[];
}

export interface Conserved {
  readonly connections: readonly Matched[];
  /** The true frame of each recorded one, by journal frame number. */
  readonly origin: ReadonlyMap<number, TrueFrame>;
}

/**
 * Lays ground truth and journal side by side, byte for byte, per connection, in order. A frame that was
 * recorded and not sent, changed, repeated, out of order, or missing anywhere but at the end of a connection is a
 * `Failure`, or counted by `complain`.
 */
export function conserve(truth: GroundTruth, journal: RecordedJournal, complain: Complain = strict): Conserved {
  const open = new Set(journal.connections);
  const origin = new Map<number, TrueFrame>();
  const connections = truth.connections.map((connection): Matched => {
    const recorded = find(connection, open);
    if (recorded === null) return { truth: connection, recorded, missing: connection.sent };
    open.delete(recorded);
    compare(connection, recorded, origin, complain);
    return { truth: connection, recorded, missing: connection.sent.slice(recorded.frames.length) };
  });
  for (const { epoch, venue, frames } of open) {
    if (frames.length > 0)
      complain(
        "spurious",
        `connection ${epoch} to ${venue} has ${frames.length} frames that the exchange never sent`,
        frames.length,
      );
  }
  return { connections, origin };
}

/** The recorded connection that begins with the frames of a true one. */
function find(truth: TrueConnection, candidates: ReadonlySet<RecordedConnection>): RecordedConnection | null {
  for (const recorded of candidates) {
    if (recorded.venue !== truth.venue || recorded.frames.length === 0) continue;
    const same = (frame: RecordedFrame, i: number) => truth.sent[i]?.bytes.equals(frame.bytes) === true;
    if (recorded.frames.slice(0, 8).every(same)) return recorded;
  }
  return null;
}

function compare(
  truth: TrueConnection,
  recorded: RecordedConnection,
  origin: Map<number, TrueFrame>,
  complain: Complain,
): void {
  for (const [i, frame] of recorded.frames.entries()) {
    const sent = truth.sent[i];
    if (sent === undefined || !sent.bytes.equals(frame.bytes)) {
      complain(
        sent === undefined ? "spurious" : "corrupt",
        `frame ${frame.frame}, the ${i + 1}. of connection ${recorded.epoch} to ${recorded.venue}, is not what was sent\n` +
          `  recorded ${frame.bytes.toString("utf8", 0, 300)}\n  sent     ${sent?.bytes.toString("utf8", 0, 300) ?? "nothing"}`,
      );
      continue;
    }
    origin.set(frame.frame, sent);
  }
}
