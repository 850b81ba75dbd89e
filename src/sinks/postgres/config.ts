import { z } from "zod";
import { tableSelection } from "../table-selection.ts";

/** `url` of a PostgreSQL database, with everything that the server's own tools take in it. */
export const postgresUrl = z.string().refine((text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text), {
  message: "is no address of a PostgreSQL database; write postgres://USER:PASSWORD@HOST:5432/DATABASE",
});

/** One entry of `sinks` with `type: postgres`. */
export const postgresSinkConfig = z.strictObject({
  type: z.literal("postgres"),
  url: postgresUrl
    .describe("postgres://USER:PASSWORD@HOST:5432/DATABASE; without a password PGPASSWORD or ~/.pgpass is used")
    .meta({ secret: true }),
  tables: tableSelection,
  pool: z
    .int()
    .min(2)
    .max(100)
    .default(4)
    .describe("most connections at a time; rows are written in order on one, partitions made on another"),
});

export type PostgresSinkConfig = z.infer<typeof postgresSinkConfig>;
