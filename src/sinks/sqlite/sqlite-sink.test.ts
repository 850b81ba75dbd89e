import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import type { Levels } from "../../model/events.ts";
import { parseMillionths, parseSpot } from "../../model/decimal.ts";
import { Instruments } from "../../model/instrument.ts";
import { parseTime } from "../../model/time.ts";
import { StorageError } from "../../ops/errors.ts";
import { TableBuffer } from "../../tables/buffer.ts";
import * as schema from "../../tables/schema.ts";
import { type Destination, type PlainRow, testDatabaseSink } from "../conformance.ts";
import type { DatabaseSink, JournalIdentity, RowBatch } from "../sink.ts";
import { sqliteSinkConfig } from "./config.ts";
import { Database, type SqlRow } from "./database.ts";
import { APPLICATION_ID, SCHEMA_VERSION, storedName } from "./ddl.ts";
import { interpretedRanges } from "./interpreted.ts";
import { SqliteSink } from "./sqlite-sink.ts";

const dir = mkdtempSync(join(tmpdir(), "foretape-sqlite-"));
after(() => rmSync(dir, { recursive: true }));
let files = 0;
const newPath = (): string => join(dir, `${++files}.sqlite`);

testDatabaseSink("sqlite", (): Destination<DatabaseSink> => {
  const path = newPath();
  return {
    sink: () => new SqliteSink({ path, tables: "all" }),
    rows: async (table) => {
      using database = new Database(path, APPLICATION_ID);
      return database
        .all(`SELECT * FROM "${storedName(table)}" ORDER BY recorder, frame, n`)
        .map((row) => plain(table, row));
    },
  };
});

function plain(table: schema.Table, row: SqlRow): PlainRow {
  return Object.fromEntries(
    table.columns.map(({ name, type }): [string, number | string | null | Levels] => {
      const value = row[name] as number | string | null;
      if (value === null) return [name, null];
      if (["price", "size", "usd", "strike"].includes(type)) return [name, Math.round(Number(value) * 1e6)];
      if (type === "spot") return [name, parseSpot(Number(value).toFixed(8))];
      if (type === "timestamp") return [name, parseTime(`${value}Z`)];
      if (type !== "levels") return [name, value];
      const levels = JSON.parse(String(value)) as { price: number; size: number }[];
      const exact = (n: number): number => parseMillionths(String(n)) ?? Number.NaN;
      return [name, { prices: levels.map((l) => exact(l.price)), sizes: levels.map((l) => exact(l.size)) }];
    }),
  );
}

const instruments = new Instruments();
const main: JournalIdentity = { journal: "a".repeat(32), name: "main", recorder: 1, host: "h", since: 0 };

/** A batch of trades, as `[frame, trade_id, source]`. */
function trades(firstFrame: number, lastFrame: number, rows: readonly [number, string, string][]): RowBatch {
  const buffer = new TableBuffer(schema.trades);
  for (const [frame, tradeId, source] of rows) {
    const row = buffer.add(instruments.get("kalshi", "KX-A", "yes"), 0, frame, 0);
    for (const column of buffer.columns) if (column.kind === "number") column.values[row] = Number.NaN;
    buffer.text("trade_id").values[row] = tradeId;
    buffer.text("source").values[row] = source;
    buffer.number("received_at").values[row] = 1_795_000_000_000_000 + frame;
  }
  return { segment: 1, firstFrame, lastFrame, lastCrc: lastFrame, tables: [buffer], interpreter: 1, last: false };
}

function query(path: string, sql: string): SqlRow[] {
  using database = new Database(path, APPLICATION_ID);
  return database.all(sql).map((row) => ({ ...row }));
}

test("the plain name shows one row per natural key: stream before history, then the latest", async () => {
  const path = newPath();
  {
    await using sink = new SqliteSink({ path, tables: "default" });
    await sink.open(main);
    await sink.write(
      trades(1, 9, [
        [1, "x", "stream"],
        [2, "x", "history"],
        [3, "y", "history"],
        [4, "y", "history"],
        [5, "x", "stream"],
        [6, "x", "history"],
      ]),
    );
  }
  assert.deepEqual(query(path, "SELECT trade_id, frame, received_at FROM trades ORDER BY trade_id"), [
    { trade_id: "x", frame: 5, received_at: "2026-11-18 11:06:40.000005" },
    { trade_id: "y", frame: 4, received_at: "2026-11-18 11:06:40.000004" },
  ]);
  assert.equal(query(path, "SELECT * FROM trades_history").length, 6);
  for (const table of schema.tables) {
    const { name, naturalKey } = table;
    if (naturalKey === null) continue;
    const column = schema.marketColumn(table);
    const plan = query(path, `EXPLAIN QUERY PLAN SELECT * FROM ${name} WHERE ${column} = 'KX-A'`);
    const steps = plan.map(({ detail }) => String(detail)).join("\n");
    assert.match(steps, new RegExp(`SEARCH this USING INDEX ${name}_history_by_market`));
    assert.match(steps, new RegExp(`SEARCH other USING (COVERING )?INDEX ${name}_history_by_key`));
    assert.doesNotMatch(steps, /TEMP B-TREE/, `the best row of ${name} is found in the index`);
  }
});

