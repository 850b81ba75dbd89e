import type { Instruments } from "../model/instrument.ts";
import type { SinkConfig } from "./config.ts";
import type { Sink } from "./sink.ts";
import { ThreadedSink } from "./threaded-sink.ts";

export interface SinkContext {
  /** The `sinks` part of the configuration. */
  readonly settings: readonly SinkConfig[];
  readonly tape: string;
  /** Shared with the interpretation whose rows the sinks take. */
  readonly instruments: Instruments;
  /** False leaves the tape's own tables alone. */
  readonly parquet?: boolean;
}

/** Makes the configured sinks, each on a thread of its own. Parquet is there unless it is told not to be: it is the tape. */
export function makeSinks({ settings, tape, instruments, parquet = true }: SinkContext): Sink[] {
  const made: Sink[] = parquet ? [new ThreadedSink({ type: "parquet", tape }, instruments)] : [];
  for (const setting of settings) {
    switch (setting.type) {
      case "parquet":
        break;
      case "sqlite":
      case "postgres":
        made.push(new ThreadedSink(setting, instruments));
    }
  }
  return made;
}
