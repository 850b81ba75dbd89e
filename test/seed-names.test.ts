import assert from "node:assert/strict";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { DatabaseSync } from "node:sqlite";
import { duckdb } from "../src/seeds/duckdb.ts";
import { seeds } from "../src/seeds/index.ts";
import { postgres } from "../src/seeds/postgres.ts";
import { sqlite } from "../src/seeds/sqlite.ts";
import { startServer } from "../src/sinks/postgres/server.fixture.ts";
import { duckdbEngine, type Engine, postgresEngine, sqliteEngine } from "./analysis-engines.ts";
import { GAME, prints, recordAnalysisTape, T95000, TOKENS } from "./analysis-tape.ts";
import { readProjectFile } from "./generated-docs.ts";

const DESCRIPTIONS = join(import.meta.dirname, "../../shared/seeds");
const page = readProjectFile("docs/coming-from-a-seed.md");
const temporaryViews = /^```sql sqlite\n(.*?)^```/ms.exec(page)?.[1] ?? "";

/** SQL statements that stand in a description: its SQL blocks, and statements in sentences. */
function statementsIn(description: string): string[] {
  const blocks = [...description.matchAll(/^```sql\n(.*?)^```/gms)].flatMap(([, block = ""]) => statements(block));
  return [...blocks, ...[...description.matchAll(/`(SELECT [^`]+)`/g)].map(([, text = ""]) => text)];
}

function statements(text: string): string[] {
  return (text.match(/[^;]+;/g) ?? []).map((statement) => statement.trim());
}

/** The printed queries, by schema. */
const printed = new Map(
  globSync("test/fixtures/seeds/*.sql", { cwd: join(import.meta.dirname, "..") }).map((path) => [
    basename(path, ".sql"),
    statements(readProjectFile(path)),
  ]),
);

/** Makes a seed's names plain ones of the connection, as the page says. */
const plainNames = (schema: string) => (database: DatabaseSync) => {
  for (const row of database.prepare(temporaryViews.replace("seed5", schema)).all()) {
    database.exec(String(Object.values(row)[0]));
  }
};

const sorted = (rows: readonly unknown[][]) => rows.map((row) => JSON.stringify(row)).sort();

describe("the seeds' names", async () => {
  const server = await startServer();
  const url = server.url(await server.create());
  const dir = mkdtempSync(join(tmpdir(), "foretape-seeds-"));
  const tape = join(dir, "tape");
  const file = join(dir, "rows.sqlite");
  const enginesOf = (schema: string): readonly Engine[] => [
    duckdbEngine(tape, schema),
    sqliteEngine(file, plainNames(schema)),
    postgresEngine(url, schema),
  ];
  const query = (sql: string, schema?: string) => duckdbEngine(tape, schema).rows(sql);

  before(() => recordAnalysisTape(tape, file, url));
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  it("the copies of the printed queries are all that the descriptions print", (t) => {
    if (!existsSync(DESCRIPTIONS)) return t.skip("the seeds' descriptions are not beside the project");
    for (const { schema } of seeds) {
      const [path] = globSync(join(DESCRIPTIONS, `${schema.slice(4)}-*.md`));
      assert.deepEqual(statementsIn(readFileSync(path ?? "", "utf8")), printed.get(schema) ?? [], schema);
    }
  });

  for (const [schema, queries] of printed) {
    for (const sql of queries) {
      it(`${schema}: ${sql.replaceAll(/\s+/g, " ")}`, async () => {
        const asked = [sql, sql.replace("YOUR-MARKET-TICKER", T95000)];
        for (const [i, text] of asked.entries()) {
          const [expected = [], ...others] = await Promise.all(enginesOf(schema).map(({ rows }) => rows(text)));
          const isEmpty = sql.includes("market_candles") || (i === 0 && sql !== asked[1]);
          assert.equal(expected.length > 0, !isEmpty, `${expected.length} rows`);
          for (const rows of others) assert.deepEqual(sorted(rows), sorted(expected));
        }
      });
    }
  }

  it("every view has the same rows in SQLite and in PostgreSQL as in DuckDB", async () => {
    for (const { schema, views } of seeds) {
      const [left, ...others] = enginesOf(schema);
      const filled: string[] = [];
      for (const { name, from, columns } of views(duckdb)) {
        const rows = (await left?.rows(`SELECT * FROM ${name}`)) ?? [];
        if (rows.length > 0) filled.push(name);
        assert.equal(rows.length > 0, from !== null, `${schema}.${name} has ${rows.length} rows`);
        for (const row of rows) assert.equal(row.length, columns.length);
        for (const other of others)
          assert.deepEqual(
            sorted(await other.rows(`SELECT * FROM ${name}`)),
            sorted(rows),
            `${schema}.${name} in ${other.name}`,
          );
      }
      assert.ok(filled.length > 1);
    }
  });

  it("no column is there twice, nor is another column there in another dialect", () => {
    for (const { views } of seeds) {
      const [expected, ...others] = [duckdb, sqlite, postgres].map((dialect) =>
        views(dialect).map(({ name, columns }) => [name, ...columns.map((column) => column.name)]),
      );
      for (const names of expected ?? []) assert.equal(new Set(names.slice(1)).size, names.length - 1, names[0] ?? "");
      for (const other of others) assert.deepEqual(other, expected);
    }
  });

  it("what is no number in a venue's own words is null, not 0", async () => {
    const raw = `'{"a":"12.50","b":"n/a","c":true,"d":"maybe","e":7,"f":""}'`;
    const fields = [
      ["a", "real", 12.5],
      ["b", "real", null],
      ["c", "boolean", 1],
      ["d", "boolean", null],
      ["e", "integer", 7],
      ["f", "integer", null],
      ["g", "real", null],
    ] as const;
    const [left, middle, right] = enginesOf("seed1");
    for (const [engine, dialect] of [
      [left, duckdb],
      [middle, sqlite],
      [right, postgres],
    ] as const) {
      const list = fields.map(([key, type]) => dialect.field("t.raw", key, type));
      const rows = await engine?.rows(`SELECT ${list.join(", ")} FROM (SELECT ${raw} AS raw) AS t`);
      assert.deepEqual(rows, [fields.map(([, , value]) => value)], engine?.name ?? "");
    }
  });

  it("a view without rows has its columns", async () => {
    const described = await query("DESCRIBE seed3.opportunities");
    assert.deepEqual(described[0]?.slice(0, 2), ["ts_eval", "BIGINT"]);
    assert.equal(described.length, 20);
  });

  it("levels are rows of a side, in cents of that side", async () => {
    const levels = await query(
      `SELECT side, price_cents, quantity FROM seed2.orderbook_snapshots
       WHERE market_ticker = '${T95000}' AND snapshot_ts = '2026-11-21 16:00:00' ORDER BY side, price_cents`,
    );
    assert.deepEqual(levels, [
      ["no", 54, 15],
      ["yes", 43, 8],
      ["yes", 44, 20],
    ]);
  });

  it("books are JSON, best first, dollars as text, times in milliseconds", async () => {
    const sql = `SELECT asset_id, timestamp, bids, asks, spread, bid_depth FROM seed4.orderbook_snapshots
      WHERE market IN ('${T95000}', '${GAME}') ORDER BY timestamp`;
    const [kalshi, , polymarket] = await query(sql);
    assert.deepEqual(kalshi?.slice(0, 2), [T95000, Date.parse("2026-11-21T16:00:00Z")]);
    assert.deepEqual(JSON.parse(String(kalshi?.[2])), [
      { price: "0.44", size: "20" },
      { price: "0.43", size: "8" },
    ]);
    assert.deepEqual(kalshi?.slice(3), ['[{"price":"0.46","size":"15"}]', 0.02, 28]);
    assert.deepEqual([polymarket?.[0], polymarket?.[3]], [Number(TOKENS[0]), '[{"price":"0.26","size":"12.5"}]']);
  });

  it("a price finer than a cent keeps its fraction, and NO is the other side of YES", async () => {
    const sql = `SELECT yes_bid, yes_ask, no_bid, no_ask, p_mid FROM seed3.quotes WHERE ts = ${Date.parse("2026-11-21T16:08:01Z") / 1000}`;
    assert.deepEqual(await query(sql), [[12, 13, 87, 88, 0.125]]);
    const trades = await query("SELECT price, side, taker_side FROM seed1.trades WHERE size = 40");
    assert.deepEqual(trades, [[12.5, "no", "sell"]]);
  });

  it("a contract has its strike, its horizon and its outcome", async () => {
    const sql = `SELECT lower, upper, close_ts, expected_expiration_ts, outcome FROM seed3.contracts WHERE ticker = '${T95000}'`;
    const seconds = (time: string) => Date.parse(time) / 1000;
    const [expected] = [[95_000, null, seconds("2026-11-21T22:00:00Z"), seconds("2026-11-21T22:05:00Z"), 1]];
    assert.deepEqual(await query(sql), [expected]);
  });

  it("the leader of an event is the outcome with the highest middle", async () => {
    const sql = "SELECT event_ticker, leader_market_ticker, leader_implied_yes_mid FROM seed5.event_leader_latest";
    assert.deepEqual((await query(`${sql} ORDER BY 1`))[0], ["KXBTCD-26NOV2117", T95000, 0.46]);
  });

  it("a listener that shares its markets has a row of its own", async () => {
    const names = await query("SELECT name, is_active FROM seed4.listeners ORDER BY name");
    assert.deepEqual(names, [
      ["btc", 1],
      ["everything", 1],
      ["nba", 1],
      ["weather", 1],
    ]);
  });

  it("a chosen schema's names come first, and Foretape's own mean what they meant", async () => {
    const [count] = await query("SELECT count(platform), (SELECT count(venue) FROM main.trades) FROM trades", "seed4");
    assert.deepEqual(count, [prints.length, prints.length]);
    const coverage = "SELECT venue, channel, state, count(*) FROM coverage GROUP BY ALL ORDER BY ALL";
    assert.deepEqual(await query(coverage, "seed4"), await query(coverage));
    const both = "SELECT count(*) FROM seed3.contracts JOIN seed5.markets USING (ticker)";
    assert.deepEqual(await query(both), [[3]]);
  });

  it("views are made only where SQL names their schema; all of them where it names no view", async () => {
    const listed = "SELECT table_schema FROM information_schema.tables WHERE table_schema LIKE 'seed%'";
    assert.deepEqual(await query(listed), []);
    const seed3 = seeds[2]?.views(duckdb).length ?? 0;
    assert.equal((await query(listed.replace("'seed%'", "'seed3'"))).length, seed3);
    assert.equal((await query(listed, "seed3")).length, seed3);
  });

  it("the page's commands run", async () => {
    const commands = [...page.matchAll(/^foretape query (?:--schema (\w+) )?"(.*)"$/gm)];
    assert.equal(commands.length, 3);
    for (const [, schema, sql = ""] of commands) assert.ok((await query(sql, schema)).length > 0, sql);
  });

  it("a wrong name is told with the schema's nearest, a wrong schema with all", async () => {
    await assert.rejects(query("SELECT 1", "seed6"), { exitCode: 2, hint: /^schemas are seed1, / });
    await assert.rejects(query("SELECT * FROM market_tick", "seed5"), {
      exitCode: 2,
      hint: "did you mean market_ticks?",
    });
    await assert.rejects(query("SELECT * FROM seed3.contract"), { exitCode: 2, hint: "did you mean contracts?" });
    await assert.rejects(query("SELECT * FROM seed3.zzzzzz"), {
      exitCode: 2,
      hint: /^tables of seed3 are spot_ticks, /,
    });
  });

  it("the documents name only what is there", () => {
    const known = new Set(seeds.flatMap(({ schema, views }) => views(sqlite).map(({ name }) => `${schema}.${name}`)));
    for (const path of ["README.md", ...globSync("docs/*.md", { cwd: join(import.meta.dirname, "..") })]) {
      for (const [, schema, name] of readProjectFile(path).matchAll(/\b(seed[1-5])[._](\w+)/g)) {
        assert.ok(known.has(`${schema}.${name}`), `${path} names ${schema}.${name}`);
      }
    }
  });
});
