import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { StorageError } from "../ops/errors.ts";
import type { JournalConfig } from "./config.ts";
import type { Disk } from "./disk.ts";
import type { Preamble, Started } from "./record.ts";
import type { Recovered } from "./recover.ts";

const DAY = 86_400_000;

export interface JournalOptions {
  /** `tape/journal/<name>`; made if missing. */
  readonly dir: string;
  readonly name: string;
  readonly source: "live" | "import";
  readonly config: JournalConfig;
  /** The effective configuration without secrets. */
  readonly publicConfig: unknown;
  readonly program: { readonly name: string; readonly version: string };
  /** The connections open now, for the preamble of a new segment. */
  readonly connections: () => Preamble["connections"];
  /** A storage fault: recording goes on in memory while it can. */
  readonly onError: (error: StorageError) => void;
  /** After each write and each group commit. */
  readonly onProgress?: (written: number, durable: number) => void;
  /** Only tests have another than the real one. */
  readonly disk?: Disk;
}

/** The first record of a segment. */
export function preambleOf(
  { name, source, publicConfig }: JournalOptions,
  now: Pick<Preamble, "journal" | "segment" | "nextEpoch" | "connections">,
): Preamble {
  return {
    format: 1,
    journal: now.journal,
    name,
    source,
    segment: now.segment,
    wall: Date.now() * 1000,
    nextEpoch: now.nextEpoch,
    config: publicConfig,
    connections: now.connections,
  };
}

/** What the record says by which a process begins. */
export function startedBy(program: JournalOptions["program"], recovered: Recovered | null): Started {
  return {
    program: program.name,
    version: program.version,
    run: randomBytes(8).toString("hex"),
    host: hostname(),
    pid: process.pid,
    cutBytes: recovered?.cutBytes ?? 0,
    liveConnections: recovered?.liveConnections ?? [],
  };
}

/** When a segment that begins now ends at the latest, in milliseconds since 1970. */
export function endOfSegment(config: JournalConfig): number {
  const now = Date.now();
  // A segment is one UTC day's at most, so that its rows fall into one partition.
  const midnight = (Math.floor(now / DAY) + 1) * DAY;
  return Math.min(now + config.segment_every / 1000, midnight);
}