test("two writers of one recorder: the second is told, and nothing of its batch is there", async () => {
  const path = newPath();
  await using one = new SqliteSink({ path, tables: "default" });
  await using two = new SqliteSink({ path, tables: "default" });
  await one.open(main);
  await two.open(main);
  await one.write(trades(1, 2, [[1, "x", "stream"]]));
  await assert.rejects(two.write(trades(1, 3, [[3, "z", "stream"]])), /was moved by another process/);
  await one.write(trades(3, 4, [[3, "y", "stream"]]));
  assert.deepEqual(query(path, "SELECT trade_id FROM trades ORDER BY frame"), [{ trade_id: "x" }, { trade_id: "y" }]);
});

test("a key that is there already fails loudly and takes the whole batch back", async () => {
  const path = newPath();
  await using sink = new SqliteSink({ path, tables: "default" });
  await sink.open(main);
  await assert.rejects(
    sink.write(
      trades(1, 2, [
        [1, "x", "stream"],
        [1, "y", "stream"],
      ]),
    ),
    /UNIQUE constraint failed/,
  );
  assert.deepEqual(query(path, "SELECT * FROM trades"), []);
  await sink.write(trades(1, 2, [[1, "x", "stream"]]));
});

test("frames that were never given are not jumped over", async () => {
  await using sink = new SqliteSink({ path: newPath(), tables: "default" });
  await sink.open(main);
  await sink.write(trades(5, 9, []));
  await assert.rejects(sink.write(trades(11, 12, [])), /has rows up to frame 9 and cannot go on at frame 11/);
  await sink.write(trades(10, 12, []));
});

test("a batch that begins before the checkpoint is taken from behind it", async () => {
  const path = newPath();
  await using sink = new SqliteSink({ path, tables: "default" });
  await sink.open(main);
  await sink.write(trades(1, 2, [[2, "x", "stream"]]));
  await sink.write(
    trades(2, 3, [
      [2, "x", "stream"],
      [3, "y", "stream"],
    ]),
  );
  assert.deepEqual(query(path, "SELECT frame FROM trades ORDER BY frame"), [{ frame: 2 }, { frame: 3 }]);
});

test("several recorders share a database", async () => {
  const path = newPath();
  for (const recorder of [1, 2]) {
    await using sink = new SqliteSink({ path, tables: "default" });
    await sink.open({ ...main, recorder, journal: String(recorder).repeat(32) });
    await sink.write(trades(1, 2, [[1, "x", recorder === 1 ? "stream" : "history"]]));
  }
  assert.deepEqual(query(path, "SELECT recorder FROM trades"), [{ recorder: 1 }]);
  assert.deepEqual(query(path, "SELECT recorder, frame, crc FROM checkpoints"), [
    { recorder: 1, frame: 2, crc: 2 },
    { recorder: 2, frame: 2, crc: 2 },
  ]);
});

test("each range of frames names the interpreter that made it", async () => {
  const path = newPath();
  const ranges = (): unknown => {
    using database = new Database(path, APPLICATION_ID);
    return interpretedRanges(database, 1).map((range) => [range.firstFrame, range.lastFrame, range.interpreter]);
  };
  await using sink = new SqliteSink({ path, tables: "default" });
  await sink.open(main);
  await sink.write(trades(1, 10, []));
  await sink.write(trades(11, 20, []));
  assert.deepEqual(ranges(), [[1, 20, 1]]);
  await sink.beginReplace({ firstFrame: 6, lastFrame: 12 });
  await sink.write({ ...trades(1, 8, []), interpreter: 2 });
  await sink.write({ ...trades(9, 15, []), interpreter: 2, last: true });
  await sink.endReplace();
  assert.deepEqual(ranges(), [
    [1, 5, 1],
    [6, 12, 2],
    [13, 20, 1],
  ]);
  await sink.beginReplace({ firstFrame: 1, lastFrame: 20 });
  await sink.write({ ...trades(1, 20, []), interpreter: 2, last: true });
  await sink.endReplace();
  assert.deepEqual(ranges(), [[1, 20, 2]]);
});

test("a replay into an empty database is its beginning, and recording goes on behind it", async () => {
  const path = newPath();
  await using sink = new SqliteSink({ path, tables: "default" });
  await sink.open(main);
  await sink.beginReplace({ firstFrame: 5, lastFrame: 6 });
  await sink.write({ ...trades(5, 6, [[5, "x", "stream"]]), last: true });
  await sink.endReplace();
  await sink.write(trades(7, 8, [[7, "y", "stream"]]));
  assert.deepEqual(query(path, "SELECT frame FROM trades ORDER BY frame"), [{ frame: 5 }, { frame: 7 }]);
  assert.deepEqual(query(path, "SELECT frame FROM checkpoints"), [{ frame: 8 }]);
});

