import type { Database } from "./database.ts";

/** Rows of these frames, both ends included, were made by this version of the interpreters and kept in these tables. */
export interface InterpretedRange {
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly interpreter: number;
  readonly tables: readonly string[];
}

/** Notes in table `interpreted` who made these frames' rows, in place of what it said of them. Neighbours alike become one. */
export function noteInterpreted(database: Database, recorder: number, range: InterpretedRange): void {
  const { firstFrame, lastFrame, interpreter } = range;
  const tables = JSON.stringify(range.tables);
  // What is known of frames behind this range, where an older range reaches over its end.
  database.change(
    `INSERT INTO interpreted SELECT recorder, ?3 + 1, last_frame, interpreter, tables FROM interpreted
     WHERE recorder = ?1 AND first_frame <= ?3 AND last_frame > ?3 AND last_frame >= ?2`,
    recorder,
    firstFrame,
    lastFrame,
  );
  database.change(
    "DELETE FROM interpreted WHERE recorder = ? AND first_frame BETWEEN ? AND ?",
    recorder,
    firstFrame,
    lastFrame,
  );
  database.change(
    "UPDATE interpreted SET last_frame = ?2 - 1 WHERE recorder = ?1 AND first_frame < ?2 AND last_frame >= ?2",
    recorder,
    firstFrame,
  );
  const joined = database.change(
    "UPDATE interpreted SET last_frame = ? WHERE recorder = ? AND last_frame = ? AND interpreter = ? AND tables = ?",
    lastFrame,
    recorder,
    firstFrame - 1,
    interpreter,
    tables,
  );
  if (joined > 0) return;
  database.change(
    "INSERT INTO interpreted VALUES (?, ?, ?, ?, ?)",
    recorder,
    firstFrame,
    lastFrame,
    interpreter,
    tables,
  );
}

/** What is known of who made which frames' rows, in order. */
export function interpretedRanges(database: Database, recorder: number): InterpretedRange[] {
  return database.all("SELECT * FROM interpreted WHERE recorder = ? ORDER BY first_frame", recorder).map((row) => ({
    firstFrame: Number(row["first_frame"]),
    lastFrame: Number(row["last_frame"]),
    interpreter: Number(row["interpreter"]),
    tables: JSON.parse(String(row["tables"])) as string[],
  }));
}
