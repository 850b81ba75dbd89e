import { readManifests } from "../../src/sinks/parquet/manifest.ts";
import { rows } from "./rows.ts";

/** Rows of all tables whose identity (recorder, frame, n) another row has too. */
export async function countTwice(tape: string): Promise<number> {
  const files = readManifests(tape).flatMap(({ entries }) => [...entries.values()].flatMap(({ files: of }) => of));
  const tables = [...new Set(files.map(({ table }) => table))];
  const each = tables.map((name) => `SELECT count(*) - count(DISTINCT (recorder, frame, n)) AS twice FROM ${name}`);
  const [found] = await rows<{ twice: number }>(
    tape,
    tables,
    `SELECT CAST(sum(twice) AS DOUBLE) AS twice FROM (${each.join(" UNION ALL ")})`,
  );
  return found?.twice ?? 0;
}
