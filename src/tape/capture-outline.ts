import { createHash } from "node:crypto";
import type { Micros } from "../model/time.ts";
import { readCapture } from "./capture-file.ts";
import { framesOf } from "./capture-frame.ts";

/** One connection of a capture: the numbers of its first and last frame in the file, from 0. */
export interface CaptureConnection {
  readonly first: number;
  readonly last: number;
  /** Connections that follow each other share a stream; those that overlap have one each. */
  readonly stream: number;
  /** Another connection takes this one's place. */
  readonly followed: boolean;
}

/** What has to be known of a capture before its first frame is written. */
export interface CaptureOutline {
  /** SHA-256 of the decompressed content, hex. */
  readonly sha256: string;
  readonly frames: number;
  readonly firstAt: Micros | null;
  /** Frames without a receive time, and of these the ones whose receive time cannot be one. */
  readonly untimed: number;
  readonly badTimes: number;
  /** By the capture's own name of the connection. */
  readonly connections: ReadonlyMap<string, CaptureConnection>;
}

interface Extent {
  readonly first: number;
  last: number;
}

/** Reads a capture once to see how its connections lie. Throws like `readCapture`. */
export async function outlineCapture(
  path: string,
  options: { readonly signal: AbortSignal; readonly progress: (fileBytes: number) => void },
): Promise<CaptureOutline> {
  const hash = createHash("sha256");
  const extents = new Map<string, Extent>();
  let frames = 0;
  let untimed = 0;
  let badTimes = 0;
  let firstAt: Micros | null = null;
  await readCapture(path, {
    signal: options.signal,
    visit: (value) => {
      for (const { at, badTime, connection } of framesOf(value)) {
        const number = frames++;
        if (at === null) untimed++;
        if (badTime) badTimes++;
        firstAt ??= at;
        const extent = extents.get(connection);
        if (extent === undefined) extents.set(connection, { first: number, last: number });
        else extent.last = number;
      }
    },
    turn: (piece, fileBytes) => {
      hash.update(piece);
      options.progress(fileBytes);
    },
  });
  return { sha256: hash.digest("hex"), frames, firstAt, untimed, badTimes, connections: assignStreams(extents) };
}

/** Each connection continues the stream that ended last before it began, or begins a stream of its own. */
function assignStreams(extents: ReadonlyMap<string, Extent>): Map<string, CaptureConnection> {
  const streams: { last: number; connection: string }[] = [];
  const connections = new Map<string, CaptureConnection>();
  for (const [name, { first, last }] of extents) {
    let stream = -1;
    for (const [i, candidate] of streams.entries()) {
      if (candidate.last < first && (stream < 0 || candidate.last > streams[stream]!.last)) stream = i;
    }
    const before = stream < 0 ? undefined : connections.get(streams[stream]!.connection);
    if (before !== undefined) connections.set(streams[stream]!.connection, { ...before, followed: true });
    if (stream < 0) stream = streams.push({ last, connection: name }) - 1;
    else streams[stream] = { last, connection: name };
    connections.set(name, { first, last, stream, followed: false });
  }
  return connections;
}