test("files that are not ours, too new or no database are refused and left alone", async () => {
  const refuses = async (path: string, message: RegExp, exitCode: number): Promise<void> => {
    await using sink = new SqliteSink({ path, tables: "default" });
    await assert.rejects(
      () => sink.open(main),
      (error) => error instanceof StorageError && message.test(error.message) && error.exitCode === exitCode,
    );
  };
  const foreign = newPath();
  {
    using database = new Database(foreign, 0);
    database.run("CREATE TABLE trades (a)");
  }
  await refuses(foreign, /is a database of another program/, 1);
  const newer = newPath();
  {
    await using sink = new SqliteSink({ path: newer, tables: "default" });
    await sink.open(main);
    using database = new Database(newer, APPLICATION_ID);
    database.run("UPDATE schema_version SET version = 999");
  }
  await refuses(newer, /schema version 999, newer than this program's/, 2);
  const text = newPath();
  writeFileSync(text, "market,price\n".repeat(100));
  await refuses(text, /file is not a database/, 1);
  await refuses(join(text, "below", "a.sqlite"), /not a directory|ENOTDIR|unable to open/i, 1);
});

test("kill -9 while rows are written leaves exactly the rows up to the checkpoint", { timeout: 60_000 }, async () => {
  const path = newPath();
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const writer = `
    const { SqliteSink } = await import(${url("./sqlite-sink.ts")});
    const { TableBuffer } = await import(${url("../../tables/buffer.ts")});
    const { quarantine } = await import(${url("../../tables/schema.ts")});
    const sink = new SqliteSink({ path: ${JSON.stringify(path)}, tables: "default" });
    let frame = (await sink.open(${JSON.stringify(main)}))?.frame ?? 0;
    for (;;) {
      const firstFrame = frame + 1;
      const buffer = new TableBuffer(quarantine);
      for (let i = 0; i < 50; i++) buffer.add(null, 0, ++frame, 0);
      await sink.write({ segment: 1, firstFrame, lastFrame: frame, lastCrc: 1, tables: [buffer], interpreter: 1, last: false });
      console.log(frame);
    }`;
  for (const lines of [1, 7, 40]) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", writer], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    let said = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      said = Number(line);
      if (said % (lines * 50) === 0) child.kill("SIGKILL");
    }
    assert.deepEqual(await exited, [null, "SIGKILL"]);
    const [row] = query(
      path,
      "SELECT count(*) AS rows, max(q.frame) AS last, c.frame FROM quarantine q, checkpoints c",
    );
    assert.equal(row?.["rows"], row?.["frame"]);
    assert.equal(row?.["last"], row?.["frame"]);
    assert.ok(Number(row?.["frame"]) >= said, "what was said to be written is there");
  }
});

test("tables that are not selected stay empty", async () => {
  const config = sqliteSinkConfig.parse({ type: "sqlite", path: "x", tables: ["gaps"] });
  assert.equal(sqliteSinkConfig.parse({ type: "sqlite", path: "x" }).tables, "default");
  assert.throws(() => sqliteSinkConfig.parse({ type: "sqlite", path: "x", tables: ["nonsense"] }));
  const path = newPath();
  await using sink = new SqliteSink({ path, tables: config.tables });
  await sink.open(main);
  await sink.write(trades(1, 2, [[1, "x", "stream"]]));
  assert.deepEqual(query(path, "SELECT * FROM trades"), []);
});

test("a database of an older version gets the tables that came since, and keeps what it has", async () => {
  const path = newPath();
  {
    await using sink = new SqliteSink({ path, tables: "all" });
    await sink.open(main);
    await sink.write(trades(1, 2, [[1, "x", "stream"]]));
    await sink.flush();
  }
  {
    using database = new Database(path, APPLICATION_ID);
    database.run("DROP TABLE spot_ticks; DROP VIEW spot_trades; DROP TABLE spot_trades_history");
    database.run("DROP VIEW seed3_contracts; DROP VIEW seed3_quotes; CREATE VIEW seed3_quotes AS SELECT 1 AS old");
    database.run("UPDATE schema_version SET version = 1");
  }
  await using sink = new SqliteSink({ path, tables: "all" });
  assert.equal((await sink.open(main))?.frame, 2);
  assert.deepEqual(query(path, "SELECT count(*) AS n FROM trades"), [{ n: 1 }]);
  assert.deepEqual(query(path, "SELECT count(*) AS n FROM spot_trades"), [{ n: 0 }]);
  assert.deepEqual(
    query(path, "SELECT count(c.lower) + count(q.yes_bid) AS n FROM seed3_contracts c, seed3_quotes q"),
    [{ n: 0 }],
  );
  assert.deepEqual(query(path, "SELECT version FROM schema_version"), [{ version: SCHEMA_VERSION }]);
});
