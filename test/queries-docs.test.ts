import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { tables } from "../src/tables/schema.ts";
import { startServer } from "../src/sinks/postgres/server.fixture.ts";
import { duckdbEngine, type Engine, postgresEngine, sqliteEngine } from "./analysis-engines.ts";
import { prints, recordAnalysisTape, T95000, T96000 } from "./analysis-tape.ts";
import { readProjectFile } from "./generated-docs.ts";

const page = readProjectFile("docs/queries.md");

/** The page's questions: text by engine, "" where all run the same. */
const questions = page
  .split(/^## (?=\d+\. )/m)
  .slice(1)
  .map((section) => ({
    title: section.slice(0, section.indexOf("\n")),
    texts: new Map(
      [...section.matchAll(/^```sql ?(\w*)\n(.*?)^```/gms)].map(([, engine = "", sql = ""]) => [engine, sql]),
    ),
  }));

function textFor(texts: ReadonlyMap<string, string>, engine: string): string {
  return texts.get(engine) ?? texts.get("") ?? assert.fail(`no SQL for ${engine}`);
}

const days = /^```sql days\n(.*?)^```/ms.exec(page)?.[1] ?? "";

describe("docs/queries.md", async () => {
  const server = await startServer();
  const url = server.url(await server.create());
  const dir = mkdtempSync(join(tmpdir(), "foretape-queries-"));
  const tape = join(dir, "tape");
  const engines: readonly Engine[] = [duckdbEngine(tape), sqliteEngine(join(dir, "rows.sqlite")), postgresEngine(url)];
  const answers: unknown[][][] = [];

  before(() => recordAnalysisTape(tape, join(dir, "rows.sqlite"), url));
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  for (const [i, { title, texts }] of questions.entries()) {
    it(`${title}: the same answer from every engine`, async () => {
      const [expected = [], ...others] = await Promise.all(engines.map(({ name, rows }) => rows(textFor(texts, name))));
      assert.ok(expected.length > 0, "an answer without rows proves nothing");
      for (const [at, rows] of others.entries()) assert.deepEqual(rows, expected, engines[at + 1]?.name ?? "");
      answers[i] = expected;
    });
  }

  it("has ten questions", () => assert.equal(questions.length, 10));

  it("the last tick is the one that arrived last", () => {
    assert.deepEqual(
      answers[0]?.map((row) => [row[0], ...row.slice(2, 6)]),
      [
        [T95000, "2026-11-21 16:08:00.000000", 0.45, 0.47, 0.46],
        [T96000, "2026-11-21 16:08:01.000000", 0.12, 0.13, 0.125],
      ],
    );
  });

  it("the trades of a range are the prints of that hour", () => {
    const expected = prints.filter(({ at, market }) => market === T95000 && at.startsWith("2026-11-21T16"));
    assert.deepEqual(
      answers[1]?.map(([, price, size]) => [price, size]),
      expected.map(({ price, size }) => [Number(price), Number(size)]),
    );
  });

  it("the book at an instant has the changes before it and none after", () => {
    assert.deepEqual(answers[2], [
      ["ask", 0.48, 11],
      ["ask", 0.46, 15],
      ["bid", 0.44, 15],
    ]);
  });

  it("bars begin at whole five minutes", () => {
    assert.deepEqual(answers[3], [
      ["2026-11-21 16:00", 0.45, 0.47, 0.42, 0.47, 17.5, 3],
      ["2026-11-21 16:05", 0.46, 0.46, 0.46, 0.46, 100, 1],
      ["2026-11-21 17:30", 0.91, 0.91, 0.91, 0.91, 1, 1],
    ]);
  });

  it("what settles has its strike and result", () => {
    assert.deepEqual(
      answers[4]?.map((row) => [row[0], row[4], ...row.slice(7)]),
      [
        [T95000, 95_000, "settled", "yes", 1],
        [T96000, 96_000, "settled", "no", 0],
      ],
    );
  });

  it("the gap of the day is the delta that is missing", () => {
    assert.deepEqual(
      answers[5]?.filter((row) => row[3] === "sequence").map((row) => row.slice(0, 6)),
      [["kalshi", null, "orderbook_delta", "sequence", "proven", "2026-11-21 16:04:30.000000"]],
    );
  });

  it("spreads are those of the series' ticks of the day", () => {
    assert.deepEqual(answers[6], [
      [0.01, 2],
      [0.02, 1],
    ]);
  });

  it("sums are those of the prints", () => {
    const day = prints.filter(({ at }) => at.startsWith("2026-11-21"));
    const worth = ({ price, size }: { price: string; size: string }) => Number(price) * Number(size);
    assert.deepEqual(
      answers[7]?.map((row) => Number(row[5])),
      day
        .map(worth)
        .sort((a, b) => b - a)
        .slice(0, 5)
        .map((value) => Number(value.toFixed(6))),
    );
    const hours = answers[8]?.map(([, hour, contracts, , count]) => [hour, contracts, count]);
    assert.deepEqual(hours, [
      ["2026-11-21 16", 160.5, 6],
      ["2026-11-21 17", 1, 1],
      ["2026-11-21 17", 4, 1],
    ]);
  });

  it("rows by day are those of every table", async () => {
    const text = questions[9]?.texts.get("") ?? "";
    for (const { name } of tables) assert.match(text, new RegExp(`'${name}'`));
    const trades = answers[9]?.filter(([name]) => name === "trades");
    assert.deepEqual(trades, [
      ["trades", "2026-11-20", 1],
      ["trades", "2026-11-21", 8],
    ]);
  });

  it("what is asked of a few markets, SQLite finds in its indexes", async () => {
    const [, sqlite] = engines;
    const asked = questions.slice(0, 4).map(({ title, texts }) => [title, textFor(texts, "sqlite")] as const);
    const plain = "SELECT * FROM trades WHERE venue = 'kalshi' AND market_id = 'X'";
    for (const [title, sql] of [...asked, ["a market's trades", plain] as const]) {
      const plan = (await sqlite?.rows(`EXPLAIN QUERY PLAN ${sql}`)) ?? [];
      const steps = plan.map((row) => String(row.at(-1)));
      assert.ok(
        steps.some((step) => /^SEARCH .*_by_market/.test(step)),
        `${title}\n${steps.join("\n")}`,
      );
      const scanned = steps.filter((step) => /^SCAN (this|[mtsd]|orderbook_\w+|market_\w+)\b/.test(step));
      assert.deepEqual(scanned, [], title);
    }
  });

  it("in front of a question, the days leave the answer and the other files alone", async () => {
    const [duckdb] = engines;
    for (const [i, { texts }] of questions.entries()) {
      const sql = texts.get("");
      if (duckdb === undefined || sql === undefined || !sql.startsWith("SELECT") || i === 9) continue;
      assert.deepEqual(await duckdb.rows(`${days}${sql}`), answers[i], questions[i]?.title ?? "");
    }
    const plan = await duckdb?.rows(`EXPLAIN ANALYZE ${days}${questions[8]?.texts.get("")}`);
    assert.match(plan?.flat().join("\n") ?? "", /Scanning Files: 2\/3/);
  });
});
