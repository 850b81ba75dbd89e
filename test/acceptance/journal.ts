import { scanRecords, FILE_HEADER_BYTES } from "../../src/journal/codec.ts";
import { listSegments } from "../../src/journal/layout.ts";
import { loadSegment } from "../../src/journal/reader.ts";
import { type Closed, type Connected, Kind, type Started } from "../../src/journal/record.ts";
import type { Micros } from "../../src/model/time.ts";
import { must } from "./check.ts";

export interface RecordedFrame {
  /** Number in the journal. */
  readonly frame: number;
  readonly epoch: number;
  readonly at: Micros;
  readonly bytes: Buffer;
}

/** One connection as the journal tells it. */
export interface RecordedConnection {
  readonly epoch: number;
  readonly venue: string;
  readonly connectedAt: Micros;
  readonly frames: RecordedFrame[];
  closed: Closed | null;
  /** Receive time of the record that ended it: its own end, or the start of the process after a crash. */
  closedAt: Micros | null;
}

/** A journal that nobody writes, as its records tell it. */
export interface RecordedJournal {
  readonly lastFrame: number;
  readonly lastAt: Micros;
  readonly starts: readonly (Started & { readonly frame: number; readonly at: Micros })[];
  readonly connections: readonly RecordedConnection[];
  /** All received frames in order. */
  readonly received: readonly RecordedFrame[];
  /** Receive time of every record that has one, by number. */
  readonly times: readonly Micros[];
}

/** Reads a whole journal. Throws `Failure` where it is damaged inside or its numbers are not 1, 2, 3 … */
export function readJournal(dir: string): RecordedJournal {
  const connections = new Map<number, RecordedConnection>();
  const received: RecordedFrame[] = [];
  const starts: RecordedJournal["starts"][number][] = [];
  const times: Micros[] = [0];
  let lastFrame = 0;
  for (const file of listSegments(dir)) {
    const raw = loadSegment(file, (damage) => must(false, `${file.path} is damaged at ${damage.from}`));
    // The recorder died while it made the file: nothing was in it yet.
    if (raw.length === 0) continue;
    const end = scanRecords(raw, FILE_HEADER_BYTES, raw.length, (record) => {
      const { frame, epoch, kind } = record;
      must(frame === lastFrame + 1, () => `${file.path}: frame ${frame} comes after ${lastFrame}`);
      lastFrame = frame;
      const at = record.wall ?? 0;
      times.push(at);
      const json = () => JSON.parse(record.payload.toString("utf8")) as never;
      if (kind === Kind.received) {
        const received1 = { frame, epoch, at, bytes: Buffer.from(record.payload) };
        received.push(received1);
        connections.get(epoch)?.frames.push(received1);
      } else if (kind === Kind.connected) {
        const { venue } = json() as Connected;
        connections.set(epoch, { epoch, venue, connectedAt: at, frames: [], closed: null, closedAt: null });
      } else if (kind === Kind.closed) {
        Object.assign(connections.get(epoch) ?? {}, { closed: json(), closedAt: at });
      } else if (kind === Kind.started) {
        const started = json() as Started;
        starts.push({ ...started, frame, at });
        for (const live of started.liveConnections) {
          Object.assign(connections.get(live) ?? {}, { closed: { by: "crash" }, closedAt: at });
        }
      }
    });
    must(end === raw.length, `${file.path} ends with ${raw.length - end} bytes that are no record`);
  }
  return { lastFrame, lastAt: times.at(-1) ?? 0, starts, connections: [...connections.values()], received, times };
}

/** Number of the last whole record of a journal as its files are, torn tail and all; 0 where there is none. */
export function lastFrameOf(dir: string): number {
  for (const file of listSegments(dir).toReversed()) {
    let last = 0;
    const raw = loadSegment(file);
    scanRecords(raw, FILE_HEADER_BYTES, raw.length, ({ frame }) => (last = frame));
    if (last > 0) return last;
  }
  return 0;
}
