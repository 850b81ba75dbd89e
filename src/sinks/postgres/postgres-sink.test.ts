import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Instruments } from "../../model/instrument.ts";
import { StorageError } from "../../ops/errors.ts";
import { TableBuffer } from "../../tables/buffer.ts";
import * as schema from "../../tables/schema.ts";
import type { FinishedSegment, JournalIdentity, RowBatch } from "../sink.ts";
import { ThreadedSink } from "../threaded-sink.ts";
import { type Cut, startCuttingProxy } from "./cutting-proxy.fixture.ts";
import { Connection } from "./connection.ts";
import { migrate } from "./migrate.ts";
import { PostgresSink } from "./postgres-sink.ts";
import { password, startServer } from "./server.fixture.ts";

const server = await startServer();
after(() => server[Symbol.asyncDispose]());
/** One database for all: each test is a journal of its own in it. */
const shared = await server.create();
{
  await using connection = await Connection.open(server.url(shared));
  await migrate(connection, { publicRead: false });
}
// Who is under the tables' policies, as a recorder usually is.
await server.run(shared, `CREATE ROLE recorder LOGIN PASSWORD '${password}' IN ROLE foretape_writer`);

const instruments = new Instruments();
let journals = 0;
function newJournal(): JournalIdentity {
  const recorder = ++journals;
  return { journal: String(recorder).padStart(32, "0"), name: "main", recorder, host: "h", since: 0 };
}
const DAY = 20_778;

/** A batch of trades and lines of quarantine, one of each a frame. */
function batch(firstFrame: number, lastFrame: number, id = (frame: number) => `t${frame}`): RowBatch {
  const trades = new TableBuffer(schema.trades);
  const quarantine = new TableBuffer(schema.quarantine);
  for (let frame = firstFrame; frame <= lastFrame; frame++) {
    for (const buffer of [trades, quarantine]) {
      const row = buffer.add(instruments.get("kalshi", "KX-A", "yes"), DAY, frame, 0);
      for (const column of buffer.columns) if (column.kind === "number") column.values[row] = Number.NaN;
      buffer.number("received_at").values[row] = 1_795_000_000_000_000 + frame;
    }
    trades.text("trade_id").values[trades.length - 1] = id(frame);
    trades.text("source").values[trades.length - 1] = "stream";
    quarantine.text("reason").values[quarantine.length - 1] = "test";
  }
  const tables = [trades, quarantine];
  return { segment: 1, firstFrame, lastFrame, lastCrc: lastFrame, tables, interpreter: 1, last: false };
}

function finished(firstFrame: number, lastFrame: number, rows: FinishedSegment["rows"]): FinishedSegment {
  return { segment: 1, firstFrame, lastFrame, lastCrc: lastFrame, interpreter: 1, rows };
}

async function frames({ recorder }: JournalIdentity): Promise<number[]> {
  const rows = await server.rows(
    shared,
    `SELECT frame FROM foretape.trades_history WHERE recorder = ${recorder} ORDER BY frame`,
  );
  return rows.map(({ frame }) => Number(frame));
}
const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

test("a connection cut at every message of the protocol, COMMIT included: nothing missing, nothing twice", async () => {
  const main = newJournal();
  await using proxy = await startCuttingProxy(server.port);
  const url = server.url(shared).replace(`:${server.port}/`, `:${proxy.port}/`);
  await using sink = new PostgresSink({ url, tables: "all" });
  await sink.open(main);
  await sink.write(batch(1, 2));
  // A batch of two tables is six messages: BEGIN with the checkpoint, COPY and its rows twice, COMMIT.
  const MESSAGES = 6;
  const plans: Cut[][] = [];
  for (let message = 1; message <= MESSAGES; message++) {
    for (const when of ["before", "answered"] as const) {
      plans.push([{ message, when }]);
      // And again while it connects, or writes the batch once more.
      plans.push([
        { message, when },
        { message: message * 2, when: when === "before" ? "answered" : "before" },
      ]);
    }
  }
  plans.push([{ message: MESSAGES, when: "late" }], [{ message: MESSAGES - 1, when: "late" }]);
  let frame = 2;
  for (const plan of plans) {
    proxy.plan(plan);
    await sink.write(batch(frame + 1, frame + 2));
    frame += 2;
  }
  assert.ok(proxy.made >= 30, `${proxy.made} cuts`);
  assert.deepEqual(await frames(main), upTo(frame));
  const [row] = await server.rows(
    shared,
    `SELECT (SELECT count(*) FROM foretape.quarantine AS q WHERE q.recorder = c.recorder) AS rows, frame, (SELECT json_agg(last_frame) FROM foretape.interpreted AS i WHERE i.recorder = c.recorder) AS noted FROM foretape.checkpoints AS c WHERE recorder = ${main.recorder}`,
  );
  assert.deepEqual(row, { rows: String(frame), frame: String(frame), noted: [frame] });
});

