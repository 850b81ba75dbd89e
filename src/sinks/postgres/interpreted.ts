import { literal, SCHEMA } from "./ddl.ts";

/** Rows of these frames, both ends included, were made by this version of the interpreters and kept in these tables. */
export interface InterpretedRange {
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly interpreter: number;
  readonly tables: readonly string[];
}

/** Statements that note in table `interpreted` who made these frames' rows, in place of what it said of them. Neighbours alike become one. */
export function interpretedStatements(recorder: number, range: InterpretedRange): string[] {
  const { firstFrame: first, lastFrame: last, interpreter } = range;
  const table = `${SCHEMA}.interpreted`;
  const kept = literal(JSON.stringify(range.tables));
  const ours = `recorder = ${recorder}`;
  return [
    // What is known of frames behind this range, where an older range reaches over its end.
    `INSERT INTO ${table} SELECT recorder, ${last + 1}, last_frame, interpreter, tables FROM ${table}
     WHERE ${ours} AND first_frame <= ${last} AND last_frame > ${last}`,
    `DELETE FROM ${table} WHERE ${ours} AND first_frame BETWEEN ${first} AND ${last}`,
    `UPDATE ${table} SET last_frame = ${first - 1} WHERE ${ours} AND first_frame < ${first} AND last_frame >= ${first}`,
    `UPDATE ${table} SET last_frame = ${last}
     WHERE ${ours} AND last_frame = ${first - 1} AND interpreter = ${interpreter} AND tables = ${kept}`,
    `INSERT INTO ${table} SELECT ${recorder}, ${first}, ${last}, ${interpreter}, ${kept}
     WHERE NOT EXISTS (SELECT FROM ${table} WHERE ${ours} AND last_frame = ${last})`,
  ];
}
