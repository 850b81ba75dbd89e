import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { ClientRequest, IncomingMessage } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { WebSocket } from "ws";
import { UsageError } from "../ops/errors.ts";
import { readPrivateKey, signedHeaders } from "../venues/kalshi/auth.ts";
import { readCapture } from "./capture.ts";
import { type Exchange, KALSHI_SOCKET } from "./exchange.ts";
import { folder, kalshi, type Line, Listener, polymarket, start, truthOf } from "./listener.fixture.ts";
import { fault, type FaultKind, parseFault } from "./fault.ts";

test("what the truth file says was sent is what a client receives, frame by frame", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  await using exchange = await start({ truth });
  const clients = [await kalshi(exchange), await polymarket(exchange)];
  await Promise.all(clients.map((client) => client.more(1_000)));
  await exchange[Symbol.asyncDispose]();
  assert.deepEqual(await Promise.all(clients.map(({ closed }) => closed)), [1001, 1001]);
  const lines = truthOf(truth);
  for (const [i, client] of clients.entries()) {
    const sent = lines.filter(({ conn, n }) => conn === i + 1 && n !== undefined);
    assert.deepEqual(
      client.texts,
      sent.map(({ text }) => text),
    );
    assert.deepEqual(
      sent.map(({ n }) => n),
      sent.map((_, n) => n + 1),
    );
    const changes = sent.filter(({ text }) => /"type":"orderbook_delta"|price_change"/.test(text ?? ""));
    assert.ok(
      changes.length > 0 && changes.every(({ after }) => (after?.length ?? 0) > 0),
      "levels after every change",
    );
  }
});

async function refused(
  exchange: Exchange,
  headers: Record<string, string>,
): Promise<{ status: number; body: unknown }> {
  const ws = new WebSocket(exchange.kalshi.ws_url, { headers });
  ws.on("error", () => {});
  const [request, response] = (await once(ws, "unexpected-response")) as [ClientRequest, IncomingMessage];
  const body = JSON.parse((await response.toArray()).join("")) as unknown;
  request.destroy();
  return { status: response.statusCode ?? 0, body };
}

test("the Kalshi handshake is verified: bodies of the refusals as captured", async () => {
  await using exchange = await start({ keyType: "rsa" });
  const { key_id, private_key } = exchange.kalshi;
  const key = readPrivateKey(private_key);
  const error = (code: string, message: string, details?: string) => ({
    status: 401,
    body: { error: { code, message, ...(details !== undefined && { details }) } },
  });
  const signed = (skewMs: number, id = key_id, signer = key, path = KALSHI_SOCKET) =>
    signedHeaders(id, signer, Date.now() + skewMs, "GET", path);
  assert.deepEqual(
    await refused(exchange, signed(-12_000)),
    error("header_timestamp_expired", "header timestamp expired"),
  );
  assert.deepEqual(
    await refused(exchange, signed(40_000)),
    error("header_timestamp_expired", "header timestamp expired"),
  );
  assert.deepEqual(
    await refused(exchange, signed(0, "00000000-0000-0000-0000-000000000000")),
    error("authentication_error", "authentication_error", "NOT_FOUND"),
  );
  const bad = error("authentication_error", "authentication_error", "INCORRECT_API_KEY_SIGNATURE");
  assert.deepEqual(await refused(exchange, signed(0, key_id, key, "/trade-api/v2/portfolio/balance")), bad);
  assert.deepEqual(await refused(exchange, signed(0, key_id, generateKeyPairSync("ed25519").privateKey)), bad);
  const { "KALSHI-ACCESS-SIGNATURE": _, ...unsigned } = signed(0);
  assert.deepEqual(
    await refused(exchange, unsigned),
    error("signature_is_missing_from_headers", "signature is missing from headers"),
  );
  const early = await kalshi(exchange, { skewMs: -5_000 });
  await early.more(1);
  const late = await kalshi(exchange, { skewMs: 25_000 });
  await late.more(1);
});

const LOSING: ReadonlySet<FaultKind> = new Set(["sequence_gap", "drop", "stall"]);

