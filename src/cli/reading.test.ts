import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { rawPath, journalDir } from "../journal/layout.ts";
import { KalshiScript, openTestJournal, project, scratch } from "../tape/tape.fixture.ts";

const BIN = join(import.meta.dirname, "../../bin/foretape.js");

function foretape(dir: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args, "--tape", join(dir, "tape")], {
    cwd: dir,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("import, query, book and verify, one after another", (t) => {
  const dir = scratch(t);
  const message = (seq: number, type: string, rest: object) =>
    JSON.stringify({
      recv_ms: 1778504304000 + seq,
      conn: 1,
      frame: { type, sid: 1, seq, msg: { market_ticker: "T", market_id: "m", ...rest } },
    });
  const lines = [
    JSON.stringify({
      recv_ms: 1778504304000,
      conn: 1,
      frame: { id: 1, type: "subscribed", msg: { channel: "orderbook_delta", sid: 1 } },
    }),
    message(1, "orderbook_snapshot", { yes_dollars_fp: [["0.4800", "10.00"]] }),
    message(2, "orderbook_delta", { price_dollars: "0.4800", delta_fp: "-2.50", side: "yes", ts_ms: 1778504304002 }),
  ];
  writeFileSync(join(dir, "capture.jsonl"), lines.join("\n"));
  const imported = foretape(dir, "import", "--venue", "kalshi", "capture.jsonl", "--json");
  assert.equal(imported.status, 0, imported.stderr);
  const summary = JSON.parse(imported.stdout) as {
    frames: number;
    already_imported: boolean;
    rows: Record<string, number>;
  };
  assert.equal(summary.frames, 3);
  assert.equal(summary.rows["orderbook_deltas"], 1);
  assert.match(foretape(dir, "import", "--venue", "kalshi", "capture.jsonl").stdout, /^already imported as import-/);

  const sql = "SELECT market_id, price, size, change, received_at FROM orderbook_deltas";
  const csv = "market_id,price,size,change,received_at\nT,0.480000,7.500000,-2.500000,2026-05-11T12:58:24.002000Z\n";
  assert.equal(foretape(dir, "query", sql).stdout, csv);
  assert.deepEqual(JSON.parse(foretape(dir, "query", "--format", "json", sql).stdout), [
    { market_id: "T", price: 0.48, size: 7.5, change: -2.5, received_at: "2026-05-11T12:58:24.002000Z" },
  ]);
  assert.match(foretape(dir, "query", "--format", "table", sql).stdout, /│ T +│ 0\.480000 │/);
  assert.equal(foretape(dir, "query", sql, "--output", "rows.csv").status, 0);
  assert.equal(readFileSync(join(dir, "rows.csv"), "utf8"), csv);
  assert.equal(foretape(dir, "query", "--format", "parquet", sql, "--output", "rows.parquet").status, 0);
  assert.equal(readFileSync(join(dir, "rows.parquet")).subarray(0, 4).toString(), "PAR1");
  assert.match(foretape(dir, "query", "--format", "parquet", sql).stdout, /^PAR1/);

  const book = foretape(
    dir,
    "book",
    "--venue",
    "kalshi",
    "--market",
    "T",
    "--at",
    "2026-05-11T12:58:24.002Z",
    "--json",
  );
  assert.deepEqual((JSON.parse(book.stdout) as { bids: object }).bids, [{ price: "0.48", size: "7.5" }]);
  const tops = foretape(
    dir,
    "book",
    "--venue",
    "kalshi",
    "--market",
    "T",
    "--from",
    "2026-05-11T12:00:00Z",
    "--to",
    "2026-05-11T13:00:00Z",
    "--json",
  );
  assert.equal(tops.stdout.trim().split("\n").length, 3);
  const verified = foretape(dir, "verify", "--json");
  assert.equal(verified.status, 0, verified.stdout);
  assert.equal((JSON.parse(verified.stdout) as { ok: boolean }).ok, true);
});

test("wrong use is one sentence and exit code 2, a damaged tape one and exit code 1", async (t) => {
  const dir = scratch(t);
  const tape = join(dir, "tape");
  const missing = foretape(dir, "query", "SELECT 1");
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /^error: there is no tape at/);
  const journal = await openTestJournal(tape);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]]);
  await journal.close();
  await project(tape);
  writeFileSync(join(dir, "capture.jsonl"), "{}\n");
  const wrong: [RegExp, ...string[]][] = [
    [/there is no venue "kalshy"\n +did you mean kalshi\?/, "import", "--venue", "kalshy", "capture.jsonl"],
    [/say whose protocol it is/, "import", "capture.jsonl"],
    [/cannot read/, "import", "--venue", "kalshi", "none.jsonl"],
    [/there is no table "trade"\n +did you mean trades\?/, "query", "SELECT * FROM trade"],
    [/syntax error/, "query", "SELEC 1"],
    [/there is no venue "kalshy"/, "book", "--venue", "kalshy", "--market", "T"],
    [/is no instant/, "book", "--venue", "kalshi", "--market", "T", "--at", "noon"],
    [/say which book/, "book"],
    [/there is no venue "x"/, "tail", "--venue", "x"],
    [/--format/, "query", "SELECT 1", "--format", "xml"],
  ];
  for (const [message, ...args] of wrong) {
    const { status, stderr } = foretape(dir, ...args);
    assert.equal(status, 2, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, message);
    assert.ok(!/\n +at /.test(stderr), stderr);
  }
  const unknown = foretape(dir, "book", "--venue", "kalshi", "--market", "U");
  assert.equal(unknown.status, 1);
  const path = rawPath(journalDir(tape, "main"), 1);
  const bytes = readFileSync(path);
  bytes[bytes.length - 100]! ^= 1;
  writeFileSync(path, bytes);
  const verified = foretape(dir, "verify");
  assert.equal(verified.status, 1);
  assert.match(verified.stdout, /FAIL +journal .*are damaged|FAIL +journal .*cannot be read/);
  assert.ok(existsSync(path));
});

test("tail prints a line an event and stops cleanly", async (t) => {
  const dir = scratch(t);
  const journal = await openTestJournal(join(dir, "tape"));
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]]);
  await journal.durable();
  const child = spawn(
    process.execPath,
    [BIN, "tail", "--from-start", "--type", "book_snapshot", "book_delta", "--tape", join(dir, "tape")],
    {
      cwd: dir,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.match(String((await lines.next()).value), /book_snapshot +kalshi T +0\.4 × 10/);
  script.delta("0.4000", "5.00");
  await journal.durable();
  assert.match(String((await lines.next()).value), /book_delta +kalshi T +bid 0\.4 \+5 = 15/);
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  await journal.close();
});
