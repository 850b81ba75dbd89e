import type { Instruments } from "../model/instrument.ts";
import { UsageError } from "../ops/errors.ts";
import { ParquetSink } from "./parquet/parquet-sink.ts";
import type { Sink } from "./sink.ts";

export interface SinkContext {
  /** The `sinks` part of the configuration. */
  readonly settings: readonly { readonly type: string; readonly [option: string]: unknown }[];
  readonly tape: string;
  readonly instruments: Instruments;
}

type MakeSink = (setting: SinkContext["settings"][number], context: SinkContext) => Sink;

/** The only list of sinks, a line each. */
const sinks: Readonly<Record<string, MakeSink>> = {
  parquet: (_setting, { tape, instruments }) => new ParquetSink({ tape, instruments }),
};

/** Makes the configured sinks. Parquet is always there: it is the tape. */
export function makeSinks(context: SinkContext): Sink[] {
  const others = context.settings.filter(({ type }) => type !== "parquet");
  return [{ type: "parquet" }, ...others].map((setting) => {
    const make = sinks[setting.type];
    if (make === undefined) throw new UsageError(`there is no sink "${setting.type}"`);
    return make(setting, context);
  });
}
