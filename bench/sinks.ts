import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import { Projector } from "../src/project/projector.ts";
import { migrate } from "../src/sinks/postgres/migrate.ts";
import { Connection } from "../src/sinks/postgres/connection.ts";
import { startServer } from "../src/sinks/postgres/server.fixture.ts";
import { schemaStatements } from "../src/sinks/sqlite/ddl.ts";
import { type SinkRecipe, ThreadedSink } from "../src/sinks/threaded-sink.ts";
import { venues } from "../src/venues/index.ts";
import { median, writeFigures } from "./figures.ts";
import { recordRun, startServer as startSender } from "./record-run.ts";

/**
 * How fast databases take the rows of a journal, interpretation included, as a ratio to a bare loop in the same run: the
 * same book deltas, the same table with the same indexes, as many rows a transaction, nothing else to do.
 */
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    frames: { type: "string", default: "400000" },
    runs: { type: "string", default: "5" },
    write: { type: "boolean", default: false },
  },
});
const frames = Number(values.frames);
const LIMIT = 0.6;
/** Rows of a transaction of the bare loops: about as many as a batch of the projector has. */
const ROWS = 4_000;
const COLUMNS =
  "venue, market_id, outcome_id, ts, received_at, seq, epoch, side, price, size, change, venue_hash, recorder, frame, n";

interface Speed {
  readonly rows: number;
  readonly seconds: number;
}
const rate = ({ rows, seconds }: Speed): number => rows / seconds;

const sender = await startSender(200, frames);
const tape = (await recordRun(sender, 200, true)).tape ?? "";
sender.child.kill();
const home = mkdtempSync(join(tmpdir(), "foretape-bench-sinks-"));
await using server = await startServer({ durable: true });

/** Projects the whole journal into one sink. */
async function project(recipe: SinkRecipe): Promise<number> {
  await using projector = await Projector.open({
    tape,
    name: "main",
    venues,
    sinks: (instruments) => [new ThreadedSink(recipe, instruments)],
  });
  const startedAt = performance.now();
  await projector?.run({ follow: false, signal: new AbortController().signal });
  return (performance.now() - startedAt) / 1000;
}

async function client(database: string): Promise<Client> {
  const made = new Client({ connectionString: server.url(database) });
  await made.connect();
  await made.query("SET search_path = foretape");
  return made;
}

async function postgresSink(): Promise<Speed & { readonly database: string }> {
  const database = await server.create();
  const seconds = await project({ type: "postgres", url: server.url(database), tables: "all" });
  const [row] = await server.rows(database, `SELECT ${countAll()} AS rows`);
  return { rows: Number(row?.["rows"]), seconds, database };
}

/** All rows: those of the book tables are all that this journal makes in number. */
const countAll = (): string =>
  "(SELECT count(*) FROM foretape.orderbook_deltas) + (SELECT count(*) FROM foretape.orderbook_snapshots)";

/** The deltas of a database as COPY's text, so many rows a piece. */
async function deltasOf(database: string): Promise<string[]> {
  const reader = await client(database);
  const chunks: Buffer[] = [];
  const out = reader.query(copyTo(`COPY (SELECT ${COLUMNS}, date FROM orderbook_deltas ORDER BY frame) TO STDOUT`));
  for await (const chunk of out) chunks.push(chunk as Buffer);
  await reader.end();
  const lines = Buffer.concat(chunks).toString("utf8").trimEnd().split("\n");
  const pieces: string[] = [];
  for (let at = 0; at < lines.length; at += ROWS) pieces.push(`${lines.slice(at, at + ROWS).join("\n")}\n`);
  return pieces;
}

