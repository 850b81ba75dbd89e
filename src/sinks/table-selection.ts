import { z } from "zod";
import { type Table, tables } from "../tables/schema.ts";

/** Which tables a database sink holds: `default` leaves out `orderbook_deltas`, by far the largest; `all`; or a list. */
export const tableSelection = z
  .union([z.enum(["default", "all"]), z.array(z.enum(tables.map(({ name }) => name))).min(1)])
  .default("default")
  .describe("default (all but orderbook_deltas), all, or a list of tables");

export type TableSelection = z.infer<typeof tableSelection>;

/** The selected tables, in the schema's order. */
export function selectTables(selection: TableSelection): readonly Table[] {
  if (selection === "all") return tables;
  if (selection === "default") return tables.filter(({ name }) => name !== "orderbook_deltas");
  return tables.filter(({ name }) => selection.includes(name));
}
