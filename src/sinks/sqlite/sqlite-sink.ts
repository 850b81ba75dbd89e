import { StorageError } from "../../ops/errors.ts";
import { type Table, tables as allTables } from "../../tables/schema.ts";
import type { TableBuffer } from "../../tables/buffer.ts";
import type { Checkpoint, DatabaseSink, FinishedSegment, JournalIdentity, RowBatch } from "../sink.ts";
import { selectTables, type TableSelection } from "../table-selection.ts";
import { Database, type SqlValue, type Statement } from "./database.ts";
import {
  APPLICATION_ID,
  SCHEMA_VERSION,
  schemaStatements,
  seedStatements,
  storedName,
  tableStatements,
} from "./ddl.ts";
import { insertStatement, rowEncoder, timeFormat } from "./encode.ts";
import { noteInterpreted } from "./interpreted.ts";

interface Destination {
  readonly database: Database;
  readonly identity: JournalIdentity;
  readonly inserts: ReadonlyMap<string, Statement>;
}

/** A range of frames that is being replaced. */
interface Replacement {
  readonly firstFrame: number;
  readonly lastFrame: number;
}

/**
 * The tables in one SQLite file. Each batch is one transaction of rows and checkpoint; a commit that returned survives
 * a power cut. Rows already there under the same (recorder, frame, n) are an error, never overwritten unseen.
 */
export class SqliteSink implements DatabaseSink {
  readonly id: string;
  readonly #path: string;
  readonly #tables: readonly Table[];
  #destination: Destination | null = null;
  /** As committed; and as it will be when the open transaction is. */
  #committed: Checkpoint | null = null;
  #checkpoint: Checkpoint | null = null;
  #replacement: Replacement | null = null;

  constructor(options: { readonly path: string; readonly tables: TableSelection }) {
    this.id = `sqlite:${options.path}`;
    this.#path = options.path;
    this.#tables = selectTables(options.tables);
  }