async function bareCopy(pieces: readonly string[], rows: number): Promise<Speed> {
  const database = await server.create();
  {
    await using connection = await Connection.open(server.url(database));
    await migrate(connection, { publicRead: false });
  }
  const writer = await client(database);
  const days = new Set(pieces.map((piece) => piece.slice(piece.lastIndexOf("\t") + 1).trim()));
  for (const day of days) await writer.query(`SELECT ensure_partition('orderbook_deltas', '${day}')`);
  const startedAt = performance.now();
  for (const piece of pieces) {
    await writer.query("BEGIN");
    const into = writer.query(copyFrom(`COPY orderbook_deltas (${COLUMNS}, date) FROM STDIN`));
    await pipeline(Readable.from([piece]), into);
    await writer.query("COMMIT");
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await writer.end();
  return { rows, seconds };
}

async function sqliteSink(path: string): Promise<Speed> {
  const seconds = await project({ type: "sqlite", path, tables: "all" });
  using database = new DatabaseSync(path, { readOnly: true });
  const count = (table: string): number =>
    Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"] ?? 0);
  return { rows: count("orderbook_deltas") + count("orderbook_snapshots"), seconds };
}

function bareInserts(from: string, path: string): Speed {
  using source = new DatabaseSync(from, { readOnly: true });
  const rows = source
    .prepare(`SELECT ${COLUMNS} FROM orderbook_deltas ORDER BY frame`)
    .all()
    .map((row) => Object.values(row) as SQLInputValue[]);
  using database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536");
  for (const statement of schemaStatements) database.exec(statement);
  const insert = database.prepare(
    `INSERT INTO orderbook_deltas (${COLUMNS}) VALUES (${COLUMNS.split(", ")
      .map(() => "?")
      .join(", ")})`,
  );
  const startedAt = performance.now();
  for (let at = 0; at < rows.length; at += ROWS) {
    database.exec("BEGIN IMMEDIATE");
    for (const row of rows.slice(at, at + ROWS)) insert.run(...row);
    database.exec("COMMIT");
  }
  return { rows: rows.length, seconds: (performance.now() - startedAt) / 1000 };
}

try {
  const speeds = { postgres: [] as Speed[], copy: [] as Speed[], sqlite: [] as Speed[], inserts: [] as Speed[] };
  let bytes = { postgres: Number.NaN, sqlite: Number.NaN };
  for (let run = 0; run < Number(values.runs); run++) {
    const filled = await postgresSink();
    speeds.postgres.push(filled);
    const [size] = await server.rows(
      filled.database,
      `SELECT sum(pg_total_relation_size(inhrelid))::float8 / (SELECT count(*) FROM foretape.orderbook_deltas) AS bytes
       FROM pg_inherits WHERE inhparent = 'foretape.orderbook_deltas'::regclass`,
    );
    const pieces = await deltasOf(filled.database);
    const [count] = await server.rows(filled.database, "SELECT count(*) AS n FROM foretape.orderbook_deltas");
    speeds.copy.push(await bareCopy(pieces, Number(count?.["n"])));
    const path = join(home, `${run}.sqlite`);
    const sqlite = await sqliteSink(path);
    speeds.sqlite.push(sqlite);
    bytes = { postgres: Number(size?.["bytes"]), sqlite: statSync(path).size / sqlite.rows };
    speeds.inserts.push(bareInserts(path, join(home, `${run}-bare.sqlite`)));
    const last = (name: keyof typeof speeds): number => Math.round(rate(speeds[name].at(-1)!));
    console.error(
      `postgres ${last("postgres")} of ${last("copy")}, sqlite ${last("sqlite")} of ${last("inserts")} rows/s`,
    );
  }
  const lines = [
    `${frames.toLocaleString("en")} frames of 200 markets, all tables, median of ${values.runs}, sink and bare loop in turn; PostgreSQL 18 with fsync.`,
    "",
    "| | rows/s | bare loop, rows/s | ratio | bytes a book delta, indexes included |",
    "|---|---|---|---|---|",
  ];
  const failed: string[] = [];
  for (const [name, sink, bare, size] of [
    ["PostgreSQL (`COPY`)", speeds.postgres, speeds.copy, bytes.postgres],
    ["SQLite (inserts)", speeds.sqlite, speeds.inserts, bytes.sqlite],
  ] as const) {
    const ratios = sink.map((each, i) => rate(each) / rate(bare[i]!));
    const ratio = median(ratios);
    lines.push(
      `| ${name} | ${Math.round(median(sink.map(rate))).toLocaleString("en")} | ${Math.round(median(bare.map(rate))).toLocaleString("en")} | **${ratio.toFixed(2)}** (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) | ${size.toFixed(0)} |`,
    );
    if (ratio < LIMIT) failed.push(`${name}: ${ratio.toFixed(2)} < ${LIMIT}`);
  }
  lines.push(
    "",
    failed.length === 0 ? "Both are within their limit, 0.6." : `Outside their limits: ${failed.join("; ")}.`,
  );
  for (const line of lines) console.log(line);
  if (values.write) writeFigures("sinks", "Databases", lines);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  rmSync(home, { recursive: true, force: true });
  rmSync(dirname(tape), { recursive: true, force: true });
}