for (const [kind, venue] of [
  ["sequence_gap", "kalshi"],
  ["drop", "polymarket"],
  ["duplicate", "kalshi"],
  ["malformed", "polymarket"],
  ["invalid_utf8", "kalshi"],
  ["stall", "polymarket"],
  ["reorder", "kalshi"],
  ["unknown_type", "polymarket"],
  ["unknown_field", "kalshi"],
  ["renamed_field", "polymarket"],
  ["retyped_field", "kalshi"],
] as const) {
  test(`${kind} is in the truth file and nothing else differs`, async () => {
    using directory = folder();
    const truth = join(directory.path, "truth.jsonl");
    await using exchange = await start({ truth });
    const client = venue === "kalshi" ? await kalshi(exchange) : await polymarket(exchange);
    await client.more(100);
    exchange.inject(fault(kind, { count: 2, lasts: 50_000 }));
    await client.more(500);
    await exchange[Symbol.asyncDispose]();
    await client.closed;
    const lines = truthOf(truth);
    const done = lines.find((line) => line.fault === kind && line.count !== undefined);
    assert.ok(done, "the fault has a line of its own");
    const sent = lines.filter(({ n }) => n !== undefined);
    assert.deepEqual(
      client.frames.map((frame) => frame.toString("base64")),
      sent.map(({ text, base64 }) => base64 ?? Buffer.from(text ?? "").toString("base64")),
    );
    const suppressed = lines.filter((line) => line.suppressed === kind);
    const changed = sent.filter((line) => line.fault === kind);
    // Both of two that changed places are named.
    const each = kind === "reorder" ? 2 : 1;
    assert.equal(LOSING.has(kind) ? suppressed.length : changed.length / each, done.count);
    assert.ok((done.count ?? 0) >= 2);
    if (kind === "sequence_gap") {
      const seq = (line: Line) => Number(/"seq":(\d+)/.exec(line.text ?? "")?.[1]);
      const ofBook = (list: Line[]) => list.filter(({ text }) => text?.includes('"sid":1,"seq"')).map(seq);
      const all = [...ofBook(sent), ...ofBook(suppressed)].sort((a, b) => a - b);
      assert.deepEqual(
        all,
        all.map((_, i) => i + 1),
      );
      assert.notDeepEqual(
        ofBook(sent),
        ofBook(sent).map((_, i) => i + 1),
      );
    }
    if (kind === "malformed") assert.throws(() => JSON.parse(changed[0]?.text ?? ""));
    if (kind === "invalid_utf8") {
      const bytes = Buffer.from(changed[0]?.base64 ?? "", "base64");
      assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    }
  });
}

test("a disconnect destroys the socket; a new connection starts afresh", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  await using exchange = await start({ truth });
  const client = await kalshi(exchange);
  await client.more(50);
  exchange.inject(fault("disconnect", { venue: "kalshi" }));
  assert.equal(await client.closed, 1006);
  const again = await kalshi(exchange);
  await again.more(2);
  assert.deepEqual(JSON.parse(again.texts[0] ?? ""), {
    ...(JSON.parse(again.texts[0] ?? "") as object),
    type: "subscribed",
    msg: { channel: "orderbook_delta", sid: 1 },
  });
  await exchange[Symbol.asyncDispose]();
  const lines = truthOf(truth);
  assert.ok(lines.some((line) => line.fault === "disconnect" && line.conn === 1));
  assert.ok(lines.some((line) => line.closed === "disconnect" && line.conn === 1));
  // What was still on the way when the socket was destroyed did not arrive: received is a beginning of what was sent.
  const sent = lines.filter(({ conn, n }) => conn === 1 && n !== undefined).map(({ text }) => text);
  assert.deepEqual(client.texts, sent.slice(0, client.texts.length));
});

test("a slow consumer is told so (error 25) and cut off; what it missed is in the truth file", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  await using exchange = await start({ truth, bufferLimit: 200_000 });
  const { ws_url, key_id, private_key } = exchange.kalshi;
  const ws = new WebSocket(ws_url, {
    headers: signedHeaders(key_id, readPrivateKey(private_key), Date.now(), "GET", KALSHI_SOCKET),
  });
  const client = new Listener(ws);
  await once(ws, "open");
  ws.send(
    JSON.stringify({
      id: 1,
      cmd: "subscribe",
      params: { channels: ["orderbook_delta"], market_tickers: exchange.tickers.slice(0, 1) },
    }),
  );
  await client.more(20);
  exchange.inject(fault("slow_consumer", { lasts: 60_000_000 }));
  assert.equal(await client.closed, 1008);
  await exchange[Symbol.asyncDispose]();
  const last = JSON.parse(client.texts.at(-1) ?? "") as { type: string; msg: { code: number } };
  assert.deepEqual([last.type, last.msg.code], ["error", 25]);
  const lines = truthOf(truth);
  const done = lines.find((line) => line.fault === "slow_consumer" && line.count !== undefined);
  assert.equal(lines.filter((line) => line.suppressed === "slow_consumer").length, done?.count);
});

