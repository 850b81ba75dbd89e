import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, afterEach, test } from "node:test";
import { StorageError } from "../../ops/errors.ts";
import { TableBuffer } from "../../tables/buffer.ts";
import { trades } from "../../tables/schema.ts";
import type { JournalIdentity } from "../sink.ts";
import { Connection } from "./connection.ts";
import { migrate, migrationScript, schemaVersion } from "./migrate.ts";
import { migrations, SCHEMA_VERSION } from "./migrations.ts";
import { PostgresSink } from "./postgres-sink.ts";
import { probePostgres } from "./probe.ts";
import { password, startServer } from "./server.fixture.ts";
import { refuseOther } from "./startup.ts";

const server = await startServer();
after(() => server[Symbol.asyncDispose]());
const main: JournalIdentity = { journal: "a".repeat(32), name: "main", recorder: 1, host: "h", since: 0 };
const DAY = 20_778;
// The callers of a web API as Supabase has them, and people who were given our roles.
await server.run(
  "postgres",
  "CREATE ROLE anon LOGIN",
  "CREATE ROLE authenticated LOGIN",
  `CREATE ROLE owner LOGIN CREATEROLE PASSWORD '${password}'`,
  `ALTER ROLE anon PASSWORD '${password}'`,
  `ALTER ROLE authenticated PASSWORD '${password}'`,
);
const migrated = await server.create();
await server.run("postgres", `ALTER DATABASE ${migrated} OWNER TO owner`);
{
  // As on a hosted server: no superuser.
  await using connection = await Connection.open(server.url(migrated, "owner"));
  await migrate(connection, { publicRead: false });
}
await server.run(
  migrated,
  `CREATE ROLE recorder LOGIN PASSWORD '${password}' IN ROLE foretape_writer`,
  `CREATE ROLE analyst LOGIN PASSWORD '${password}' IN ROLE foretape_reader`,
);

async function write(url: string, frame: number): Promise<void> {
  await using sink = new PostgresSink({ url, tables: "all" });
  await sink.open(main);
  const buffer = new TableBuffer(trades);
  const row = buffer.add(null, DAY, frame, 0);
  for (const column of buffer.columns) if (column.kind === "number") column.values[row] = 1;
  const tables = [buffer];
  await sink.write({
    segment: 1,
    firstFrame: frame,
    lastFrame: frame,
    lastCrc: 1,
    tables,
    interpreter: 1,
    last: false,
  });
}

async function relations(database: string): Promise<readonly { name: string; kind: string; secured: boolean }[]> {
  const rows = await server.rows(
    database,
    "SELECT oid::regclass::text AS name, relkind AS kind, CASE relkind WHEN 'v' THEN reloptions @> ARRAY['security_invoker=true'] ELSE relrowsecurity END AS secured FROM pg_class WHERE relnamespace::regnamespace::text IN ('foretape', 'seed1', 'seed2', 'seed3', 'seed4', 'seed5') AND relkind IN ('r', 'p', 'v') ORDER BY 1",
  );
  return rows as never;
}

/** To sign in takes longer than to be refused: one connection for a role and a test. */
const connections = new Map<string, Connection>();
afterEach(async () => {
  for (const connection of connections.values()) await connection[Symbol.asyncDispose]();
  connections.clear();
});

/** The error's code, null where the statement was allowed. */
async function refused(database: string, role: string, sql: string): Promise<unknown> {
  const url = server.url(database, role);
  const connection = connections.get(url) ?? (await Connection.open(url));
  connections.set(url, connection);
  try {
    await connection.rows(sql);
    return null;
  } catch (error) {
    return error instanceof StorageError ? error.context["code"] : error;
  }
}

test("a role without rights to tables writes through policies; it can neither make tables nor change the function", async () => {
  await write(server.url(migrated, "recorder"), 1);
  await write(server.url(migrated, "recorder"), 2);
  await write(server.url(migrated, "owner"), 3);
  const [row] = await server.rows(migrated, "SELECT count(*)::int AS n FROM foretape.trades_history");
  assert.deepEqual(row, { n: 3 });
  for (const sql of [
    "CREATE TABLE foretape.mine (a int)",
    "DROP TABLE foretape.quarantine",
    "ALTER TABLE foretape.quarantine ADD COLUMN a int",
    "CREATE OR REPLACE FUNCTION foretape.ensure_partition(parent text, day date) RETURNS void LANGUAGE sql AS 'SELECT'",
    "DROP TABLE foretape.trades_history_202611",
    "DELETE FROM foretape.schema_version",
    "ALTER TABLE foretape.quarantine DISABLE ROW LEVEL SECURITY",
  ])
    assert.equal(await refused(migrated, "recorder", sql), "42501", sql);
  assert.equal(
    await refused(migrated, "recorder", "SELECT foretape.ensure_partition('quarantine', '2026-11-21')"),
    "22023",
  );
});

