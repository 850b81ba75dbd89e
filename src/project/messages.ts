import type { SinkConfig } from "../sinks/config.ts";
import type { FeedAge } from "./feed-age.ts";
import type { ProjectorProgress } from "./projector.ts";

/** What the supervisor tells the projecting process, over IPC. */
export type ToProject =
  | {
      readonly type: "start";
      readonly tape: string;
      /** Name of the journal. */
      readonly name: string;
      /** The `sinks` part of the configuration. */
      readonly sinks: readonly SinkConfig[];
    }
  /** Capture has ended: project what is left, publish it and exit. */
  | { readonly type: "finish" };

/** What the projecting process tells its supervisor. */
export type FromProject =
  | ({ readonly type: "progress"; readonly openGaps: number; readonly feeds: readonly FeedAge[] } & ProjectorProgress)
  /** Books that stay uncertain: capture is asked for fresh snapshots. */
  | { readonly type: "resync"; readonly venue: string; readonly markets: readonly string[]; readonly reason: string }
  /** Something to be looked at; projecting goes on. */
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "failed"; readonly message: string; readonly hint?: string }
  | { readonly type: "finished"; readonly frame: number };
