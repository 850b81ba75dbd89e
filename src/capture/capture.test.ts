import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { WebSocket } from "ws";
import { FakeKalshi, send } from "../../test/fake-kalshi.ts";
import { FakePolymarket } from "../../test/fake-polymarket.ts";
import { type Behaviour, FakeVenue } from "../../test/fake-venue.ts";
import { decisions, journalRecords, type TextRecord } from "../../test/journal-records.ts";
import { journalConfig } from "../journal/config.ts";
import { kalshiConfig } from "../venues/kalshi/config.ts";
import { kalshiLive } from "../venues/kalshi/live.ts";
import { polymarketConfig } from "../venues/polymarket/config.ts";
import { polymarketLive } from "../venues/polymarket/live.ts";
import type { Channel } from "../venues/venue.ts";
import { type Capture, startCapture } from "./capture.ts";
import { recordConfig } from "./config.ts";

const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });

interface Recording {
  readonly capture: Capture;
  readonly warnings: string[];
  /** Stops and reads everything back. */
  finish(): Promise<TextRecord[]>;
}

/** Records one fake venue; a listener without filters. */
async function record(
  t: TestContext,
  id: "kalshi" | "polymarket",
  venue: FakeVenue,
  options: { record?: object; discoveryEvery?: number; maxMarkets?: number; channels?: readonly Channel[] } = {},
): Promise<Recording> {
  const dir = mkdtempSync(join(tmpdir(), "foretape-"));
  const live =
    id === "kalshi"
      ? kalshiLive(kalshiConfig.parse({ rest_url: venue.url, ws_url: venue.wsUrl, key_id: "id", private_key: pem }))
      : polymarketLive(polymarketConfig.parse({ gamma_url: venue.url, ws_url: venue.wsUrl }));
  const warnings: string[] = [];
  const capture = await startCapture({
    dir,
    name: "main",
    program: { name: "foretape", version: "0" },
    journal: journalConfig.parse(undefined),
    record: recordConfig.parse({ reconnect_min: "10ms", reconnect_max: "50ms", ...options.record }),
    publicConfig: {},
    venues: [{ id, live }],
    listeners: [
      {
        name: "all",
        venue: id,
        filters: {},
        channels: options.channels ?? ["book"],
        maxMarkets: options.maxMarkets ?? 10,
        discoveryEvery: options.discoveryEvery ?? 3_600_000_000,
      },
    ],
    onWarning: (message) => warnings.push(message),
  });
  t.after(async () => {
    await capture.stop();
    await venue.stop();
    rmSync(dir, { recursive: true });
  });
  const finish = async () => {
    await capture.stop();
    return journalRecords(dir);
  };
  return { capture, warnings, finish };
}