test("a segment that is filled in survives the same, and begins behind the checkpoint", async () => {
  const main = newJournal();
  await using proxy = await startCuttingProxy(server.port);
  const url = server.url(shared, "recorder").replace(`:${server.port}/`, `:${proxy.port}/`);
  await using sink = new PostgresSink({ url, tables: "all" });
  await sink.open(main);
  await sink.write(batch(1, 3));
  let last = 3;
  const asked: number[] = [];
  const segment = (): FinishedSegment => {
    const [first, end] = [last - 2, last + 9];
    return finished(first, end, async function* (tables, after) {
      assert.ok(tables.includes(schema.trades));
      asked.push(after);
      for (let at = first; at <= end; at += 4) yield* batch(at, Math.min(at + 3, end)).tables;
    });
  };
  for (const when of ["before", "answered"] as const) {
    for (const message of [1, 3, 9, 14, 16]) {
      proxy.plan([{ message, when }]);
      await sink.fill(segment());
      last += 9;
      assert.deepEqual(await frames(main), upTo(last));
    }
  }
  assert.ok(asked.every((after) => asked.includes(after) && after >= 3));
  await sink.fill(segment());
  await assert.rejects(
    sink.fill(finished(last + 20, last + 30, () => assert.fail("nothing is asked for"))),
    /cannot go on at frame/,
  );
});

test("rows that fail half-way through a segment leave nothing of it, and the sink goes on", async () => {
  const main = newJournal();
  await using sink = new PostgresSink({ url: server.url(shared), tables: "all" });
  await sink.open(main);
  const broken = finished(1, 8, async function* () {
    yield batch(1, 4).tables[0]!;
    throw new Error("the file is damaged");
  });
  await assert.rejects(sink.fill(broken), /the file is damaged/);
  assert.deepEqual(await frames(main), []);
  await sink.write(batch(1, 8));
  assert.deepEqual(await frames(main), upTo(8));
});

test("a server that ends the connection is found again", async () => {
  const main = newJournal();
  await using sink = new PostgresSink({ url: server.url(shared), tables: "all" });
  await sink.open(main);
  for (let frame = 1; frame <= 5; frame++) {
    await server.run(
      "postgres",
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${shared}' AND application_name = 'foretape'`,
    );
    await sink.write(batch(frame, frame));
  }
  assert.deepEqual(await frames(main), upTo(5));
});

test("a server that is gone is tried for some seconds, and told in one sentence without the password", async () => {
  const main = newJournal();
  const proxy = await startCuttingProxy(server.port);
  const url = server.url(shared).replace(`:${server.port}/`, `:${proxy.port}/`);
  await using sink = new PostgresSink({ url, tables: "all", patienceMs: 1_000 });
  assert.equal(sink.id, `postgres:127.0.0.1:${proxy.port}/${shared}`);
  await sink.open(main);
  await sink.write(batch(1, 1));
  await proxy[Symbol.asyncDispose]();
  const startedAt = performance.now();
  await assert.rejects(
    sink.write(batch(2, 2)),
    (error) =>
      error instanceof StorageError &&
      /ECONNREFUSED/.test(error.message) &&
      !JSON.stringify([error.message, error.hint, error.context]).includes(password) &&
      /check host and port/.test(error.hint ?? ""),
  );
  const took = performance.now() - startedAt;
  assert.ok(took > 500 && took < 5_000, `${took} ms`);
});

