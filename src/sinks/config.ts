import { z } from "zod";
import { postgresSinkConfig } from "./postgres/config.ts";
import { sqliteSinkConfig } from "./sqlite/config.ts";

const parquetSinkConfig = z.strictObject({
  type: z.literal("parquet").describe("the tape itself: it is written whether it is listed or not"),
});

/** One entry of `sinks`. */
export const sinkConfig = z.discriminatedUnion("type", [parquetSinkConfig, sqliteSinkConfig, postgresSinkConfig]);

export type SinkConfig = z.infer<typeof sinkConfig>;
