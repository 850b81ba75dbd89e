import type { JournalConfig } from "../journal/config.ts";
import type { Progress } from "./capture.ts";
import type { RecordConfig } from "./config.ts";
import type { Listener } from "./listener.ts";

/** What the supervisor tells the capturing process, over IPC: secrets travel only here, never in arguments. */
export type ToCapture =
  | {
      readonly type: "start";
      /** `tape/journal/<name>`. */
      readonly dir: string;
      readonly name: string;
      /** `tape/foretape.sqlite`, where request budgets are shared. */
      readonly database: string;
      readonly program: { readonly name: string; readonly version: string };
      readonly journal: JournalConfig;
      readonly record: RecordConfig;
      readonly publicConfig: unknown;
      /** The `venues` part of the configuration, secrets included. */
      readonly venues: Readonly<Record<string, unknown>>;
      readonly listeners: readonly Listener[];
    }
  /** These are the listeners from now on, and this is the configuration with them, without secrets. */
  | { readonly type: "listeners"; readonly listeners: readonly Listener[]; readonly publicConfig: unknown }
  /** The projecting process wants snapshots of these markets. */
  | { readonly type: "resync"; readonly venue: string; readonly markets: readonly string[]; readonly reason: string }
  | { readonly type: "stop" };

/** What the capturing process tells its supervisor. */
export type FromCapture =
  | { readonly type: "ready"; readonly journal: string; readonly unavailable: readonly string[] }
  | ({ readonly type: "progress" } & Progress)
  /** Something that a user should know; recording goes on while it can. */
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "failed"; readonly message: string; readonly hint?: string; readonly exitCode: 1 | 2 }
  | ({ readonly type: "stopped" } & Progress);
