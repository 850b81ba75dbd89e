import assert from "node:assert/strict";
import type { ClientRequest, IncomingMessage } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";
import { UsageError } from "../ops/errors.ts";
import { readPrivateKey, signedHeaders } from "../venues/kalshi/auth.ts";
import { type Exchange, KALSHI_SOCKET } from "./exchange.ts";
import { FAULTS, fault, parseFault } from "./fault.ts";
import { folder, kalshi, polymarket, start, truthOf } from "./listener.fixture.ts";

const SECOND = 1_000_000;

/** The answer to a handshake: its status, or the error where there is none. */
async function knock(exchange: Exchange, venue: "kalshi" | "polymarket"): Promise<{ status: number; body: string }> {
  const { ws_url, key_id, private_key } = exchange.kalshi;
  const headers = signedHeaders(key_id, readPrivateKey(private_key), Date.now(), "GET", KALSHI_SOCKET);
  const ws = venue === "kalshi" ? new WebSocket(ws_url, { headers }) : new WebSocket(exchange.polymarket.ws_url);
  const { promise, resolve } = Promise.withResolvers<{ status: number; body: string }>();
  ws.on("unexpected-response", (request: ClientRequest, response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      request.destroy();
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
    });
  });
  ws.on("error", ({ message }) => resolve({ status: 0, body: message }));
  ws.on("open", () => {
    ws.terminate();
    resolve({ status: 101, body: "" });
  });
  return await promise;
}

/** Lets a fault of a whole venue begin. */
async function befall(exchange: Exchange, ...texts: string[]): Promise<void> {
  for (const text of texts) exchange.inject(parseFault(text));
  const at = exchange.now;
  while (exchange.now <= at + 5_000) await new Promise((resolve) => setImmediate(resolve));
}

test("every kind can be written and read", () => {
  for (const kind of FAULTS) assert.deepEqual(parseFault(kind), fault(kind));
  assert.deepEqual(parseFault("rest_5xx:30:5s"), fault("rest_5xx", { count: 30, lasts: 5 * SECOND }));
  assert.deepEqual(parseFault("slow_commands:1s:9s"), fault("slow_commands", { delay: SECOND, lasts: 9 * SECOND }));
  for (const text of [
    "muted:101",
    "rest_html:404",
    "refuse:5s#1",
    "unauthorized/polymarket",
    "stall:1s:2s",
    "error:26",
  ])
    assert.throws(() => parseFault(text), UsageError, text);
});

test("half open: nothing is read or written any more, and nobody says so", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  await using exchange = await start({ truth, pingMs: 20 });
  const client = await kalshi(exchange);
  await client.more(50);
  let pings = 0;
  exchange.inject(fault("half_open", { lasts: SECOND / 2 }));
  // Frames and pings that are on the way arrive; then there is nothing until the other side forgets us.
  client.ws.on("ping", () => pings++);
  assert.equal(await client.closed, 1006);
  const lines = truthOf(truth);
  await exchange[Symbol.asyncDispose]();
  assert.ok(lines.filter(({ suppressed }) => suppressed === "half_open").length > 100);
  assert.ok(pings <= 2, `${pings} pings came`);
  assert.ok(lines.some(({ fault: kind, count }) => kind === "half_open" && (count ?? 0) > 100));
});

for (const venue of ["kalshi", "polymarket"] as const) {
  test(`${venue}: muted markets say nothing from their first book on, while others flow and nothing is counted`, async () => {
    using directory = folder();
    const truth = join(directory.path, "truth.jsonl");
    await using exchange = await start({ truth, faults: [parseFault(`muted:40/${venue}`)] });
    const client = venue === "kalshi" ? await kalshi(exchange) : await polymarket(exchange);
    await client.more(500);
    await exchange[Symbol.asyncDispose]();
    const market = (text = "") => /"(?:market_ticker|asset_id)":"([^"]+)"/.exec(text)?.[1] ?? "";
    const lines = truthOf(truth);
    const muted = new Set(lines.filter(({ suppressed }) => suppressed === "muted").map(({ text }) => market(text)));
    const heard = new Set(client.texts.map(market));
    assert.ok(muted.size > 0 && heard.size > 1);
    assert.deepEqual(
      [...muted].filter((name) => name !== "" && heard.has(name)),
      [],
    );
    const numbers = client.texts.flatMap((text) => /"sid":1,"seq":(\d+)/.exec(text)?.slice(1).map(Number) ?? []);
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => i + 1),
    );
  });
}