test("closing does not wait for a server that says nothing", async () => {
  const main = newJournal();
  await using proxy = await startCuttingProxy(server.port);
  const url = server.url(shared).replace(`:${server.port}/`, `:${proxy.port}/`);
  const sink = new PostgresSink({ url, tables: "all" });
  await sink.open(main);
  proxy.swallow();
  const writing = assert.rejects(sink.write(batch(1, 1)), StorageError);
  const startedAt = performance.now();
  await sink[Symbol.asyncDispose]();
  assert.ok(performance.now() - startedAt < 4_000);
  await writing;
});

test("two writers of one recorder: the second is told, and nothing of its batch is there", async () => {
  const main = newJournal();
  const url = server.url(shared);
  await using one = new PostgresSink({ url, tables: "all" });
  await using two = new PostgresSink({ url, tables: "all" });
  await one.open(main);
  await two.open(main);
  await one.write(batch(1, 2));
  await assert.rejects(two.write(batch(1, 3)), /was moved by another process/);
  await one.write(batch(3, 4));
  assert.deepEqual(await frames(main), upTo(4));
});

test("text that PostgreSQL cannot hold, and text that COPY gives a meaning", async () => {
  const main = newJournal();
  await using sink = new PostgresSink({ url: server.url(shared), tables: "all" });
  await sink.open(main);
  const odd = ["a\0b", "\\N", "\\.", "tab\tline\nend\r\\", '{"a":"\\u0000"}', "\ud800"];
  const rows = batch(1, odd.length, (frame) => odd[frame - 1]!);
  const lifecycle = new TableBuffer(schema.marketLifecycle);
  const row = lifecycle.add(null, DAY, 1, 0);
  for (const column of lifecycle.columns) if (column.kind === "number") column.values[row] = Number.NaN;
  lifecycle.text("detail").values[row] = '{"name":"\\u0000"}';
  await sink.write({ ...rows, tables: [...rows.tables, lifecycle] });
  const stored = await server.rows(
    shared,
    `SELECT trade_id FROM foretape.trades_history WHERE recorder = ${main.recorder} ORDER BY frame`,
  );
  assert.deepEqual(
    stored.map(({ trade_id }) => trade_id),
    ["a\u{FFFD}b", "\\N", "\\.", "tab\tline\nend\r\\", '{"a":"\\u0000"}', "\u{FFFD}"],
  );
  const [kept] = await server.rows(shared, "SELECT detail::text FROM foretape.market_lifecycle");
  assert.equal(kept?.["detail"], '{"name":"\\u0000"}');
});

test("the plain name shows one row per natural key, found in the index; a subscription may be of no market", async () => {
  const main = newJournal();
  await using sink = new PostgresSink({ url: server.url(shared), tables: "all" });
  await sink.open(main);
  const trades = batch(1, 6, (frame) => ["x", "x", "y", "y", "x", "x"][frame - 1]!);
  for (const row of [1, 2, 3, 5]) trades.tables[0]!.text("source").values[row] = "history";
  const subscriptions = new TableBuffer(schema.subscriptions);
  for (const frame of [1, 2]) {
    const row = subscriptions.add(instruments.get("kalshi", "", null), DAY, frame, 0);
    for (const column of subscriptions.columns) if (column.kind === "number") column.values[row] = 3;
    subscriptions.text("channel").values[row] = "lifecycle";
  }
  await sink.write({ ...trades, tables: [...trades.tables, subscriptions] });
  const shown = await server.rows(
    shared,
    `SELECT trade_id, frame FROM foretape.trades WHERE recorder = ${main.recorder} ORDER BY trade_id`,
  );
  assert.deepEqual(shown, [
    { trade_id: "x", frame: "5" },
    { trade_id: "y", frame: "4" },
  ]);
  assert.deepEqual(await server.rows(shared, "SELECT frame FROM foretape.subscriptions"), [{ frame: "2" }]);
  for (const { name, naturalKey } of schema.tables) {
    if (naturalKey === null) continue;
    const plan = await server.rows(shared, `EXPLAIN SELECT * FROM foretape.${name} WHERE frame = 1 AND n = 0`);
    const steps = plan.map((step) => String(step["QUERY PLAN"])).join("\n");
    assert.match(steps, /SubPlan[\s\S]*Limit[\s\S]*Index (Only )?Scan Backward/, `the best row of ${name}:\n${steps}`);
    assert.doesNotMatch(steps, /Sort Key/, name);
  }
});

