import { closeSync, openSync, readSync } from "node:fs";
import type { TruthLine } from "../../src/exchange/truth.ts";
import type { Micros } from "../../src/model/time.ts";
import type { LevelTruth } from "../../src/venues/server.ts";

/** A frame as it left the exchange, or, `suppressed`, as a fault kept it back. */
export interface TrueFrame {
  /** Its number on its connection from 1; 0 where it was suppressed. */
  readonly n: number;
  readonly at: Micros;
  readonly bytes: Buffer;
  readonly suppressed: boolean;
  /** The fault that changed or repeated it. */
  readonly fault: string | null;
  /** The frame that a damaged one should have been. */
  readonly original: string | null;
  readonly after: readonly LevelTruth[];
}

export interface TrueFault {
  readonly kind: string;
  readonly venue: string;
  /** Null where it befell a whole venue. */
  readonly conn: number | null;
  readonly from: Micros;
  readonly to: Micros;
  readonly count: number;
}

/** One connection as the exchange saw it. */
export interface TrueConnection {
  readonly conn: number;
  readonly venue: string;
  readonly openedAt: Micros;
  closedAt: Micros | null;
  closed: string | null;
  /** Sent and suppressed frames in order. */
  readonly frames: TrueFrame[];
  /** Those of them that were handed to the socket. */
  readonly sent: TrueFrame[];
}

/** What the exchange says that it really did. */
export interface GroundTruth {
  readonly connections: readonly TrueConnection[];
  readonly faults: readonly TrueFault[];
}

/** Reads a ground-truth file of the built-in exchange. */
export function readTruth(path: string): GroundTruth {
  const connections = new Map<number, TrueConnection>();
  const faults: TrueFault[] = [];
  const of = (conn: number): TrueConnection => {
    const found = connections.get(conn);
    if (found === undefined) throw new Error(`${path}: connection ${conn} was never opened`);
    return found;
  };
  for (const text of lines(path)) {
    const line = JSON.parse(text) as TruthLine;
    if ("opened" in line) {
      const { conn, venue, at } = line;
      connections.set(conn, { conn, venue, openedAt: at, closedAt: null, closed: null, frames: [], sent: [] });
    } else if ("closed" in line) {
      Object.assign(of(line.conn), { closed: line.closed, closedAt: line.at });
    } else if ("suppressed" in line) {
      const frame = { n: 0, at: line.at, bytes: Buffer.from(line.text), suppressed: true };
      of(line.conn).frames.push({ ...frame, fault: line.suppressed, original: null, after: [] });
    } else if ("n" in line) {
      const frame: TrueFrame = {
        n: line.n,
        at: line.at,
        bytes: line.base64 === undefined ? Buffer.from(line.text ?? "") : Buffer.from(line.base64, "base64"),
        suppressed: false,
        fault: line.fault ?? null,
        original: line.original ?? null,
        after: line.after ?? [],
      };
      of(line.conn).frames.push(frame);
      of(line.conn).sent.push(frame);
    } else {
      const { fault, conn, venue, from, to, count } = line;
      faults.push({ kind: fault, conn, venue, from, to, count });
    }
  }
  return { connections: [...connections.values()], faults };
}

/** Connections that a ground-truth file of any size speaks of. */
export function countConnections(path: string): number {
  let count = 0;
  for (const line of lines(path)) if (line.startsWith('{"opened"')) count++;
  return count;
}

/** The lines of a file that may be longer than a string can be. */
function* lines(path: string): Generator<string> {
  const fd = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(1 << 22);
    let rest: Buffer = Buffer.alloc(0);
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, read)]);
      let from = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
        if (end > from) yield bytes.toString("utf8", from, end);
        from = end + 1;
      }
      rest = bytes.subarray(from);
    }
    if (rest.length > 0) yield rest.toString();
  } finally {
    closeSync(fd);
  }
}