test("the last frames of a connection come again on the next one", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  await using exchange = await start({ truth });
  const client = await polymarket(exchange);
  await client.more(100);
  exchange.inject(fault("replay", { count: 20 }));
  await client.closed;
  const again = await polymarket(exchange);
  await again.more(30);
  await exchange[Symbol.asyncDispose]();
  const lines = truthOf(truth);
  const first = lines.filter(({ conn, n }) => conn === 1 && n !== undefined).map(({ text }) => text);
  const repeated = lines.filter((line) => line.fault === "replay" && line.n !== undefined);
  assert.deepEqual(
    repeated.map(({ text }) => text),
    first.slice(-20),
  );
  assert.deepEqual(again.texts.slice(0, 20), first.slice(-20));
});

test("commands are refused with 26 and 27, or answered late", async () => {
  await using exchange = await start();
  const client = await kalshi(exchange);
  await client.more(10);
  const ask = async (id: number) => {
    client.ws.send(JSON.stringify({ id, cmd: "list_subscriptions" }));
    for (;;) {
      await client.more(1);
      const text = client.texts.find((each) => each.includes(`"id":${id},`));
      if (text !== undefined) return text;
    }
  };
  for (const code of [26, 27]) {
    await befall(exchange, `command_error:${code}`);
    assert.match(await ask(code), new RegExp(`"type":"error","id":${code},"msg":{"code":${code},`));
    assert.match(await ask(code + 10), /"type":"ok"/);
  }
  await befall(exchange, "slow_commands:300ms:1s");
  const asked = exchange.now;
  await ask(100);
  assert.ok(exchange.now - asked >= 300_000);
});

test("a venue in maintenance closes its connections and refuses everything, until it is over; the other goes on", async () => {
  await using exchange = await start();
  const client = await polymarket(exchange);
  await client.more(5);
  await befall(exchange, "maintenance:2s/polymarket");
  assert.equal(await client.closed, 1001);
  const closed = await knock(exchange, "polymarket");
  assert.equal(closed.status, 503);
  assert.match(closed.body, /^<html>/);
  assert.equal((await fetch(`${exchange.polymarket.gamma_url}/markets?limit=1`)).status, 503);
  assert.equal((await knock(exchange, "kalshi")).status, 101);
  while ((await knock(exchange, "polymarket")).status !== 101);
});

for (const [kind, answer] of [
  ["clock_ahead", /header_timestamp_expired/],
  ["clock_behind", /header_timestamp_expired/],
  ["unauthorized", /INCORRECT_API_KEY_SIGNATURE/],
  ["refuse", /socket hang up|ECONNRESET/],
] as const) {
  test(`handshakes are refused: ${kind}`, async () => {
    using directory = folder();
    const truth = join(directory.path, "truth.jsonl");
    await using exchange = await start({ truth });
    assert.equal((await knock(exchange, "kalshi")).status, 101);
    await befall(exchange, `${kind}:5m/kalshi`);
    assert.match((await knock(exchange, "kalshi")).body, answer);
    assert.equal((await knock(exchange, "polymarket")).status, 101);
    await exchange[Symbol.asyncDispose]();
    const over = truthOf(truth).filter((line) => line.fault !== undefined && line.count !== undefined);
    assert.deepEqual(
      over.map(({ fault, conn, count }) => [fault, conn, (count ?? 0) > 0]),
      [[kind, null, true]],
    );
  });
}