test("a client that does not read is cut off when its buffer is full", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  await using exchange = await start({ rate: 40_000, bufferLimit: 100_000, truth });
  const client = await kalshi(exchange);
  await client.more(1);
  client.ws.pause();
  // The kernel's buffers fill first. Nothing but the truth file tells when the exchange has had enough.
  while (!readFileSync(truth).includes('"closed":"slow consumer"')) await setTimeout(20);
  client.ws.resume();
  assert.equal(await client.closed, 1008);
  assert.match(client.texts.at(-1) ?? "", /"code":25/);
});

test("terminal error 10 leaves the connection open and silent", async () => {
  await using exchange = await start();
  const client = await kalshi(exchange);
  await client.more(50);
  exchange.inject(fault("error", { code: 10 }));
  for (;;) {
    await client.more(1);
    if (client.texts.some((text) => text.includes('"code":10'))) break;
  }
  client.ws.send(JSON.stringify({ id: 2, cmd: "list_subscriptions" }));
  await client.more(1);
  await exchange[Symbol.asyncDispose]();
  const list = client.texts.find((text) => text.includes('"id":2')) ?? "";
  assert.deepEqual((JSON.parse(list) as { msg: unknown }).msg, []);
});

test("faults are read from text", () => {
  assert.deepEqual(parseFault("disconnect@5s"), fault("disconnect", { after: 5_000_000 }));
  assert.deepEqual(parseFault("sequence_gap:4@500ms"), fault("sequence_gap", { after: 500_000, count: 4 }));
  assert.deepEqual(
    parseFault("stall:10s@1m/polymarket"),
    fault("stall", { after: 60_000_000, lasts: 10_000_000, venue: "polymarket" }),
  );
  assert.deepEqual(parseFault("error:10#3"), fault("error", { code: 10, conn: 3 }));
  for (const text of ["", "explode", "stall:x", "drop:0", "error:7", "disconnect@soon", "drop/kalsi"]) {
    assert.throws(() => parseFault(text), UsageError);
  }
});

test("Kalshi's request budget: 429 with a plain body and no headers about it", async () => {
  await using exchange = await start({ kalshiRequestsPerSecond: 2 });
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => fetch(`${exchange.kalshi.rest_url}/exchange/status`)),
  );
  const limited = answers.find(({ status }) => status === 429);
  assert.ok(limited);
  assert.equal(await limited.text(), '{"error":"too many requests"}');
  assert.equal(limited.headers.get("retry-after"), null);
});

test("a capture is sent byte for byte, connection by connection", async () => {
  using directory = folder();
  const path = join(directory.path, "capture.jsonl.gz");
  const delta = (seq: number) => ({
    type: "orderbook_delta",
    sid: 1,
    seq,
    msg: { market_ticker: "KXA-1", price_dollars: "0.4000" },
  });
  const lines = [
    { conn: 1, recv_ns: 1_000_000_000, frame: delta(1) },
    { conn: 1, recv_ns: 2_000_000_000, frame: JSON.stringify(delta(2)) },
    { conn: 2, recv_ns: 3_000_000_000, frame: delta(3) },
  ];
  writeFileSync(path, gzipSync(lines.map((line) => JSON.stringify(line)).join("\n")));
  const capture = await readCapture(path);
  await using exchange = await start({ capture, speed: 50 });
  assert.deepEqual(exchange.tickers, ["KXA-1"]);
  const first = await kalshi(exchange);
  assert.equal(await first.closed, 1001);
  assert.deepEqual(
    first.texts,
    [delta(1), delta(2)].map((frame) => `${JSON.stringify(frame)}\n`),
  );
  const second = await kalshi(exchange);
  await second.more(1);
  assert.deepEqual(second.texts, [`${JSON.stringify(delta(3))}\n`]);
});

test("Kalshi pings with the word heartbeat", async () => {
  await using exchange = await start({ pingMs: 20 });
  const { ws } = await kalshi(exchange);
  const [data] = (await once(ws, "ping")) as [Buffer];
  assert.equal(data.toString(), "heartbeat");
});

test("a full disk under the truth file stops the exchange with a reason", async (t) => {
  if (!existsSync("/dev/full")) return t.skip("there is no /dev/full");
  await using exchange = await start({ truth: "/dev/full" });
  const client = await polymarket(exchange);
  await assert.rejects(exchange.failed, /ground truth cannot be written/);
  assert.equal(await client.closed, 1001);
});

test("a port that is taken is one clear error", async () => {
  await using exchange = await start();
  await assert.rejects(start({ port: exchange.port }), /port \d+ is taken/);
});
