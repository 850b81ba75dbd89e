import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { journalRecords } from "../../test/journal-records.ts";
import { FILE_HEADER_BYTES } from "../journal/codec.ts";
import { journalDir, rawPath, sealedPath } from "../journal/layout.ts";
import { importCapture, type ImportOptions, type ImportSummary } from "./import.ts";

const FIXTURES = join(import.meta.dirname, "../../../shared/fixtures");
const program = { name: "foretape", version: "0" };

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-import-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function run(tape: string, path: string, options: Partial<ImportOptions> = {}): Promise<ImportSummary> {
  return importCapture({ tape, path, venue: "kalshi", program, signal: new AbortController().signal, ...options });
}

function write(dir: string, name: string, content: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

/** The received frames of an import, as text. */
function frames(tape: string, { journal }: ImportSummary): string[] {
  return journalRecords(journalDir(tape, journal))
    .filter(({ kind }) => kind === "received")
    .map(({ text }) => text);
}

/** Every file of a tape with its content's hash. */
function contents(dir: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const item of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(item.parentPath, item.name);
    if (item.isFile()) found.set(path, createHash("sha256").update(readFileSync(path)).digest("hex"));
  }
  return found;
}

async function rows(tape: string, table: string, columns: string, order = "frame, n"): Promise<unknown[][]> {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const files = join(tape, "tables", table, "**", "*.parquet");
  return (await connection.runAndReadAll(`SELECT ${columns} FROM '${files}' ORDER BY ${order}`)).getRowsJson();
}

describe("the full KXBTC15M capture", () => {
  const file = join(FIXTURES, "kalshi/ws/ws_kxbtc15m_20260514T0438Z_full.jsonl.gz");

  it("gives exactly the changes that an independent reader finds", async (t) => {
    if (!existsSync(file)) return t.skip("…/shared/fixtures is not beside the project");
    const tape = scratch(t);
    const summary = await run(tape, file);
    assert.equal(summary.frames, 102_555);
    assert.equal(summary.connections, 3);
    assert.equal(summary.rows["orderbook_deltas"], 101_703);
    assert.equal(summary.gaps, 2);
    assert.deepEqual(summary.quarantined, {});
    assert.ok(summary.topOfBook !== null && summary.topOfBook.compared === 842);
    assert.ok(summary.topOfBook.settled > 0.99 * summary.topOfBook.compared, JSON.stringify(summary.topOfBook));

    const found = await rows(
      tape,
      "orderbook_deltas",
      "market_id, side, price::VARCHAR, change::VARCHAR, size::VARCHAR, seq::VARCHAR, epoch_us(received_at)::VARCHAR",
    );
    const expected = independentDeltas(gunzipSync(readFileSync(file)).toString("utf8"));
    assert.equal(found.length, expected.length);
    for (const [i, row] of expected.entries()) assert.deepEqual(found[i], row, `delta ${i}`);
    const gaps = await rows(tape, "gaps", "cause, to_ts IS NOT NULL, resolved_at IS NOT NULL, opening_frame::VARCHAR");
    assert.equal(new Set(gaps.map((gap) => gap[3])).size, 2);
    assert.ok(gaps.every((gap) => gap[0] === "disconnect"));
  });
});

