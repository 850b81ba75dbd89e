import { z } from "zod";
import { tableSelection } from "../table-selection.ts";

/** One entry of `sinks` with `type: sqlite`. */
export const sqliteSinkConfig = z.strictObject({
  type: z.literal("sqlite"),
  path: z.string().min(1).describe("file of the database; made when it is not there").meta({ path: true }),
  tables: tableSelection,
});
