import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, statSync } from "node:fs";
import { StorageError } from "../ops/errors.ts";
import { decodeFileHeader, FILE_HEADER_BYTES, FORMAT_VERSION, scanRecords } from "./codec.ts";
import { listSegments, rawPath, sealedPath, sealLogPath, type SegmentFile } from "./layout.ts";
import { movedFrom } from "./moved.ts";
import { loadSegment } from "./reader.ts";
import { Kind, type Closed, type Preamble } from "./record.ts";
import { type SealedSegment, unsealSegment } from "./seal.ts";

/** What opening an existing journal finds. */
export interface Recovered {
  readonly journal: string;
  readonly lastSegment: number;
  readonly lastFrame: number;
  readonly nextEpoch: number;
  /** Bytes of a torn tail that were cut off. */
  readonly cutBytes: number;
  /** Connections that were open when the journal ended. */
  readonly liveConnections: readonly number[];
  /** Segments that still wait to be sealed. */
  readonly unsealed: readonly number[];
}

/**
 * Repairs the journal in `dir` after a crash: cuts the torn tail of the last segment, and only that, and makes what is
 * left durable. Null when there is no journal yet. Call it under the lock. Throws `StorageError` for files that are not ours.
 */
export function recoverJournal(dir: string): Recovered | null {
  const segments = listSegments(dir);
  cutWhatWasMoved(dir, segments);
  let cutBytes = 0;
  // The newest segment with a record, where it is not the one that tells which connections were open.
  let newest: { readonly segment: number; readonly lastFrame: number; readonly nextEpoch: number } | null = null;
  for (let i = segments.length - 1; i >= 0; i--) {
    const last = segments[i];
    if (last === undefined) break;
    const raw = last.sealed ? unsealSegment(last.path) : readFileSync(last.path);
    const header = decodeFileHeader(raw);
    if (header !== null && header.version > FORMAT_VERSION) {
      throw new StorageError(`${last.path} was written by a newer Foretape (format ${header.version})`, {
        hint: "upgrade Foretape",
      });
    }
    let preamble: Preamble | null = null;
    let lastFrame = 0;
    let records = 0;
    let nextEpoch = 1;
    const live = new Set<number>();
    const end = scanRecords(raw, FILE_HEADER_BYTES, raw.length, (record) => {
      lastFrame = record.frame;
      records++;
      if (record.kind === Kind.preamble) {
        preamble = JSON.parse(record.payload.toString("utf8")) as Preamble;
        nextEpoch = preamble.nextEpoch;
        for (const connection of preamble.connections) live.add(connection.epoch);
      } else if (record.kind === Kind.connected) {
        live.add(record.epoch);
        nextEpoch = Math.max(nextEpoch, record.epoch + 1);
      } else if (record.kind === Kind.closed) {
        const closed = JSON.parse(record.payload.toString("utf8")) as Closed;
        if (closed.by !== "crash") live.delete(record.epoch);
      }
    });
    const found = preamble as Preamble | null;
    if (!last.sealed) cutBytes += raw.length - end;
    if (found === null) {
      // A segment that died before its first record was whole holds nothing: take the one before it.
      if (!last.sealed) truncate(last.path, 0);
      continue;
    }
    if (!last.sealed) truncate(last.path, end);
    if (records === 1 && i > 0) {
      // A process that died before its `started` record was whole: the connections of the one before it are still to be told.
      newest ??= { segment: last.segment, lastFrame, nextEpoch };
      continue;
    }
    const { segment: upTo } = newest ?? last;
    return {
      journal: found.journal,
      lastSegment: segments.at(-1)?.segment ?? last.segment,
      lastFrame: newest?.lastFrame ?? lastFrame,
      nextEpoch: Math.max(nextEpoch, newest?.nextEpoch ?? 1),
      cutBytes,
      liveConnections: [...live],
      unsealed: segments
        .filter(({ segment }) => !existsSync(sealedPath(dir, segment)) && segment <= upTo)
        .map(({ segment }) => segment)
        .filter((segment) => existsSync(rawPath(dir, segment))),
    };
  }
  return null;
}

/** A power cut may have brought back what was cut from a segment after a failed sync: cuts it again. */
function cutWhatWasMoved(dir: string, segments: readonly SegmentFile[]): void {
  const sealed = new Map(sealLog(dir).map(({ segment, rawBytes }) => [segment, rawBytes]));
  for (const file of segments.slice(0, -1)) {
    if (file.sealed) continue;
    const { size } = statSync(file.path);
    if (sealed.get(file.segment) === size || movedFrom(dir, file.segment) === Number.POSITIVE_INFINITY) continue;
    const { length } = loadSegment(file);
    if (length < size) truncate(file.path, length);
  }
}

function sealLog(dir: string): readonly SealedSegment[] {
  if (!existsSync(sealLogPath(dir))) return [];
  return readFileSync(sealLogPath(dir), "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as SealedSegment];
      } catch {
        // A line that a crash tore: its segment counts as not sealed.
        return [];
      }
    });
}

function truncate(path: string, length: number): void {
  const fd = openSync(path, "r+");
  try {
    ftruncateSync(fd, length);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