test("REST answers as a venue in trouble answers", async () => {
  const names = async (url: string) => {
    const { markets, cursor, next_cursor } = (await (await fetch(url)).json()) as {
      markets: { ticker?: string; slug?: string }[];
      cursor?: string;
      next_cursor?: string;
    };
    return { names: markets.map(({ ticker, slug }) => ticker ?? slug), cursor: cursor ?? next_cursor ?? "" };
  };
  const during = async (text: string, look: (kalshiList: string, gammaList: string) => Promise<void>) => {
    await using exchange = await start({ markets: 60, rate: 100 });
    await befall(exchange, `${text}:5m`);
    await look(
      `${exchange.kalshi.rest_url}/markets?limit=5`,
      `${exchange.polymarket.gamma_url}/markets/keyset?limit=5`,
    );
  };
  await during("rest_429", async (kalshiList, gammaList) => {
    const [k, p] = [await fetch(kalshiList), await fetch(gammaList)];
    assert.deepEqual(
      [k.status, await k.text(), k.headers.get("retry-after")],
      [429, '{"error":"too many requests"}', null],
    );
    assert.deepEqual([p.status, p.headers.get("retry-after"), p.headers.get("content-type")], [429, "1", "text/html"]);
    assert.match(await p.text(), /^<html>/);
  });
  await during("rest_425", async (_, gammaList) => assert.equal((await fetch(gammaList)).status, 425));
  await during("rest_5xx:100", async (kalshiList) => assert.ok((await fetch(kalshiList)).status >= 500));
  await during("rest_html:200", async (kalshiList) => {
    const answer = await fetch(kalshiList);
    assert.equal(answer.status, 200);
    assert.match(await answer.text(), /^<html>/);
  });
  await during("rest_slow:200ms", async (kalshiList) => {
    const asked = performance.now();
    assert.equal((await fetch(kalshiList)).status, 200);
    assert.ok(performance.now() - asked >= 199);
  });
  await during("rest_hang", (kalshiList) =>
    assert.rejects(fetch(kalshiList, { signal: AbortSignal.timeout(100) }), { name: "TimeoutError" }),
  );
  await during("rest_first_page", async (kalshiList) => {
    const first = await names(kalshiList);
    assert.deepEqual((await names(`${kalshiList}&cursor=garbage`)).names, first.names);
    assert.deepEqual((await names(`${kalshiList}&cursor=${first.cursor}`)).names, first.names);
  });
  await during("rest_repeat_page", async (_, gammaList) => {
    const one = await names(gammaList);
    assert.deepEqual(await names(`${gammaList}&after_cursor=${one.cursor}`), one);
  });
  await using sound = await start({ markets: 60, rate: 100 });
  const list = `${sound.kalshi.rest_url}/markets?limit=5`;
  const first = await names(list);
  assert.notDeepEqual((await names(`${list}&cursor=${first.cursor}`)).names, first.names);
});

test("a market that was just created is listed and not yet found", async () => {
  const script = {
    createdAfter: 20_000,
    opensAfter: 900 * SECOND,
    regridAfter: 900 * SECOND,
    pausesAfter: 900 * SECOND,
    closesAfter: 950 * SECOND,
  };
  await using exchange = await start({ script, faults: [parseFault("rest_404:600ms:1m")] });
  const before = new Set(exchange.tickers);
  const created = async () => {
    for (;;) {
      const ticker = exchange.tickers.find((each) => !before.has(each));
      if (ticker !== undefined) return ticker;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const url = `${exchange.kalshi.rest_url}/markets/${await created()}`;
  assert.equal((await fetch(url)).status, 404);
  while ((await fetch(url)).status !== 200);
});

test("an empty first book for nobody: above its cap a Polymarket connection hears only changes", async () => {
  await using exchange = await start({ polymarketTokenLimit: 3, markets: { kalshi: 2, polymarket: 6 } });
  const client = await polymarket(exchange);
  await client.more(50);
  assert.ok(!client.texts.some((text) => text.startsWith("[")));
});

test("a frame of 65 MiB goes out in place of a sound one, and no limit of ours cuts the client off", async () => {
  using directory = folder();
  const truth = join(directory.path, "truth.jsonl");
  await using exchange = await start({ truth, bufferLimit: 1 << 20 });
  const ws = new WebSocket(exchange.polymarket.ws_url, { maxPayload: 64 << 20 });
  const { promise, resolve } = Promise.withResolvers<string>();
  ws.on("error", ({ message }) => resolve(message));
  ws.on("open", () => ws.send(JSON.stringify({ assets_ids: exchange.tokens, type: "market" })));
  ws.once("message", () => exchange.inject(fault("oversize")));
  assert.match(await promise, /Max payload size exceeded/);
  await exchange[Symbol.asyncDispose]();
  const lines = truthOf(truth);
  assert.equal(lines.filter(({ suppressed }) => suppressed === "oversize").length, 1);
  assert.ok(!lines.some(({ closed }) => closed === "slow consumer"));
});
