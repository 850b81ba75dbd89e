import type { Micros } from "../model/time.ts";

/**
 * Kinds of journal records. The numbers are on disk and never change meaning (`docs/journal-format.md`).
 * Everything that decides a row is a record: frames both ways, HTTP exchanges, and the verdicts of our own machinery.
 */
export const Kind = {
  /** First record of every segment: JSON `Preamble`. Raw facts only. */
  preamble: 1,
  /** A frame as received, its bytes untouched. */
  received: 2,
  /** A frame as sent. Never a handshake header. */
  sent: 3,
  /** JSON head line `HttpHead`, `\n`, then the body's bytes. */
  http: 4,
  /** JSON: the effective configuration without secrets, at start and at every change. */
  config: 5,
  /** Empty: nothing arrived for a while; moves the interpreters' clock. */
  tick: 6,
  /** JSON `{fromNs, toNs}` differences: the wall clock stepped against the monotonic one. */
  clockStep: 7,
  /** JSON `Decision`: a verdict of a watchdog, discovery, limiter or of `project`, with its evidence. */
  decision: 8,
  /** JSON `Connected`: a connection opened; its number is the record's `epoch`. */
  connected: 9,
  /** JSON `Closed`: a connection ended. */
  closed: 10,
  /** JSON `Started`: a process opened this journal for writing. */
  started: 11,
} as const;

export type Kind = (typeof Kind)[keyof typeof Kind];

/** One record as read back. `payload` is a view into a larger buffer: copy it to keep it. */
export interface JournalRecord {
  /** Number in this journal, from 1, +1 each. */
  frame: number;
  kind: Kind;
  /** Connection number in this journal, from 1; 0 for records that belong to no connection. */
  epoch: number;
  /** Wall-clock receive time in microseconds; null where an imported capture has none. */
  wall: Micros | null;
  /** Nanoseconds below the microsecond of `wall`, 0–999. */
  wallNanos: number;
  /** Monotonic clock in nanoseconds since an arbitrary start; 0 in imports. Safe integer (104 days from boot). */
  mono: number;
  payload: Buffer;
}

/** Payload of `connected`. `format` names the wire format, so that a parser is picked by name and not by date. */
export interface Connected {
  readonly venue: string;
  /**
   * Which of the venue's streams, for example `market/0`. A later connection with the same venue and stream is the
   * successor of an earlier one: it ends the earlier one's `disconnect` gap.
   */
  readonly stream: string;
  readonly url: string;
  /** For example `kalshi-ws-v2`, `polymarket-market`. */
  readonly format: string;
  /**
   * Facts an import was told, for example `{"use_yes_price": true}`. Never on disk: `resumed: true`, by which an
   * interpreter that starts at a preamble learns that it does not have the beginning of this connection.
   */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** Payload of `closed`. */
export interface Closed {
  /**
   * `venue`: the other side or the network ended it. `watchdog`: we gave up on it. `stopped`: clean stop.
   * `end`: end of an imported capture. `crash`: never written; the interpreter's driver says it for every connection
   * that a `started` record lists as live when the process before it died.
   */
  readonly by: "venue" | "watchdog" | "stopped" | "end" | "crash";
  readonly code?: number;
  readonly reason?: string;
}

/** Payload of `started`. */
export interface Started {
  readonly program: string;
  readonly version: string;
  /** Random per process. */
  readonly run: string;
  readonly host: string;
  readonly pid: number;
  /** What opening repaired: bytes of a torn tail that were cut, connections that were live when the last process died. */
  readonly cutBytes: number;
  readonly liveConnections: readonly number[];
}

/** Payload of `decision`: `type` names the verdict, the rest is its evidence. */
export interface Decision {
  readonly type: string;
  readonly venue?: string;
  readonly [evidence: string]: unknown;
}

/** First line of an `http` record. A `bodyOf` refers to an earlier record of this segment with the same body. */
export interface HttpHead {
  readonly venue: string;
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly sentAt: Micros;
  readonly bodyOf?: number;
  readonly purpose?: string;
}

/** An `http` record whose reference, if any, was resolved. */
export interface HttpExchange {
  readonly head: HttpHead;
  readonly body: Buffer;
}

/** Payload of `preamble`: what a reader needs that starts at this segment. */
export interface Preamble {
  readonly format: 1;
  /** 32 hex digits, made once at random. Its first 31 bits are the tables' `recorder`. */
  readonly journal: string;
  readonly name: string;
  /** `live` for what streams; `import` for captures made by others: their rows are partitioned by the venue's time. */
  readonly source: "live" | "import";
  readonly segment: number;
  readonly wall: Micros;
  /** The number the next connection gets. */
  readonly nextEpoch: number;
  readonly config: unknown;
  /** Connections open at this instant. `commands` are sent and received control frames still in force, byte for byte (latin1 text of the bytes). */
  readonly connections: readonly (Connected & {
    readonly epoch: number;
    readonly commands: readonly { readonly sent: boolean; readonly bytes: string }[];
  })[];
}