test("the reader reads plain names and writes nothing; anonymous roles neither read nor write any relation", async () => {
  await write(server.url(migrated, "recorder"), 4);
  assert.equal(await refused(migrated, "analyst", "SELECT * FROM foretape.trades"), null);
  await assert.rejects(
    probePostgres({ url: server.url(migrated, "analyst"), tables: "all" }),
    /may not make partitions/,
  );
  assert.match(
    await probePostgres({ url: server.url(migrated, "recorder"), tables: "all" }),
    /^postgres: 127\.0\.0\.1:\d+\/test_1, PostgreSQL 18\.\d+, schema version 1: can be written$/,
  );
  const [settings] = await server.rows(
    migrated,
    "SELECT string_agg(unnest, ';' ORDER BY unnest) AS settings FROM pg_roles, unnest(rolconfig) WHERE rolname = 'foretape_reader'",
  );
  assert.deepEqual(settings, { settings: "TimeZone=UTC;search_path=foretape, public;statement_timeout=60s" });
  const all = await relations(migrated);
  assert.ok(all.some(({ name }) => name === "foretape.trades_history_202611"));
  for (const { name, kind, secured } of all) {
    assert.ok(secured, `${name} is under row-level security, or asks as who asks`);
    for (const role of ["anon", "authenticated"])
      for (const sql of [`SELECT FROM ${name}`, `DELETE FROM ${name}`, `INSERT INTO ${name} DEFAULT VALUES`])
        assert.equal(await refused(migrated, role, sql), "42501", `${role}: ${sql}`);
    for (const sql of [`DELETE FROM ${name}`, `INSERT INTO ${name} DEFAULT VALUES`, `TRUNCATE ${name}`])
      if (kind !== "v") assert.equal(await refused(migrated, "analyst", sql), "42501", `reader: ${sql}`);
  }
  assert.equal(
    await refused(migrated, "anon", "SELECT foretape.ensure_partition('trades_history', '2026-11-21')"),
    "42501",
  );
});

test("with --public-read callers of a web API read rows and change none; the next migration takes it back", async () => {
  const database = await server.create(migrated);
  const read = "SELECT trade_id FROM foretape.trades_history";
  {
    await using connection = await Connection.open(server.url(database));
    await migrate(connection, { publicRead: true });
  }
  await using anon = await Connection.open(server.url(database, "anon"));
  assert.ok((await anon.rows(read)).length > 0);
  for (const { name } of await relations(database))
    // 55000: there is nothing to delete from behind a view like this.
    assert.match(String(await refused(database, "anon", `DELETE FROM ${name}`)), /^(42501|55000)$/, name);
  {
    await using connection = await Connection.open(server.url(database));
    await migrate(connection, { publicRead: false });
  }
  assert.equal(await refused(database, "anon", read), "42501");
});

test("a database in which everybody or an anonymous role could change rows is refused until it is migrated again", async () => {
  const database = await server.create(migrated);
  for (const grant of [
    "GRANT INSERT ON foretape.trades_history TO anon",
    "GRANT DELETE ON foretape.gaps_history TO PUBLIC",
  ]) {
    await server.run(database, grant);
    await assert.rejects(write(server.url(database), 9), /the role (anon|PUBLIC) can change foretape\./);
    await assert.rejects(probePostgres({ url: server.url(database), tables: "all" }), /can change/);
    await using connection = await Connection.open(server.url(database));
    assert.equal(await migrate(connection, { publicRead: false }), SCHEMA_VERSION);
  }
  await write(server.url(database), 5);
});

test("processes that make the schema at once wait for each other, and one of them does it", async () => {
  const database = await server.create();
  const from = await Promise.all(
    [1, 2, 3].map(async () => {
      await using connection = await Connection.open(server.url(database));
      return await migrate(connection, { publicRead: false });
    }),
  );
  assert.deepEqual(from.sort(), [0, SCHEMA_VERSION, SCHEMA_VERSION]);
  const fresh = await server.create();
  await Promise.all([1, 2, 3].map((recorder) => opened(fresh, recorder)));
});

