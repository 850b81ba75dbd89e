import { z } from "zod";
import { sqliteSinkConfig } from "./sqlite/config.ts";

const parquetSinkConfig = z.strictObject({
  type: z.literal("parquet").describe("the tape itself: it is written whether it is listed or not"),
});

/** One entry of `sinks`. */
export const sinkConfig = z.discriminatedUnion("type", [parquetSinkConfig, sqliteSinkConfig]);

export type SinkConfig = z.infer<typeof sinkConfig>;
