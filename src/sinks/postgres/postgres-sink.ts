import { StorageError } from "../../ops/errors.ts";
import type { Table } from "../../tables/schema.ts";
import type { Checkpoint, DatabaseSink, FinishedSegment, JournalIdentity, RowBatch } from "../sink.ts";
import { timeFormat } from "../sql.ts";
import { selectTables, type TableSelection } from "../table-selection.ts";
import { Connection } from "./connection.ts";
import { postgresSinkId } from "./database-name.ts";
import { SCHEMA } from "./ddl.ts";
import { Partitions } from "./partitions.ts";
import { Replacement } from "./replacement.ts";
import { PATIENCE_MS, Session, type SessionOptions } from "./session.ts";
import { checkServer, prepareSchema } from "./startup.ts";
import type { Transaction, Writing } from "./transaction.ts";

interface Destination {
  readonly writing: Writing;
  readonly session: Session;
}

/**
 * The tables in a PostgreSQL database. Each batch is one transaction of rows and checkpoint; a commit that returned is as
 * durable as the server's. Rows already there under the same (recorder, frame, n) are an error, never overwritten unseen.
 */
export class PostgresSink implements DatabaseSink {
  readonly id: string;
  readonly #options: SessionOptions;
  readonly #closing: AbortController = new AbortController();
  readonly #tables: readonly Table[];
  readonly #partitions: Partitions;
  #destination: Destination | null = null;
  #replacement: Replacement | null = null;

  /** `patienceMs`: how long a lost connection is tried again before `write` and `fill` reject. */
  constructor(options: { readonly url: string; readonly tables: TableSelection; readonly patienceMs?: number }) {
    const { url, tables, patienceMs = PATIENCE_MS } = options;
    this.id = postgresSinkId(url);
    this.#options = { url, patienceMs, signal: this.#closing.signal };
    this.#tables = selectTables(tables);
    this.#partitions = new Partitions(this.#options, this.#tables);
  }

  async open(identity: JournalIdentity): Promise<Checkpoint | null> {
    const connection = await Connection.open(this.#options.url);
    try {
      await checkServer(connection);
      await prepareSchema(connection);
      await this.#partitions.ahead(connection, Date.now());
      await register(connection, identity);
      const writing = { identity, tables: this.#tables };
      const session = await Session.open(this.#options, writing, connection);
      this.#destination = { writing, session };
      return session.checkpoint;
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  async write(batch: RowBatch): Promise<void> {
    const { session, writing } = this.#opened();
    if (this.#replacement !== null) return this.#replacement.write(batch);
    // A batch without records is only the end of its segment.
    if (batch.firstFrame === 0) return;
    const { lastFrame, lastCrc, interpreter } = batch;
    const next = { journal: writing.identity.journal, frame: lastFrame, crc: lastCrc };
    await this.#attempt(session, async (transaction) => {
      const firstFrame = transaction.firstMissing(batch.firstFrame);
      if (lastFrame < firstFrame) return;
      await this.#partitions.ensure(batch.tables);
      await transaction.take({ firstFrame, lastFrame, interpreter }, next);
      for (const buffer of batch.tables) await transaction.put(buffer, { firstFrame, lastFrame });
      await session.commit(transaction);
    });
  }

  async fill(segment: FinishedSegment): Promise<void> {
    const { session, writing } = this.#opened();
    const { lastFrame, lastCrc, interpreter } = segment;
    const next = { journal: writing.identity.journal, frame: lastFrame, crc: lastCrc };
    await this.#attempt(session, async (transaction) => {
      const firstFrame = transaction.firstMissing(segment.firstFrame);
      if (lastFrame < firstFrame) return;
      await transaction.take({ firstFrame, lastFrame, interpreter }, next);
      for await (const buffer of segment.rows(this.#tables, firstFrame - 1)) {
        await this.#partitions.ensure([buffer]);
        await transaction.put(buffer, { firstFrame, lastFrame });
      }
      await session.commit(transaction);
    });
  }

  /** Nothing to do: every batch was durable when `write` resolved. */
  async flush(): Promise<void> {}

  async beginReplace(range: { readonly firstFrame: number; readonly lastFrame: number }): Promise<void> {
    const { session, writing } = this.#opened();
    this.#replacement = await Replacement.begin(session, this.#partitions, writing, range);
  }

  async endReplace(): Promise<void> {
    await this.#replacement?.end();
    this.#replacement = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#destination?.session;
    this.#destination = null;
    this.#closing.abort();
    await session?.[Symbol.asyncDispose]();
  }

  #opened(): Destination {
    if (this.#destination === null) throw new Error(`${this.id} is not open`);
    return this.#destination;
  }

  async #attempt(session: Session, work: (transaction: Transaction) => Promise<void>): Promise<void> {
    try {
      await session.attempt(work);
    } catch (error) {
      this.#partitions.forget();
      throw error;
    }
  }
}

async function register(connection: Connection, identity: JournalIdentity): Promise<void> {
  const { recorder, name, journal, host, since } = identity;
  await connection.rows(
    `INSERT INTO ${SCHEMA}.recorders VALUES ($1, $2, $3, $4, $5) ON CONFLICT (recorder) DO NOTHING`,
    recorder,
    name,
    journal,
    host,
    `${timeFormat()(since)}+00`,
  );
  const [known] = await connection.rows(`SELECT name, journal FROM ${SCHEMA}.recorders WHERE recorder = $1`, recorder);
  if (known?.["journal"] === journal) return;
  throw new StorageError(
    `recorder ${recorder} in ${connection.database} is another journal (${String(known?.["journal"])}, named "${String(known?.["name"])}")`,
    { hint: "give the sink another database, or record under another name" },
  );
}
