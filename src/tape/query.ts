import { type DuckDBConnection, type DuckDBResult, StatementType } from "@duckdb/node-api";
import { nearest } from "../config/nearest.ts";
import type { Micros } from "../model/time.ts";
import { seedNames } from "../seeds/index.ts";
import { ForetapeError, messageOf, StorageError, UsageError } from "../ops/errors.ts";
import { seedViewNames, seedViewsIn } from "./seed-views.ts";
import { damaged, TapeDatabase, viewNames } from "./tape-database.ts";
import { wordsOf } from "./views.ts";

/** A live tape's rows are at most this old, or the answer says up to when. */
const FRESH: Micros = 2_000_000;

export interface QueryOptions {
  readonly tape: string;
  readonly sql: string;
  readonly signal: AbortSignal;
  /** A seed's schema, `seed1` … `seed5`: its names come before Foretape's own. */
  readonly schema?: string;
  /** Write the rows to this file as Parquet instead of giving them. */
  readonly parquet?: string;
}

/** A journal that is being written, and up to when its rows are in the answer. */
export interface ReadUpTo {
  readonly journal: string;
  readonly upTo: Micros;
}

/** A running query over a tape. */
export class TapeQuery implements AsyncDisposable {
  readonly result: DuckDBResult;
  /** Live journals whose rows are more than two seconds old. */
  readonly behind: readonly ReadUpTo[];
  readonly #database: TapeDatabase;
  readonly #release: () => void;

  private constructor(database: TapeDatabase, result: DuckDBResult, behind: readonly ReadUpTo[], release: () => void) {
    this.#database = database;
    this.result = result;
    this.behind = behind;
    this.#release = release;
  }

  /**
   * Runs one reading statement of SQL. Throws `UsageError` for SQL that is wrong, writes or reaches outside of the tape;
   * `StorageError` where the tape is damaged.
   */
  static async run(options: QueryOptions): Promise<TapeQuery> {
    try {
      return await TapeQuery.#start(options);
    } catch (error) {
      // A replay may have put another file in this one's place since the manifest was read.
      if (!(error instanceof StorageError) || !error.message.includes("No files found")) throw error;
      return TapeQuery.#start(options);
    }
  }

  static async #start({ tape, sql, signal, schema, parquet }: QueryOptions): Promise<TapeQuery> {
    if (schema !== undefined && !seedNames.includes(schema)) {
      throw new UsageError(`there is no schema "${schema}"`, { hint: `schemas are ${seedNames.join(", ")}` });
    }
    const seedViews = seedViewsIn(sql, schema);
    const wanted = namedIn([sql, ...seedViews.map(({ select }) => select)].join(" "));
    const output = parquet === undefined ? {} : { output: parquet };
    const database = await TapeDatabase.open({
      tape,
      signal,
      seedViews,
      ...(schema === undefined ? {} : { schema }),
      ...output,
      ...(wanted.size > 0 ? { wanted } : { filesOnly: true }),
    });
    const { connection } = database;
    const interrupt = (): void => connection.interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    const release = (): void => signal.removeEventListener("abort", interrupt);
    try {
      const statement = await readingStatement(connection, sql);
      const behind = database.fresh.flatMap(({ journal, live, upTo }) =>
        live && upTo !== null && Date.now() * 1000 - upTo > FRESH ? [{ journal, upTo }] : [],
      );
      const text =
        parquet === undefined
          ? statement
          : `COPY (${statement}) TO '${parquet.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`;
      const result = await connection.stream(text);
      return new TapeQuery(database, result, behind, release);
    } catch (error) {
      release();
      await database[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw queryError(error, schema ?? seedNames.find((name) => wordsOf(sql).has(name)));
    }
  }

  /** The rows, a chunk at a time. */
  async *chunks(): AsyncGenerator<readonly (readonly unknown[])[]> {
    for (;;) {
      const rows = await this.#next();
      if (rows.length === 0) return;
      yield rows;
    }
  }

  async #next(): Promise<readonly (readonly unknown[])[]> {
    try {
      const chunk = await this.result.fetchChunk();
      return chunk === null ? [] : chunk.getRows();
    } catch (error) {
      throw queryError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release();
    await this.#database[Symbol.asyncDispose]();
  }
}

/** Tables whose names occur in the SQL: at least those that it reads. */
function namedIn(sql: string): Set<string> {
  const words = wordsOf(sql);
  return new Set(viewNames.filter((name) => words.has(name)));
}

/** The one statement of `sql`. Throws `UsageError` where it is not one that only reads. */
async function readingStatement(connection: DuckDBConnection, sql: string): Promise<string> {
  if (sql.replace(/--.*|[;\s]/g, "") === "") throw new UsageError("there is no SQL statement to run");
  const statements = await connection.extractStatements(sql);
  if (statements.count > 1) throw new UsageError("only one SQL statement at a time");
  const prepared = await statements.prepare(0);
  const text = sql.trim().replace(/;\s*$/, "");
  const explained = /^explain\s+(?:analyze\s+)?(?:\([^)]*\)\s*)?/i.exec(text);
  if (prepared.statementType === StatementType.EXPLAIN && explained !== null) {
    await readingStatement(connection, text.slice(explained[0].length));
  } else if (prepared.statementType !== StatementType.SELECT) {
    const kind = StatementType[prepared.statementType].toLowerCase();
    throw new UsageError(`a query may only read the tape; this is a statement of type "${kind}"`);
  }
  return text;
}

/** DuckDB's complaint in one sentence: wrong SQL is the user's, an unreadable file the tape's. `schema`: the seed that was asked. */
function queryError(error: unknown, schema?: string): Error {
  if (error instanceof ForetapeError) return error;
  const message = messageOf(error);
  const [first = ""] = message.replace(/^Failed to extract statements: /, "").split("\n");
  const unknown = /Table with name "?([^"\s]+)"? does not exist/.exec(message)?.[1];
  if (unknown !== undefined) {
    const own = seedViewNames(schema);
    const near = nearest(unknown, own) ?? nearest(unknown, viewNames);
    const names = own.length > 0 ? `tables of ${schema} are ${own.join(", ")}` : `tables are ${viewNames.join(", ")}`;
    const hint = near === null ? names : `did you mean ${near}?`;
    return new UsageError(`there is no table "${unknown}"`, { cause: error, hint });
  }
  const kind = /^([A-Za-z ]+) Error: /.exec(first)?.[1] ?? "";
  if (kind === "IO" || /parquet|magic bytes|\.parquet/i.test(first)) return damaged(error);
  if (kind === "Permission") {
    return new UsageError("a query may only read the tape's own tables", { cause: error });
  }
  if (kind === "Out of Memory") return new StorageError(first, { cause: error, hint: "filter by market or date" });
  const place = /LINE \d+: (.*)/.exec(message)?.[1];
  const bindings = /Candidate bindings: (.*)/.exec(message)?.[1];
  const hint = bindings === undefined ? place : `did you mean ${bindings}?`;
  return new UsageError(first, { cause: error, ...(hint === undefined ? {} : { hint }) });
}