/** Resolves when a condition of this process holds. */
async function until(when: () => boolean): Promise<void> {
  const giveUp = Date.now() + 20_000;
  while (!when()) {
    assert.ok(Date.now() < giveUp, "it did not happen within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const kinds = (records: readonly TextRecord[], kind: string) =>
  records
    .filter((record) => record.kind === kind)
    .map((record) => ({ epoch: record.epoch, ...JSON.parse(record.text) }));

test("a connection that the venue ends is made again and subscribed again", async (t) => {
  const venue = await FakeVenue.start(new FakeKalshi(["KXA-1-T1"]));
  const { capture, finish } = await record(t, "kalshi", venue);
  await until(() => capture.progress.frames >= 2);
  venue.sockets[0]?.close(1001, "going away");
  await venue.until(() => venue.commands.length === 2);
  await until(() => capture.progress.frames >= 4);
  const records = await finish();
  assert.deepEqual(
    kinds(records, "connected").map(({ epoch, stream, format }) => [epoch, stream, format]),
    [
      [1, "market/0", "kalshi-ws-v2"],
      [2, "market/0", "kalshi-ws-v2"],
    ],
  );
  assert.deepEqual(kinds(records, "closed"), [
    { epoch: 1, by: "venue", code: 1001, reason: "going away" },
    { epoch: 2, by: "stopped" },
  ]);
  assert.deepEqual(
    records.filter(({ kind }) => kind === "sent").map(({ epoch }) => epoch),
    [1, 2],
  );
  assert.equal(venue.handshakes[1]?.headers["user-agent"], "foretape/0");
});

test("a missing sequence number is a decision and a request for snapshots", async (t) => {
  const fake = new FakeKalshi(["KXA-1-T1", "KXA-1-T2"]);
  const venue = await FakeVenue.start(fake);
  const { capture, finish } = await record(t, "kalshi", venue);
  await until(() => capture.progress.frames >= 3);
  const [socket] = venue.sockets;
  assert.ok(socket);
  fake.delta(socket, "KXA-1-T1");
  fake.delta(socket, "KXA-1-T1", 2);
  await until(() => capture.progress.frames >= 7);
  const records = await finish();
  assert.deepEqual(decisions(records, "resync"), [
    { venue: "kalshi", stream: "market/0", type: "resync", reason: "sequence", sid: 1, expected: 4, got: 6, books: 2 },
  ]);
  assert.deepEqual(JSON.parse(venue.commands[1] ?? "").params.action, "get_snapshot");
  const at = (text: string) => records.findIndex((record) => record.text.includes(text));
  assert.ok(at('"resync"') < at('"get_snapshot"'));
});

/** Polymarket that goes silent after its first books, and answers keep-alives only. */
async function silentVenue(t: TestContext): Promise<FakeVenue> {
  const fake = new FakePolymarket([{ market: "0xa", tokens: ["1", "2"] }]);
  const venue = await FakeVenue.start({
    get: (url) => fake.get(url),
    said(socket, text) {
      if (!text.includes('"operation"')) fake.said(socket, text);
    },
  });
  const pongs = setInterval(() => venue.sockets.forEach((socket) => socket.send("PONG")), 20);
  t.after(() => clearInterval(pongs));
  return venue;
}

test("silence under pongs: a book is asked for, and where none comes it is a stall", async (t) => {
  const venue = await silentVenue(t);
  const { finish } = await record(t, "polymarket", venue, { record: { stall_after: "300ms" } });
  await venue.until(() => venue.handshakes.length >= 2);
  const records = await finish();
  const [probe] = decisions(records, "probe");
  assert.deepEqual(probe?.["markets"], ["0xa"]);
  const [stall] = decisions(records, "stall");
  assert.deepEqual([stall?.venue, stall?.["stream"], stall?.["reason"]], ["polymarket", "market/0", "no-data"]);
  assert.ok(Number(stall?.["silentFor"]) >= 300_000 && Number(stall?.["since"]) > 0);
  assert.deepEqual(kinds(records, "closed")[0], { epoch: 1, by: "watchdog", reason: "stall" });
  assert.equal(records.find(({ kind, text }) => kind === "decision" && text.includes('"stall"'))?.epoch, 1);
});

test("markets that are quiet by nature answer when asked, and are asked less and less often", async (t) => {
  const venue = await FakeVenue.start(new FakePolymarket([{ market: "0xa", tokens: ["1", "2"] }]));
  const { finish } = await record(t, "polymarket", venue, { record: { stall_after: "150ms" } });
  await venue.until(() => venue.commands.length >= 7);
  const records = await finish();
  const silent = decisions(records, "probe").map(({ silentFor }) => Number(silentFor));
  assert.ok((silent[0] ?? 0) >= 100_000 && (silent[1] ?? 0) >= 200_000 && (silent[2] ?? 0) >= 400_000, String(silent));
  assert.deepEqual(decisions(records, "stall"), []);
  assert.equal(venue.handshakes.length, 1);
});

test("nothing is expected of markets that are over: no book is asked for, and silence is no stall", async (t) => {
  const fake = new FakePolymarket([{ market: "0xa", tokens: ["1", "2"] }]);
  let pings = 0;
  const venue = await FakeVenue.start({
    ...behaviourOf(fake),
    connected: (socket) => socket.on("ping", () => pings++),
  });
  const { finish } = await record(t, "polymarket", venue, {
    record: { stall_after: "300ms", dead_after: "300ms" },
    discoveryEvery: 20_000,
  });
  await venue.until(() => venue.commands.length > 0);
  fake.closed.add("0xa");
  const listed = venue.requests.length;
  await venue.until(() => venue.requests.length > listed + 2);
  fake.mute.add("1").add("2");
  const from = pings;
  await until(() => pings >= from + 8);
  const records = await finish();
  assert.deepEqual(decisions(records, "stall"), []);
  assert.equal(venue.handshakes.length, 1);
});

test("a connection on which nothing at all arrives is pinged, then given up", async (t) => {
  const fake = new FakeKalshi(["KXA-1-T1"]);
  const venue = await FakeVenue.start({
    ...behaviourOf(fake),
    connected(socket) {
      // Half open: what the other side sends is not read any more.
      socket.once("ping", () => socket.pause());
      socket.pong = () => {};
    },
  });
  const { finish } = await record(t, "kalshi", venue, { record: { dead_after: "300ms", stall_after: "60s" } });
  await venue.until(() => venue.handshakes.length >= 2);
  const records = await finish();
  const [stall] = decisions(records, "stall");
  assert.equal(stall?.["reason"], "dead");
  assert.ok(Number(stall?.["silentFor"]) >= 300_000);
  assert.deepEqual(kinds(records, "closed")[0], { epoch: 1, by: "watchdog", reason: "dead" });
});

test("frames are recorded as they came, broken ones too, and broken ones bring fresh books", async (t) => {
  const venue = await FakeVenue.start(new FakePolymarket([{ market: "0xa", tokens: ["1", "2"] }]));
  const { capture, finish } = await record(t, "polymarket", venue);
  await until(() => capture.progress.frames >= 1);
  const broken = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]);
  venue.sockets[0]?.send(broken, { binary: false });
  await until(() => capture.progress.frames >= 3);
  const records = await finish();
  const received = records.filter(({ kind }) => kind === "received");
  assert.equal(received[1]?.text, broken.toString());
  assert.deepEqual(decisions(records, "resync")[0]?.["tokens"], ["1", "2"]);
  assert.equal(kinds(records, "connected").length, 1);
});

test("a frame over the limit ends the connection as oversize", async (t) => {
  const venue = await FakeVenue.start(new FakePolymarket([{ market: "0xa", tokens: ["1", "2"] }]));
  const { capture, finish } = await record(t, "polymarket", venue);
  await until(() => capture.progress.frames >= 1);
  venue.sockets[0]?.send(Buffer.alloc(64 * 1024 * 1024 + 1, 32), { binary: false });
  await venue.until(() => venue.handshakes.length >= 2);
  const records = await finish();
  assert.equal(decisions(records, "oversize")[0]?.["limit"], 64 * 1024 * 1024);
});

test("when writing does not keep up the sockets pause, and nothing is lost", async (t) => {
  const fake = new FakeKalshi(["KXA-1-T1"]);
  const venue = await FakeVenue.start(fake);
  const { capture, finish } = await record(t, "kalshi", venue, { record: { max_unwritten: 2_000 } });
  await until(() => capture.progress.frames >= 2);
  const [socket] = venue.sockets;
  assert.ok(socket);
  for (let i = 0; i < 5_000; i++) fake.delta(socket, "KXA-1-T1");
  await until(() => capture.progress.frames === 5_002 && !capture.progress.paused);
  const records = await finish();
  const paused = decisions(records, "paused");
  assert.ok(paused.length > 0);
  assert.equal(decisions(records, "resumed").length, paused.length);
  assert.deepEqual(decisions(records, "resync"), []);
});

test("a refused handshake is tried again with a wait, and the user is told", async (t) => {
  const venue = await FakeVenue.start({
    ...behaviourOf(new FakeKalshi(["KXA-1-T1"])),
    refuse: (attempt) => (attempt <= 3 ? 503 : null),
  });
  const { capture, warnings, finish } = await record(t, "kalshi", venue);
  await until(() => capture.progress.frames >= 2);
  const records = await finish();
  assert.deepEqual(
    decisions(records, "connect-failed").map(({ status, attempts }) => [status, attempts]),
    [
      [503, 1],
      [503, 2],
      [503, 3],
    ],
  );
  assert.equal(warnings.length, 2);
  assert.match(warnings[0] ?? "", /cannot connect to kalshi \(market\/0\): HTTP 503/);
  assert.equal(kinds(records, "connected").length, 1);
});

test("a clock that is off is told from a key that is wrong, said once, and signed around", async (t) => {
  const ahead = 120_000;
  const venue = await FakeVenue.start({
    ...behaviourOf(new FakeKalshi(["KXA-1-T1"])),
    refuse(_, request) {
      const signed = Number(request.headers["kalshi-access-timestamp"]);
      const now = Date.now() + ahead;
      if (Math.abs(now - signed) < 10_000) return null;
      const body = JSON.stringify({ error: { code: "header_timestamp_expired", message: "header timestamp expired" } });
      return { status: 401, body, headers: { date: new Date(now).toUTCString() } };
    },
  });
  const { capture, warnings, finish } = await record(t, "kalshi", venue);
  await until(() => capture.progress.frames >= 2);
  const failed = decisions(await finish(), "connect-failed");
  assert.deepEqual(
    failed.map(({ status, refusal, code, corrected }) => [status, refusal, code, corrected]),
    [[401, "clock", "header_timestamp_expired", true]],
  );
  assert.ok(Math.abs(Number(failed[0]?.["clockOffsetMs"]) - ahead) <= 1_000);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /clock is 1(19|20|21) s behind kalshi's; set it/);
});

test("a wrong key is one warning and no hot loop", async (t) => {
  const body = JSON.stringify({ error: { code: "authentication_error", details: "NOT_FOUND" } });
  const at: number[] = [];
  const venue = await FakeVenue.start({
    ...behaviourOf(new FakeKalshi(["KXA-1-T1"])),
    refuse: (attempt) => {
      at.push(performance.now());
      return attempt <= 3 ? { status: 401, body, headers: {} } : null;
    },
  });
  const { capture, warnings, finish } = await record(t, "kalshi", venue, { record: { reconnect_max: "200ms" } });
  await until(() => capture.progress.frames >= 2);
  for (let i = 1; i < at.length; i++) assert.ok((at[i] ?? 0) - (at[i - 1] ?? 0) >= 190);
  const failed = decisions(await finish(), "connect-failed");
  assert.deepEqual(
    failed.map(({ refusal }) => refusal),
    ["key", "key", "key"],
  );
  assert.deepEqual(
    warnings.map((text) => text.slice(0, 40)),
    ["kalshi refuses the connection: the key i"],
  );
});

test("after an outage 2,000 books are there again within five seconds of the venue's return, whatever the back-off", async (t) => {
  const names = Array.from({ length: 2_000 }, (_, i) => `KXA-1-T${i}`);
  const first = await FakeVenue.start(new FakeKalshi(names));
  const options = { record: { reconnect_min: "30s", reconnect_max: "60s" }, maxMarkets: 2_000 };
  const { capture, finish } = await record(t, "kalshi", first, options);
  await until(() => capture.progress.subscriptions[0]?.observed === 2_000);
  const port = Number(new URL(first.url).port);
  await first.stop();
  await until(() => capture.progress.connections === 0);
  // Nobody takes connections long enough for one knock at least to fail.
  await new Promise((resolve) => setTimeout(resolve, 2_600));
  const back = performance.now();
  const second = await FakeVenue.start(new FakeKalshi(names), port);
  t.after(() => second.stop());
  await until(() => capture.progress.subscriptions[0]?.observed === 2_000);
  const took = performance.now() - back;
  assert.ok(took < 5_000, `${took} ms`);
  await finish();
});

test("what a full connection refuses is on another one, and the counts agree", async (t) => {
  const names = Array.from({ length: 60 }, (_, i) => `KXA-1-T${i}`);
  const fake = new FakeKalshi(names);
  const held = new WeakMap<WebSocket, Set<string>>();
  const venue = await FakeVenue.start({
    get: (url) => fake.get(url),
    said(socket, text) {
      const { id, params } = JSON.parse(text);
      const known = held.get(socket) ?? new Set<string>();
      held.set(socket, known);
      if (known.size + params.market_tickers.length > 40) {
        return send(socket, { type: "error", id, msg: { code: 26, msg: "Subscription market limit exceeded" } });
      }
      for (const ticker of params.market_tickers) known.add(ticker);
      fake.said(socket, text);
    },
  });
  const { capture, finish } = await record(t, "kalshi", venue, { maxMarkets: 60 });
  await until(() => capture.progress.subscriptions[0]?.observed === 60);
  assert.deepEqual(capture.progress.subscriptions, [
    { venue: "kalshi", channel: "orderbook_delta", desired: 60, acknowledged: 60, observed: 60 },
  ]);
  assert.deepEqual(capture.differences(5), []);
  assert.equal(capture.progress.connections, 2);
  const records = await finish();
  assert.equal(decisions(records, "moved").length, 1);
});

test("discovery outlives 429, error pages and broken answers; equal bodies are kept once", async (t) => {
  const fake = new FakePolymarket([{ market: "0xa", tokens: ["1", "2"] }]);
  const failures = [
    { status: 429, body: "<html>slow down</html>", headers: { "retry-after": "0" } },
    { status: 503, body: "" },
    { status: 200, body: "<html>" },
  ];
  const venue = await FakeVenue.start({ ...behaviourOf(fake), get: (url) => failures.shift() ?? fake.get(url) });
  const { warnings, finish } = await record(t, "polymarket", venue, { discoveryEvery: 20_000 });
  await venue.until(() => venue.requests.length >= 6);
  assert.equal(warnings.filter((text) => /^listener all cannot list its markets yet: .*503/.test(text)).length, 1);
  const records = await finish();
  const heads = records
    .filter(({ kind }) => kind === "http")
    .map(({ frame, text }) => ({ frame, body: text.split("\n")[1], ...JSON.parse(text.split("\n")[0] ?? "") }));
  assert.deepEqual(
    heads.slice(0, 4).map(({ status }) => status),
    [429, 503, 200, 200],
  );
  assert.deepEqual([heads[4]?.bodyOf, heads[4]?.body], [heads[3]?.frame, ""]);
  assert.equal(decisions(records, "discovery")[0]?.["found"], 1);
});

test("a market leaves when two listings in a row lack it", async (t) => {
  const listings = [["KXA-1-T1", "KXA-1-T2"], ["KXA-1-T1"], ["KXA-1-T1", "KXA-1-T2"], ["KXA-1-T1"], ["KXA-1-T1"]];
  const fakes = listings.map((markets) => new FakeKalshi(markets));
  const [socket] = fakes;
  assert.ok(socket);
  let latest = fakes.at(-1);
  const venue = await FakeVenue.start({
    ...behaviourOf(socket),
    get(url) {
      if (url.pathname === "/markets") latest = fakes.shift() ?? latest;
      return (latest ?? socket).get(url);
    },
  });
  const { finish } = await record(t, "kalshi", venue, { discoveryEvery: 20_000 });
  await venue.until(() => venue.commands.length >= 2);
  const records = await finish();
  assert.deepEqual(JSON.parse(venue.commands[1] ?? "").params, {
    sids: [1],
    market_tickers: ["KXA-1-T2"],
    action: "delete_markets",
  });
  assert.deepEqual(decisions(records, "unsubscribe")[0]?.["markets"], ["KXA-1-T2"]);
  assert.ok(decisions(records, "discovery").length >= 5);
});

test("a market that Kalshi announces is recorded without waiting for the next listing", async (t) => {
  const markets = ["KXA-1-T1"];
  const fake = new FakeKalshi(markets);
  const venue = await FakeVenue.start(fake);
  const { capture, finish } = await record(t, "kalshi", venue, { channels: ["book", "lifecycle"] });
  await until(() => capture.progress.frames >= 3);
  markets.push("KXA-2-T1");
  const [socket] = venue.sockets;
  assert.ok(socket);
  const msg = { event_type: "created", market_ticker: "KXA-2-T1" };
  socket.send(JSON.stringify({ type: "market_lifecycle_v2", sid: 2, seq: 1, msg }));
  await venue.until(() => venue.commands.some((command) => command.includes("add_markets")));
  const records = await finish();
  assert.deepEqual(
    decisions(records, "subscribe").map(({ markets: added }) => added),
    [["KXA-1-T1"], ["KXA-2-T1"]],
  );
});

test("project may ask for snapshots; ticks are written while nothing arrives", async (t) => {
  const venue = await FakeVenue.start(new FakeKalshi(["KXA-1-T1"]));
  const { capture, finish } = await record(t, "kalshi", venue);
  await until(() => capture.progress.frames >= 2);
  capture.resync("kalshi", ["KXA-1-T1", "KXB"], "books stay uncertain");
  capture.resync("nasdaq", ["X"], "unknown venue");
  await venue.until(() => venue.commands.length >= 2);
  const before = capture.journal.lastFrame;
  await until(() => capture.journal.lastFrame > before + 1);
  const records = await finish();
  assert.deepEqual(decisions(records, "resync"), [
    {
      venue: "kalshi",
      stream: "market/0",
      type: "resync",
      by: "project",
      reason: "books stay uncertain",
      markets: ["KXA-1-T1"],
    },
  ]);
  assert.ok(records.some(({ kind }) => kind === "tick"));
});

test("a stop while the venue is away ends at once", async (t) => {
  const venue = await FakeVenue.start({ ...behaviourOf(new FakeKalshi(["KXA-1-T1"])), refuse: () => 503 });
  const { finish } = await record(t, "kalshi", venue);
  await venue.until(() => venue.refused >= 1);
  const from = performance.now();
  await finish();
  assert.ok(performance.now() - from < 3_000);
});

function behaviourOf(fake: Behaviour): Behaviour {
  return { get: (url) => fake.get(url), said: (socket, text) => fake.said?.(socket, text) };
}
