import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { tables } from "../tables/schema.ts";
import { TapeQuery } from "./query.ts";
import { cellJson, csvLine } from "./result-text.ts";
import { viewNames } from "./tape-database.ts";
import { KalshiScript, openTestJournal, project, query, scratch } from "./tape.fixture.ts";

const DELTAS =
  "SELECT market_id, outcome_id, side, price, size, change, seq, frame, n, date FROM orderbook_deltas ORDER BY frame, n";

test("every table is there by name with its columns, empty ones too", async (t) => {
  const tape = scratch(t);
  for (const table of tables) {
    const described = await query(tape, `DESCRIBE ${table.name}`);
    assert.deepEqual(
      described.map(([name]) => name),
      [...table.columns.map(({ name }) => name), "date"],
    );
    assert.deepEqual(await query(tape, `SELECT count(*) FROM ${table.name}`), [["0"]]);
  }
  for (const name of viewNames) assert.deepEqual(await query(tape, `SELECT count(*) FROM ${name}`), [["0"]]);
});

test("rows of a journal that is being written are there, and the same once they are in files", async (t) => {
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]], [["0.5000", "3.00"]]);
  for (let i = 1; i <= 50; i++) script.delta(`0.${10 + (i % 30)}00`, "1.25");
  await journal.durable();
  const live = await query(tape, DELTAS);
  assert.equal(live.length, 50);
  assert.deepEqual(live[0]?.slice(0, 7), ["T", "yes", "bid", "0.110000", "1.250000", "1.250000", "2"]);

  script.delta("0.4000", "-10.00");
  await journal.durable();
  assert.equal((await query(tape, DELTAS)).length, 51);
  script.close();
  await journal.close();
  const before = await query(tape, DELTAS);
  await project(tape);
  assert.deepEqual(await query(tape, DELTAS), before);

  // The next run of the same journal: its first segment is in files, its second is not.
  const again = await openTestJournal(tape);
  const more = new KalshiScript(again);
  more.snapshot([["0.4000", "1.00"]]);
  more.delta("0.4000", "2.00");
  await again.durable();
  assert.equal((await query(tape, DELTAS)).length, 52);
  assert.deepEqual(await query(tape, `SELECT name, journal FROM recorders`), [["main", again.id]]);
  await again.close();
});

test("the plain name has one row per fact, the history all", async (t) => {
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  const first = new KalshiScript(journal);
  first.snapshot([["0.4000", "10.00"]]);
  first.close("venue");
  new KalshiScript(journal).snapshot([["0.4000", "10.00"]]);
  await journal.close();
  const history = await query(tape, "SELECT resolved_at IS NULL, opening_frame FROM gaps_history ORDER BY frame, n");
  assert.ok(history.length > 1);
  assert.deepEqual(await query(tape, "SELECT resolved_at IS NULL FROM gaps"), [["false"]]);
});

test("date filters read only the files of those days", async (t) => {
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]]);
  script.delta("0.4000", "1.00");
  await journal.close();
  await project(tape);
  const plan = (await query(tape, "EXPLAIN SELECT * FROM orderbook_deltas WHERE date = '2020-01-01'")).flat().join();
  assert.match(plan, /EMPTY_RESULT|Scanning Files: 0\/1/);
  assert.deepEqual(
    await query(tape, "SELECT count(*) FROM orderbook_deltas WHERE date >= '2020-01-01' AND venue = 'kalshi'"),
    [["1"]],
  );
});

test("only reading one's own tables is possible", async (t) => {
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  new KalshiScript(journal).snapshot([["0.4000", "10.00"]]);
  await journal.close();
  await project(tape);
  const target = join(tape, "tables", "x.csv");
  const refused = [
    `COPY orderbook_snapshots TO '${target}'`,
    `EXPLAIN ANALYZE COPY orderbook_snapshots TO '${target}'`,
    "CREATE TABLE x AS SELECT 1",
    "SET threads = 1",
    "ATTACH 'x.db'",
    "INSTALL httpfs",
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM '/etc/hostname'",
    "SELECT 1; SELECT 2",
    "DROP VIEW trades",
    "",
    " ; -- nothing",
  ];
  for (const sql of refused) await assert.rejects(query(tape, sql), { exitCode: 2 }, sql);
  assert.ok(!existsSync(target));
});

test("wrong SQL is one sentence with the nearest name", async (t) => {
  const tape = scratch(t);
  await assert.rejects(query(tape, "SELECT * FROM trade"), {
    exitCode: 2,
    message: 'there is no table "trade"',
    hint: "did you mean trades?",
  });
  await assert.rejects(query(tape, "SELECT * FROM whatever_this_is"), {
    exitCode: 2,
    hint: /^tables are orderbook_deltas,/,
  });
  await assert.rejects(
    query(tape, "SELEC 1"),
    (error: Error) => /syntax error/.test(error.message) && !error.message.includes("\n"),
  );
  await assert.rejects(query(tape, "SELECT pric FROM trades"), {
    exitCode: 2,
    message: /"pric" not found/,
    hint: /"price"/,
  });
  await assert.rejects(query(join(tape, "no"), "SELECT 1"), { exitCode: 2, message: /^there is no tape at/ });
});

test("a damaged or missing table file is one sentence that names it, and nothing is harmed", async (t) => {
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  new KalshiScript(journal).snapshot([["0.4000", "10.00"]]);
  await journal.close();
  await project(tape);
  const name = String(
    readdirSync(join(tape, "tables"), { recursive: true }).find((path) => /snapshots.*\.parquet$/.test(String(path))),
  );
  const path = join(tape, "tables", name);
  const whole = readFileSync(path);
  for (const harm of [
    () => truncateSync(path, whole.length - 20),
    () => truncateSync(path, 0),
    () => unlinkSync(path),
  ]) {
    harm();
    await assert.rejects(query(tape, "SELECT * FROM orderbook_snapshots"), (error: Error & { exitCode?: number }) => {
      assert.equal(error.exitCode, 1);
      assert.match(error.message, /^a table file cannot be read: .*parquet/);
      assert.ok(!error.message.includes("\n"));
      return true;
    });
    assert.deepEqual(await query(tape, "SELECT count(*) FROM trades"), [["0"]]);
    writeFileSync(path, whole);
  }
  assert.deepEqual(await query(tape, "SELECT count(*) FROM orderbook_snapshots"), [["1"]]);
});

test("numbers and times keep every digit in CSV and JSON", async (t) => {
  const sql =
    "SELECT 0.480000::DECIMAL(9,6) p, 9007199254740993::BIGINT b, TIMESTAMP '2026-05-14 04:38:11.871886' \"at\", NULL x, '' e, 'a,\"b' q, [{price: 0.1::DECIMAL(9,6)}] l";
  await using running = await TapeQuery.run({ tape: scratch(t), sql, signal: new AbortController().signal });
  for await (const [row = []] of running.chunks()) {
    assert.equal(
      csvLine(row),
      '0.480000,9007199254740993,2026-05-14T04:38:11.871886Z,,"","a,""b","[{""price"":0.100000}]"\n',
    );
    assert.deepEqual(row.map(cellJson), [
      "0.480000",
      "9007199254740993",
      '"2026-05-14T04:38:11.871886Z"',
      "null",
      '""',
      '"a,\\"b"',
      '[{"price":0.100000}]',
    ]);
  }
});