  async open(identity: JournalIdentity): Promise<Checkpoint | null> {
    const database = new Database(this.#path, APPLICATION_ID);
    try {
      database.transaction(() => {
        prepareSchema(database);
        register(database, identity);
      });
      const inserts = new Map(this.#tables.map((table) => [table.name, database.prepare(insertStatement(table))]));
      this.#destination = { database, identity, inserts };
      this.#committed = readCheckpoint(database, identity);
      this.#checkpoint = this.#committed;
      return this.#committed;
    } catch (error) {
      database[Symbol.dispose]();
      throw error;
    }
  }

  async write(batch: RowBatch): Promise<void> {
    const destination = this.#opened();
    const { database } = destination;
    if (this.#replacement !== null) return this.#replace(destination, batch, this.#replacement);
    const from = Math.max(batch.firstFrame, (this.#checkpoint?.frame ?? -1) + 1);
    if (isEmpty(batch) || batch.lastFrame < from) return;
    try {
      database.transaction(() => this.#take(destination, batch, from, batch.lastFrame));
    } catch (error) {
      this.#checkpoint = this.#committed;
      throw error;
    }
    this.#committed = this.#checkpoint;
  }

  async fill(segment: FinishedSegment): Promise<void> {
    const destination = this.#opened();
    const { database } = destination;
    const from = Math.max(segment.firstFrame, (this.#checkpoint?.frame ?? -1) + 1);
    if (segment.lastFrame < from) return;
    this.#refuseHole(from);
    database.run("BEGIN IMMEDIATE");
    try {
      for await (const buffer of segment.rows(this.#tables, from - 1)) {
        insertRows(destination, buffer, from, segment.lastFrame);
      }
      this.#advance(destination, segment, from, segment.lastFrame);
      database.run("COMMIT");
    } catch (error) {
      database.rollback();
      this.#checkpoint = this.#committed;
      throw error;
    }
    this.#committed = this.#checkpoint;
  }

  /** Nothing to do: every batch was durable when `write` resolved. */
  async flush(): Promise<void> {}

  async beginReplace(range: { readonly firstFrame: number; readonly lastFrame: number }): Promise<void> {
    this.#opened();
    this.#replacement = range;
  }

  async endReplace(): Promise<void> {
    this.#commitReplaced(this.#opened().database);
    this.#replacement = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const database = this.#destination?.database;
    this.#destination = null;
    if (database === undefined) return;
    database.rollback();
    database[Symbol.dispose]();
  }

  #opened(): Destination {
    if (this.#destination === null) throw new Error(`${this.id} is not open`);
    return this.#destination;
  }

  /** One transaction per segment: it begins with the segment's first batch and is committed after its last. */
  #replace(destination: Destination, batch: RowBatch, range: Replacement): void {
    const { database, identity } = destination;
    const from = Math.max(batch.firstFrame, range.firstFrame);
    const to = Math.min(batch.lastFrame, range.lastFrame);
    try {
      if (!isEmpty(batch) && from <= to) {
        if (!database.inTransaction) database.run("BEGIN IMMEDIATE");
        for (const table of this.#tables) {
          const condition = "recorder = ? AND frame BETWEEN ? AND ?";
          database.change(`DELETE FROM "${storedName(table)}" WHERE ${condition}`, identity.recorder, from, to);
        }
        this.#take(destination, batch, from, to);
      }
      if (batch.last) this.#commitReplaced(database);
    } catch (error) {
      database.rollback();
      this.#checkpoint = this.#committed;
      throw error;
    }
  }

  #commitReplaced(database: Database): void {
    if (database.inTransaction) database.run("COMMIT");
    this.#committed = this.#checkpoint;
  }

  /** Inserts the batch's rows of these frames and moves the checkpoint where they lead further. */
  #take(destination: Destination, batch: RowBatch, from: number, to: number): void {
    this.#refuseHole(from);
    for (const buffer of batch.tables) insertRows(destination, buffer, from, to);
    this.#advance(destination, batch, from, to);
  }

  #refuseHole(from: number): void {
    const known = this.#checkpoint;
    if (known === null || from <= known.frame + 1) return;
    throw new StorageError(`${this.#path} has rows up to frame ${known.frame} and cannot go on at frame ${from}`, {
      hint: `\`foretape replay\` from an earlier time fills the frames between`,
    });
  }

  /** The rows of these frames are there: says who made them, and moves the checkpoint where they lead further. */
  #advance({ database, identity }: Destination, made: Made, from: number, to: number): void {
    const { recorder, journal } = identity;
    const known = this.#checkpoint;
    noteInterpreted(database, recorder, {
      firstFrame: from,
      lastFrame: to,
      interpreter: made.interpreter,
      tables: this.#tables.map(({ name }) => name),
    });
    // A batch that is cut short has no CRC of its last frame here.
    if (to !== made.lastFrame || (known !== null && known.frame >= to)) return;
    const next = { journal, frame: to, crc: made.lastCrc };
    moveCheckpoint(database, recorder, known, next);
    this.#checkpoint = next;
  }
}

/** Who made rows, up to which frame. */
type Made = Pick<RowBatch, "lastFrame" | "lastCrc" | "interpreter">;

/** Inserts the rows of these frames, both ends included, if the table is one that this sink holds. */
function insertRows({ database, identity, inserts }: Destination, buffer: TableBuffer, from: number, to: number): void {
  const insert = inserts.get(buffer.table.name);
  if (insert === undefined || buffer.length === 0) return;
  const encode = rowEncoder(buffer, identity.recorder);
  const values: SqlValue[] = [];
  database.attempt(() => {
    for (let row = 0; row < buffer.length; row++) {
      const frame = buffer.frame[row]!;
      if (frame < from || frame > to) continue;
      encode(row, values);
      insert.run(...values);
    }
  });
}

/** A batch without records: only the end of its segment. */
function isEmpty(batch: RowBatch): boolean {
  return batch.firstFrame === 0;
}

function prepareSchema(database: Database): void {
  const [known] = database.all("SELECT 1 FROM sqlite_schema WHERE name = 'schema_version'");
  if (known === undefined) for (const statement of schemaStatements) database.run(statement);
  const version = Number(database.all("SELECT version FROM schema_version")[0]?.["version"]);
  if (version > SCHEMA_VERSION) {
    throw new StorageError(
      `${database.path} has schema version ${version}, newer than this program's ${SCHEMA_VERSION}`,
      { hint: "install a newer Foretape", exitCode: 2 },
    );
  }
  for (const table of allTables) {
    const stored = storedName(table);
    const columns = database.all(`SELECT name FROM pragma_table_info('${stored}')`).map(({ name }) => name);
    if (columns.length === 0) {
      // A table that this version brought: the database of an older one has its place for it now.
      for (const statement of tableStatements(table)) database.run(statement);
      continue;
    }
    if (columns.join() === table.columns.map(({ name }) => name).join()) continue;
    throw new StorageError(`table ${stored} in ${database.path} has not the columns that this program writes`, {
      hint: "move the file away; `foretape replay` makes it again from the journal",
    });
  }
  if (version === SCHEMA_VERSION) return;
  for (const statement of seedStatements) database.run(statement);
  database.change("UPDATE schema_version SET version = ?", SCHEMA_VERSION);
}

function register(database: Database, { recorder, name, journal, host, since }: JournalIdentity): void {
  const format = timeFormat();
  database.change(
    "INSERT INTO recorders VALUES (?, ?, ?, ?, ?) ON CONFLICT (recorder) DO NOTHING",
    recorder,
    name,
    journal,
    host,
    format(since),
  );
  const [known] = database.all("SELECT name, journal FROM recorders WHERE recorder = ?", recorder);
  if (known?.["journal"] === journal) return;
  throw new StorageError(
    `recorder ${recorder} in ${database.path} is another journal (${String(known?.["journal"])}, named "${String(known?.["name"])}")`,
    { hint: "give the sink another file, or record under another name" },
  );
}

function readCheckpoint(database: Database, { recorder, journal }: JournalIdentity): Checkpoint | null {
  const [row] = database.all(
    "SELECT frame, crc FROM checkpoints WHERE recorder = ? AND journal = ?",
    recorder,
    journal,
  );
  return row === undefined ? null : { journal, frame: Number(row["frame"]), crc: Number(row["crc"]) };
}

/** Compare-and-set: fails when the checkpoint is not where this sink left it. */
function moveCheckpoint(database: Database, recorder: number, known: Checkpoint | null, next: Checkpoint): void {
  const moved =
    known === null
      ? database.change(
          "INSERT INTO checkpoints VALUES (?, ?, ?, ?) ON CONFLICT (recorder) DO NOTHING",
          recorder,
          next.journal,
          next.frame,
          next.crc,
        )
      : database.change(
          "UPDATE checkpoints SET frame = ?, crc = ? WHERE recorder = ? AND journal = ? AND frame = ? AND crc = ?",
          next.frame,
          next.crc,
          recorder,
          known.journal,
          known.frame,
          known.crc,
        );
  if (moved === 1) return;
  throw new StorageError(`the checkpoint of recorder ${recorder} in ${database.path} was moved by another process`, {
    hint: "let one process write this recorder's rows",
  });
}
