import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { password, startServer } from "../sinks/postgres/server.fixture.ts";

const BIN = join(import.meta.dirname, "../../bin/foretape.js");

test("a database named in the environment: migrated, imported into, replayed into", { timeout: 120_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "foretape-postgres-cli-"));
  t.after(() => rmSync(dir, { recursive: true }));
  await using server = await startServer();
  const database = await server.create();
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: dir,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", DATABASE_URL: server.url(database), ...env },
    });
    const closed = once(child, "close");
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await closed;
    assert.ok(!(stdout + stderr).includes(password), "a password is never shown");
    return { code: code as number, stdout, stderr };
  };
  const name = `127.0.0.1:${server.port}/${database}`;

  const dry = await run(["migrate", "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(
    dry.stdout,
    /^-- .*: schema version 0 to 1\nBEGIN;[\s\S]*CREATE TABLE foretape\."trades_history"[\s\S]*COMMIT;\n/,
  );
  assert.deepEqual(await server.rows(database, "SELECT to_regnamespace('foretape') AS schema"), [{ schema: null }]);
  assert.equal((await run(["migrate"])).stdout, `${name}: the schema was made, version 1\n`);
  assert.deepEqual(JSON.parse((await run(["migrate", "--json"])).stdout), [{ database: name, from: 1, to: 1 }]);

  const none = await run(["migrate"], { DATABASE_URL: "" });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no PostgreSQL sink is configured/);

  const frames = [
    { type: "subscribed", id: 1, msg: { channel: "orderbook_delta", sid: 1 } },
    {
      type: "orderbook_snapshot",
      sid: 1,
      seq: 1,
      msg: { market_ticker: "T", market_id: "m", yes_dollars_fp: [["0.4800", "10.00"]] },
    },
  ];
  writeFileSync(
    join(dir, "capture.jsonl"),
    frames.map((frame, i) => JSON.stringify({ recv_ms: 1778504304000 + i, conn: 1, frame })).join("\n"),
  );
  const imported = await run(["import", "--venue", "kalshi", "capture.jsonl"]);
  assert.equal(imported.code, 0, imported.stderr);
  const books = "SELECT market_id, bids::text, date::text FROM foretape.orderbook_snapshots";
  const expected = [{ market_id: "T", bids: '[{"price":0.48,"size":10}]', date: "2026-05-11" }];
  assert.deepEqual(await server.rows(database, books), expected);
  await server.run(database, "DELETE FROM foretape.orderbook_snapshots");
  const replayed = await run(["replay", "--into", "postgres"]);
  assert.equal(replayed.code, 0, replayed.stderr);
  assert.deepEqual(await server.rows(database, books), expected);
  const other = await run(["replay", "--into", "postgres:elsewhere:5432/x"]);
  assert.equal(other.code, 2);
  assert.match(other.stderr, new RegExp(`write postgres:${name}`));

  await server.run(database, "INSERT INTO foretape.schema_version VALUES (999)");
  const newer = await run(["migrate"]);
  assert.equal(newer.code, 2);
  assert.match(newer.stderr, /newer than this program's 1/);
});