/** Reads the capture with nothing of ours: decimal text to integers in millionths, books as maps. */
function independentDeltas(text: string): string[][] {
  const integer = (decimal: string): bigint => {
    const negative = decimal.startsWith("-");
    const [whole = "0", fraction = ""] = decimal.replace("-", "").split(".");
    const value = BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
    return negative ? -value : value;
  };
  const decimal = (value: bigint): string => {
    const digits = (value < 0n ? -value : value).toString().padStart(7, "0");
    return `${value < 0n ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
  };
  const books = new Map<string, bigint>();
  const out: string[][] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const micros = /"recv_ns":(\d+)\d{3}[,}]/.exec(line)?.[1] ?? "";
    const { type, seq, msg } = JSON.parse(line).frame;
    const market = msg.market_ticker;
    if (type === "orderbook_snapshot") {
      for (const key of books.keys()) if (key.startsWith(`${market} `)) books.delete(key);
      for (const [side, levels] of [
        ["yes", msg.yes_dollars_fp],
        ["no", msg.no_dollars_fp],
      ]) {
        for (const [price, size] of levels ?? []) books.set(`${market} ${side} ${integer(price)}`, integer(size));
      }
    } else if (type === "orderbook_delta") {
      const own = integer(msg.price_dollars);
      const key = `${market} ${msg.side} ${own}`;
      const change = integer(msg.delta_fp);
      const size = (books.get(key) ?? 0n) + change;
      assert.ok(size >= 0n, `negative level in ${line}`);
      books.set(key, size);
      const price = msg.side === "yes" ? own : 1_000_000n - own;
      const side = msg.side === "yes" ? "bid" : "ask";
      out.push([market, side, decimal(price), decimal(change), decimal(size), String(seq), micros]);
    }
  }
  return out;
}

it("imports every other real capture with no frame lost", async (t) => {
  if (!existsSync(FIXTURES)) return t.skip("…/shared/fixtures is not beside the project");
  const tape = scratch(t);
  const expected = {
    kalshi: {
      "ws_kxbtc15m_20260511T1258Z.jsonl": 601,
      "ws_kxbtc15m_20260514T0444Z_close_and_rotate.jsonl": 3641,
      "ws_kxbtc15m_20260515T0236Z.jsonl": 4500,
      "ws_mlb_12markets_20260807.jsonl": 269,
      "ws_single_real_frames.jsonl": 7,
    },
    polymarket: {
      "docs_example_ws_market_best_bid_ask_msg.json": 1,
      "docs_example_ws_market_new_market_msg.json": 1,
      "docs_example_ws_market_resolved_msg.json": 1,
      "nautilus_price_change_v1_2024.json": 1,
      "nautilus_ws_book_2024.json": 1,
      "ws_frames_fed_2026-07-20.jsonl": 27,
      "ws_market_resolved_btc5m_2026-08-19.jsonl": 1,
      "ws_single_frames_2026-08-14.jsonl": 4,
    },
  };
  for (const [venue, files] of Object.entries(expected)) {
    for (const [file, count] of Object.entries(files)) {
      const summary = await run(tape, join(FIXTURES, venue, "ws", file), { venue });
      assert.equal(summary.frames, count, file);
      assert.equal(frames(tape, summary).length, count, file);
      // A `best_bid_ask` is a witness of our book and no row of its own.
      assert.ok(Object.keys(summary.rows).length > 0 || file.includes("best_bid_ask"), file);
    }
  }
});

it("reads every spelling of an envelope, bare messages and lines that are no JSON", async (t) => {
  const dir = scratch(t);
  const tape = join(dir, "tape");
  const message = '{"type":"ticker","sid":1,"msg":{"market_ticker":"T","price_dollars":"0.4800"}}';
  const lines = [
    `{"frame":${JSON.stringify(message)},"received_at":1778504304899790,"conn":{"a":1}}`,
    `{"received_at":"2026-05-11T12:58:24.899790Z","frame":{"type": "ticker", "x": 1.50e2, "s": "a b"},"conn":{"a":1}}`,
    `{"recv_ns":1778504304899790999,"raw":${JSON.stringify(message)},"conn":{"a":1}}`,
    `{"recv_ts_ns":1778504304899790999,"conn":{"a":1},"payload":${message}}`,
    `{"received_ms":1778504304899.79,"conn":{"a":1},"frame":${message}}`,
    "",
    `{"recv_ms":1778504304899,"conn":{"a":1},"frame":"not json"}\r`,
    message,
    '[{"a":1},{"b":2}]',
    '{"type":"x","payload":1}',
    "PONG",
    '{"recv_ms":5,"frame":"{}"}',
    '{"torn":',
    '{"type":"after"}',
  ];
  const summary = await run(tape, write(dir, "capture.jsonl", lines.join("\n")));
  assert.deepEqual(frames(tape, summary), [
    message,
    '{"type":"ticker","x":1.50e2,"s":"a b"}',
    message,
    message,
    message,
    "not json",
    message,
    '[{"a":1},{"b":2}]',
    '{"type":"x","payload":1}',
    "PONG",
    "{}",
    '{"torn":',
    '{"type":"after"}',
  ]);
  assert.equal(summary.withoutReceiveTime, 7);
  assert.equal(summary.unusableReceiveTimes, 1);
  assert.equal(summary.connections, 2);
  const quotes = await rows(tape, "market_snapshots", "epoch_us(received_at)::VARCHAR");
  assert.deepEqual(quotes.slice(0, 5).map(String), [
    "1778504304899790",
    "1778504304899790",
    "1778504304899790",
    "1778504304899790",
    "",
  ]);
});

it("reads one JSON value over several lines, and a list of envelopes", async (t) => {
  const dir = scratch(t);
  const tape = join(dir, "tape");
  const pretty = await run(tape, write(dir, "one.json", JSON.stringify({ type: "x", list: [1, 2] }, null, 2)));
  assert.deepEqual(frames(tape, pretty), ['{"type":"x","list":[1,2]}']);
  const envelopes = [1, 2].map((n) => ({ recv_ms: 1778504304899 + n, frame: { n } }));
  const list = await run(tape, write(dir, "list.json", JSON.stringify(envelopes, null, 1)));
  assert.deepEqual(frames(tape, list), ['{"n":1}', '{"n":2}']);
  assert.equal(list.withoutReceiveTime, 0);
});

it("says what a successor's connection lost, and nothing of one beside it", async (t) => {
  const dir = scratch(t);
  const tape = join(dir, "tape");
  const line = (conn: number, ms: number, frame: object) =>
    JSON.stringify({ recv_ms: 1778504304000 + ms, conn, frame });
  const subscribed = (conn: number, ms: number) => [
    line(conn, ms, { id: 1, type: "subscribed", msg: { channel: "orderbook_delta", sid: 1 } }),
    line(conn, ms + 1, {
      type: "orderbook_snapshot",
      sid: 1,
      seq: 1,
      msg: { market_ticker: `T${conn}`, market_id: "m", yes_dollars_fp: [["0.4", "1"]] },
    }),
  ];
  const sequential = await run(tape, write(dir, "a.jsonl", [...subscribed(1, 0), ...subscribed(2, 10)].join("\n")));
  assert.equal(sequential.gaps, 1);
  const [a, b, c, d] = [...subscribed(1, 0), ...subscribed(2, 10)];
  const overlapping = await run(tape, write(dir, "b.jsonl", [a, c, b, d].join("\n")));
  assert.equal(overlapping.gaps, 0);
  const closed = (summary: ImportSummary) =>
    journalRecords(journalDir(tape, summary.journal))
      .filter(({ kind }) => kind === "closed")
      .map(({ text }) => text);
  assert.deepEqual(closed(sequential), ['{"by":"venue"}', '{"by":"end"}']);
  assert.deepEqual(closed(overlapping), ['{"by":"end"}', '{"by":"end"}']);
});

it("changes nothing the second time, packed or not, and redoes an interrupted import", async (t) => {
  const dir = scratch(t);
  const tape = join(dir, "tape");
  const text =
    '{"recv_ms":1778504304899,"frame":{"type":"ticker","sid":1,"msg":{"market_ticker":"T","yes_bid_dollars":"0.4800"}}}\n';
  const plain = write(dir, "a.jsonl", text);
  const first = await run(tape, plain);
  const before = contents(tape);
  const again = await run(tape, plain);
  assert.deepEqual(again, { ...first, already: true });
  assert.deepEqual(contents(tape), before);
  for (const [name, packed] of [
    ["a.jsonl.gz", gzipSync(text)],
    ["a.jsonl.zst", zstdCompressSync(text)],
  ] as const) {
    assert.equal((await run(tape, write(dir, name, packed))).journal, first.journal);
  }
  assert.deepEqual(contents(tape), before);
  assert.notEqual((await run(join(dir, "other"), plain, { useYesPrice: true })).journal, first.journal);

  // An import that died before its last record: here, one whose journal lost its end.
  const journal = journalDir(tape, first.journal);
  const raw = readFileSync(rawPath(journal, 1));
  rmSync(sealedPath(journal, 1));
  writeFileSync(rawPath(journal, 1), raw.subarray(0, FILE_HEADER_BYTES + 600));
  const redone = await run(tape, plain);
  assert.deepEqual(redone, first);
  const parquet = (files: Iterable<string>) => [...files].filter((path) => path.endsWith(".parquet")).length;
  assert.equal(parquet(contents(tape).keys()), parquet(before.keys()));
});

it("takes the venue's market objects along", async (t) => {
  const dir = scratch(t);
  const capture = write(
    dir,
    "a.jsonl",
    '{"recv_ms":1778504304899,"frame":{"type":"ticker","sid":1,"msg":{"market_ticker":"T"}}}\n',
  );
  const market = { ticker: "T", event_ticker: "E", title: "a market", status: "active", floor_strike: 1.5 };
  const spellings = [
    JSON.stringify([market]),
    JSON.stringify({ markets: [market] }, null, 2),
    `${JSON.stringify(market)}\n`,
    JSON.stringify({ market }),
  ];
  for (const [i, text] of spellings.entries()) {
    const tape = join(dir, `tape-${i}`);
    const summary = await run(tape, capture, { markets: write(dir, `markets-${i}.json`, text) });
    assert.equal(summary.rows["markets"], 1, text);
    assert.deepEqual(await rows(tape, "markets", "market_id, title, floor_strike::VARCHAR"), [
      ["T", "a market", "1.500000"],
    ]);
  }
});

it("refuses in one sentence what it cannot import", async (t) => {
  const dir = scratch(t);
  const tape = join(dir, "tape");
  const capture = write(dir, "a.jsonl", "{}\n");
  await assert.rejects(run(tape, capture, { venue: "kalshy" }), { message: 'there is no venue "kalshy"', exitCode: 2 });
  await assert.rejects(run(tape, join(dir, "missing")), { exitCode: 2, message: /^cannot read .*missing/ });
  await assert.rejects(run(tape, dir), { exitCode: 2, message: /is a directory$/ });
  await assert.rejects(run(tape, write(dir, "empty", "")), { exitCode: 2, message: /holds no frame/ });
  await assert.rejects(run(tape, capture, { venue: "polymarket", useYesPrice: true }), { exitCode: 2 });
  await assert.rejects(run(tape, write(dir, "cut.gz", gzipSync(Buffer.alloc(1000, "x")).subarray(0, 20))), {
    exitCode: 1,
    message: /cut off or damaged/,
  });
  await assert.rejects(
    run(tape, write(dir, "cut.zst", zstdCompressSync(Buffer.alloc(100_000, "xyz")).subarray(0, 15))),
    { exitCode: 1 },
  );
  await assert.rejects(run(tape, capture, { markets: write(dir, "no.json", "hello") }), {
    exitCode: 2,
    message: /market objects/,
  });
  assert.ok(!existsSync(tape) || statSync(tape).isDirectory());
});