test("rows lie in the partition of their day, also of days long past; there is none for what fits nowhere", async () => {
  const main = newJournal();
  await using sink = new PostgresSink({ url: server.url(shared), tables: "all" });
  await sink.open(main);
  const rows = batch(1, 3);
  rows.tables[0]!.day.set([DAY, 16_800, 20_819]);
  await sink.write(rows);
  const parts = await server.rows(
    shared,
    `SELECT tableoid::regclass::text AS part, date::text FROM foretape.trades_history WHERE recorder = ${main.recorder} ORDER BY frame`,
  );
  assert.deepEqual(parts, [
    { part: "foretape.trades_history_202611", date: "2026-11-21" },
    { part: "foretape.trades_history_201512", date: "2015-12-31" },
    { part: "foretape.trades_history_202701", date: "2027-01-01" },
  ]);
  const [defaults] = await server.rows(
    shared,
    "SELECT count(*)::int AS n FROM pg_partitioned_table WHERE partdefid <> 0",
  );
  assert.deepEqual(defaults, { n: 0 });
  const plan = await server.rows(shared, "EXPLAIN SELECT * FROM foretape.trades_history WHERE date = '2015-12-31'");
  assert.doesNotMatch(JSON.stringify(plan), /2026|2027/);
});

test("a database that is read-only is told as such, at the start and later", async () => {
  const main = newJournal();
  const database = await server.create();
  const url = server.url(database);
  await using sink = new PostgresSink({ url, tables: "all" });
  await sink.open(main);
  await server.run("postgres", `ALTER DATABASE ${database} SET default_transaction_read_only = on`);
  await using late = new PostgresSink({ url, tables: "all" });
  await assert.rejects(late.open(main), /is read-only/);
  await server.run("postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);
  await assert.rejects(
    sink.write(batch(1, 1)),
    (error) => error instanceof StorageError && /25006/.test(error.message) && /read-only/.test(error.hint ?? ""),
  );
  await server.run("postgres", `ALTER DATABASE ${database} RESET default_transaction_read_only`);
  await server.run("postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);
  await sink.write(batch(1, 1));
  const rows = await server.rows(database, "SELECT frame FROM foretape.trades");
  assert.deepEqual(rows, [{ frame: "1" }]);
});

test("a wrong password and a database that is not there are told with what to do", async () => {
  const main = newJournal();
  const refuses = async (url: string, message: RegExp, hint: RegExp): Promise<void> => {
    await using sink = new PostgresSink({ url, tables: "all" });
    await assert.rejects(
      sink.open(main),
      (error) => error instanceof StorageError && message.test(error.message) && hint.test(error.hint ?? ""),
    );
  };
  await refuses(
    server.url("postgres").replace(password, "other"),
    /password authentication failed/,
    /user and password/,
  );
  await refuses(`${server.url("postgres")}?sslmode=verify-full&sslrootcert=/no/such.crt`, /ENOENT/, /files that/);
  await refuses(server.url("nowhere"), /"nowhere" does not exist/, /create the database/);
});

test("on a thread of its own it writes and tells like any other sink", async () => {
  const main = newJournal();
  const recipe = { type: "postgres", url: server.url(shared), tables: "default" } as const;
  {
    await using sink = new ThreadedSink(recipe, instruments);
    await sink.open(main);
    await sink.write(batch(1, 4));
    await sink.flush();
  }
  assert.deepEqual(await frames(main), upTo(4));
  await using other = new ThreadedSink(recipe, instruments);
  await assert.rejects(other.open({ ...main, journal: "b".repeat(32) }), /is another journal/);
});
