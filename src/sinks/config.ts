import { z } from "zod";
import { tables } from "../tables/schema.ts";

const tableName = z.string().refine((name) => tables.some((table) => table.name === name), {
  error: ({ input }) => `there is no table "${String(input)}"; \`foretape query "SHOW TABLES"\` lists them`,
});

const parquetSink = z.strictObject({
  type: z.literal("parquet").describe("the tape itself: it is written whether it is listed or not"),
});

const sqliteSink = z.strictObject({
  type: z.literal("sqlite").describe("one SQLite file"),
  path: z.string().min(1).describe("the file; made when it is missing").meta({ path: true }),
  tables: z
    .union([z.enum(["default", "all"]), z.array(tableName).min(1)])
    .default("default")
    .describe("`default` (all but `orderbook_deltas`), `all`, or a list of tables"),
});

/** One entry of `sinks`. */
export const sinkConfig = z.discriminatedUnion("type", [parquetSink, sqliteSink]);

export type SinkConfig = z.infer<typeof sinkConfig>;
