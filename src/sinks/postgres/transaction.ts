import type { TableBuffer } from "../../tables/buffer.ts";
import type { Table } from "../../tables/schema.ts";
import { StorageError } from "../../ops/errors.ts";
import type { Checkpoint, JournalIdentity } from "../sink.ts";
import type { Connection } from "./connection.ts";
import { literal, SCHEMA } from "./ddl.ts";
import { interpretedStatements } from "./interpreted.ts";
import type { RowWriter } from "./row-writer.ts";

/** Of `pg_advisory_xact_lock(class, recorder)`: `Ftap`. */
const LOCK_CLASS = 0x46746170;

/** Frames whose rows a transaction takes, both ends included, and the version of the interpreters that made them. */
export interface Frames {
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly interpreter: number;
}

/** What is written of one journal. */
export interface Writing {
  readonly identity: JournalIdentity;
  readonly tables: readonly Table[];
}

/** One transaction of a journal's rows and its checkpoint. It begins with the first thing that it does. */
export class Transaction {
  readonly connection: Connection;
  readonly #writer: RowWriter;
  readonly #writing: Writing;
  #checkpoint: Checkpoint | null;
  #begun = false;

  /** `checkpoint` is where it was committed last. */
  constructor(connection: Connection, writer: RowWriter, writing: Writing, checkpoint: Checkpoint | null) {
    this.connection = connection;
    this.#writer = writer;
    this.#writing = writing;
    this.#checkpoint = checkpoint;
  }

  /** Where the checkpoint is once this is committed. */
  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  /** The first frame from here on that the database lacks. Throws where it lacks earlier ones too. */
  firstMissing(firstFrame: number): number {
    const known = this.#checkpoint;
    if (known === null || firstFrame <= known.frame) return Math.max(firstFrame, (known?.frame ?? -1) + 1);
    if (firstFrame === known.frame + 1) return firstFrame;
    throw new StorageError(
      `${this.connection.database} has rows up to frame ${known.frame} and cannot go on at frame ${firstFrame}`,
      { hint: "`foretape replay` from an earlier time fills the frames between" },
    );
  }

  /**
   * Moves the checkpoint, if `next` says where to, by compare-and-set, and notes who made the frames' rows. That comes
   * before the rows, so that a second writer of this journal is told before it sends any.
   */
  async take({ firstFrame, lastFrame, interpreter }: Frames, next: Checkpoint | null): Promise<void> {
    const { identity, tables } = this.#writing;
    const kept = tables.map(({ name }) => name);
    const note = interpretedStatements(identity.recorder, { firstFrame, lastFrame, interpreter, tables: kept });
    if (next === null) {
      await this.run(note);
      return;
    }
    const [moved] = await this.run([moveStatement(identity, this.#checkpoint, next), ...note]);
    if (moved !== 1) throw movedByAnother(this.connection, identity);
    this.#checkpoint = next;
  }

  /** Writes the buffer's rows of these frames, where its table is kept. */
  async put(buffer: TableBuffer, { firstFrame, lastFrame }: Omit<Frames, "interpreter">): Promise<void> {
    const { identity, tables } = this.#writing;
    if (!tables.includes(buffer.table)) return;
    await this.#writer.put(buffer, identity.recorder, firstFrame, lastFrame);
  }

  /** Runs statements without values; the number of rows that each of them changed. */
  async run(statements: readonly string[]): Promise<readonly number[]> {
    if (this.#begun) return this.connection.run(statements);
    this.#begun = true;
    const begin = ["BEGIN", lockStatement(this.#writing.identity)];
    return (await this.connection.run([...begin, ...statements])).slice(begin.length);
  }

  async commit(): Promise<void> {
    if (this.#begun) await this.connection.run([...this.#writer.finish(), "COMMIT"]);
  }
}

/** The checkpoint as it is when no transaction of this journal is under way any more. */
export async function readCheckpoint(connection: Connection, identity: JournalIdentity): Promise<Checkpoint | null> {
  await connection.run(["BEGIN", lockStatement(identity)]);
  const [row] = await connection.rows(
    `SELECT journal, frame, crc FROM ${SCHEMA}.checkpoints WHERE recorder = $1`,
    identity.recorder,
  );
  await connection.run(["COMMIT"]);
  if (row === undefined) return null;
  return { journal: String(row["journal"]), frame: Number(row["frame"]), crc: Number(row["crc"]) };
}

export function movedByAnother({ database }: Connection, { recorder }: JournalIdentity): StorageError {
  return new StorageError(`the checkpoint of recorder ${recorder} in ${database} was moved by another process`, {
    hint: "let one process write this recorder's rows",
  });
}

/**
 * Held until the end of the transaction. A connection that broke may have its last one still going on the server: who
 * looks at the checkpoint, or moves it, waits for that.
 */
function lockStatement({ recorder }: JournalIdentity): string {
  return `SELECT pg_advisory_xact_lock(${LOCK_CLASS}, ${recorder})`;
}

function moveStatement({ recorder }: JournalIdentity, known: Checkpoint | null, next: Checkpoint): string {
  const table = `${SCHEMA}.checkpoints`;
  return known === null
    ? `INSERT INTO ${table} VALUES (${recorder}, ${literal(next.journal)}, ${next.frame}, ${next.crc}) ON CONFLICT (recorder) DO NOTHING`
    : `UPDATE ${table} SET frame = ${next.frame}, crc = ${next.crc}
       WHERE recorder = ${recorder} AND journal = ${literal(known.journal)} AND frame = ${known.frame} AND crc = ${known.crc}`;
}
