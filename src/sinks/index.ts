import type { Instruments } from "../model/instrument.ts";
import type { SinkConfig } from "./config.ts";
import { CatchingUpSink, type CatchingUpOptions } from "./catching-up-sink.ts";
import type { Sink } from "./sink.ts";
import { type SinkRecipe, ThreadedSink } from "./threaded-sink.ts";

export interface SinkContext {
  /** The `sinks` part of the configuration. */
  readonly settings: readonly SinkConfig[];
  readonly tape: string;
  /** Shared with the interpretation whose rows the sinks take. */
  readonly instruments: Instruments;
  /** False leaves the tape's own tables alone. */
  readonly parquet?: boolean;
  /** While a journal is recorded nothing waits for a database: it looks after itself. */
  readonly independent?: Pick<CatchingUpOptions, "check" | "onTrouble">;
}

/** Makes the configured sinks, each on a thread of its own. Parquet is there unless it is told not to be: it is the tape. */
export function makeSinks({ settings, tape, instruments, parquet = true, independent }: SinkContext): Sink[] {
  const database = (recipe: SinkRecipe): Sink => {
    const make = (): ThreadedSink => new ThreadedSink(recipe, instruments);
    return independent === undefined ? make() : new CatchingUpSink({ tape, make, ...independent });
  };
  const made: Sink[] = parquet ? [new ThreadedSink({ type: "parquet", tape }, instruments)] : [];
  for (const setting of settings) {
    switch (setting.type) {
      case "parquet":
        break;
      case "sqlite":
      case "postgres":
        made.push(database(setting));
    }
  }
  return made;
}
