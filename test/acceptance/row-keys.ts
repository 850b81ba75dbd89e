import { tables } from "../../src/tables/schema.ts";
import { rows } from "./rows.ts";

/** Rows of all tables whose identity (recorder, frame, n) another row has too. */
export async function countTwice(tape: string): Promise<number> {
  let twice = 0;
  for (const { name } of tables) {
    const [found] = await rows<{ twice: number }>(
      tape,
      [name],
      `SELECT CAST(count(*) - count(DISTINCT (recorder, frame, n)) AS DOUBLE) AS twice FROM ${name}`,
    );
    twice += found?.twice ?? 0;
  }
  return twice;
}