test("a migration while rows are written waits for the writers and they for it", async () => {
  const database = await server.create(migrated);
  await using connection = await Connection.open(server.url(database));
  const migrating = (async () => {
    for (let i = 0; i < 5; i++) await migrate(connection, { publicRead: i % 2 === 0 });
  })();
  for (let frame = 4; frame < 12; frame++) await write(server.url(database, "recorder"), frame);
  await migrating;
});

async function opened(database: string, recorder: number): Promise<void> {
  await using sink = new PostgresSink({ url: server.url(database), tables: "all" });
  await sink.open({ ...main, journal: String(recorder).repeat(32), recorder });
}

test("a newer schema is refused with exit code 2, an older one too, and told what to do", async () => {
  const database = await server.create(migrated);
  await server.run(database, "INSERT INTO foretape.schema_version VALUES (999)");
  await using connection = await Connection.open(server.url(database));
  for (const attempt of [
    () => write(server.url(database), 9),
    () => migrate(connection, { publicRead: false }),
    () => probePostgres({ url: server.url(database), tables: "all" }),
  ])
    await assert.rejects(
      attempt,
      (error) =>
        error instanceof StorageError && error.exitCode === 2 && /newer than this program's/.test(error.message),
    );
  assert.throws(
    () => refuseOther(SCHEMA_VERSION - 1, "here"),
    (error) => error instanceof StorageError && error.exitCode === 2 && /foretape migrate/.test(error.hint ?? ""),
  );
});

test("a user who may not make the schema is told to migrate; the schema of somebody else is left alone", async () => {
  const database = await server.create();
  await assert.rejects(
    write(server.url(database, "recorder"), 1),
    (error) =>
      error instanceof StorageError && /may not make it/.test(error.message) && /migrate/.test(error.hint ?? ""),
  );
  await assert.rejects(
    probePostgres({ url: server.url(database, "recorder"), tables: "all" }),
    /may not make the schema/,
  );
  assert.match(await probePostgres({ url: server.url(database), tables: "all" }), /will be made/);
  await server.run(database, "CREATE SCHEMA foretape", "CREATE TABLE foretape.trades_history (a int)");
  await assert.rejects(write(server.url(database), 1), /already exists \(42P07\)/);
  assert.deepEqual(
    await server.rows(database, "SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'foretape'"),
    [{ n: 1 }],
  );
});

test("an owner who may not make roles has the schema to himself", async () => {
  const database = await server.create();
  await server.run(
    "postgres",
    `CREATE ROLE plain LOGIN PASSWORD '${password}'`,
    `ALTER DATABASE ${database} OWNER TO plain`,
  );
  await write(server.url(database, "plain"), 1);
  const [schema] = await server.rows(
    database,
    "SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = 'foretape'",
  );
  assert.deepEqual(schema, { owner: "plain" });
  // A superuser may go on with it.
  await using connection = await Connection.open(server.url(database));
  assert.equal(await migrate(connection, { publicRead: false }), SCHEMA_VERSION);
});

test("the script of a dry run does what migrating does", async () => {
  const database = await server.create();
  await using connection = await Connection.open(server.url(database));
  const script = migrationScript(0, { publicRead: false });
  assert.equal(await schemaVersion(connection), 0);
  await connection.run([script]);
  const shape = (of: string) =>
    server.rows(
      of,
      "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'foretape' AND table_name !~ '_\\d{6}' ORDER BY 1, 2",
    );
  assert.deepEqual(await shape(database), await shape(migrated));
  await connection.run([migrationScript(SCHEMA_VERSION, { publicRead: false })]);
});

test("every table, view and column has a comment", async () => {
  const bare = await server.rows(
    migrated,
    "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 WHERE relnamespace::regnamespace::text IN ('foretape', 'seed1', 'seed2', 'seed3', 'seed4', 'seed5') AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND (col_description(c.oid, attnum) IS NULL OR obj_description(c.oid) IS NULL)",
  );
  assert.deepEqual(bare, []);
});

test("a migration that was released does not change: another one follows it", () => {
  const digests = migrations.map(({ version, statements }) => [
    version,
    createHash("sha256").update(statements.join(";\n")).digest("hex").slice(0, 16),
  ]);
  assert.deepEqual(digests, [[1, "bd71cd8daab07813"]]);
});
