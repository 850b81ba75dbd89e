import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Exchange, startExchange } from "../exchange/exchange.ts";
import { fault, type FaultKind } from "../exchange/fault.ts";
import { journalDir } from "../journal/layout.ts";
import { lockJournal } from "../journal/lock.ts";
import { probeSink } from "../sinks/probe.ts";
import { kalshi } from "../venues/kalshi/index.ts";
import { polymarket } from "../venues/polymarket/index.ts";
import type { LiveVenue } from "../venues/venue.ts";
import { runChecks } from "./check.ts";
import { clockFinding } from "./clock.ts";
import type { Finding } from "./finding.ts";
import { checkStorage, systemFindings } from "./storage.ts";
import { checkVenue } from "./venue.ts";

const { signal } = new AbortController();
const ALL = 60_000_000;

async function exchangeWith(t: TestContext, ...kinds: FaultKind[]): Promise<Exchange> {
  const faults = kinds.map((kind) => fault(kind, { lasts: ALL }));
  const exchange = await startExchange({ markets: 3, rate: 1, keyType: "ed25519", faults });
  t.after(() => exchange[Symbol.asyncDispose]());
  return exchange;
}

const folder = (t: TestContext): string => {
  const dir = mkdtempSync(join(tmpdir(), "foretape-check-test-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
};

function check(id: string, live: () => LiveVenue, timeoutMs = 5_000): Promise<Finding[]> {
  return checkVenue({ id, live, withoutKeys: live, userAgent: "test", timeoutMs, signal });
}

const checkKalshi = (settings: object, timeoutMs?: number) =>
  check("kalshi", () => kalshi.live(kalshi.config.parse(settings) as never), timeoutMs);
const checkPolymarket = (settings: object, timeoutMs?: number) =>
  check("polymarket", () => polymarket.live(polymarket.config.parse(settings) as never), timeoutMs);

const failures = (findings: readonly Finding[]) => {
  const failed = findings.filter(({ status }) => status === "fail");
  for (const { hint } of failed) assert.ok(hint, "each failure has a hint");
  return failed;
};
const otherKey = () => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });

test("with a right key and a right clock everything is fine", async (t) => {
  const exchange = await exchangeWith(t);
  const findings = await checkKalshi(exchange.kalshi);
  assert.deepEqual(
    findings.map(({ check: kind, status }) => `${kind} ${status}`),
    ["venue ok", "keys ok", "venue ok", "clock ok"],
  );
  assert.deepEqual(
    (await checkPolymarket(exchange.polymarket)).map(({ status }) => status),
    ["ok", "ok", "ok", "ok", "ok"],
  );
});

test("an unknown key id and another's private key are told apart, over REST and WebSocket", async (t) => {
  const exchange = await exchangeWith(t);
  for (const [change, pattern] of [
    [{ key_id: "canary-id" }, /key id is not known/],
    [{ private_key: otherKey() }, /private key is another's/],
  ] as const) {
    const failed = failures(await checkKalshi({ ...exchange.kalshi, ...change }));
    assert.equal(failed.length, 2);
    for (const finding of failed) {
      assert.equal(finding.check, "keys");
      assert.match(finding.detail, pattern);
      assert.ok(!JSON.stringify(finding).includes("PRIVATE"));
    }
  }
});

test("a clock that is off on either side is a matter of the clock, not of the key", async (t) => {
  for (const kind of ["clock_ahead", "clock_behind"] as const) {
    const exchange = await exchangeWith(t, kind);
    const failed = failures(await checkKalshi(exchange.kalshi));
    assert.equal(failed.length, 2);
    for (const { detail, hint } of failed) {
      assert.match(detail, /a clock is off/);
      assert.match(hint ?? "", /clock/);
    }
  }
});

test("a refused handshake is told where REST is fine", async (t) => {
  const wrong = failures(await checkKalshi((await exchangeWith(t, "unauthorized")).kalshi));
  assert.deepEqual(
    wrong.map(({ check: kind, detail }) => [kind, /WebSocket.*private key/.test(detail)]),
    [["keys", true]],
  );
  const silent = failures(await checkKalshi((await exchangeWith(t, "refuse")).kalshi));
  assert.equal(silent.length, 1);
  assert.match(silent[0]?.detail ?? "", /WebSocket at .* cannot be reached/);
});

test("what does not answer fails after the time it is given", async (t) => {
  const exchange = await exchangeWith(t, "rest_hang");
  const failed = failures(await checkPolymarket(exchange.polymarket, 2_000));
  assert.equal(failed.length, 3);
  for (const { detail } of failed) assert.match(detail, /no answer within 2 s/);
});

test("a page of HTML and a venue in maintenance are no network failure", async (t) => {
  const html = failures(await checkPolymarket((await exchangeWith(t, "maintenance")).polymarket));
  assert.equal(html.length, 4);
  for (const { detail, hint } of html) {
    assert.match(detail, /HTTP 503/);
    assert.match(hint ?? "", /maintenance/);
  }
});

test("one venue that is down leaves the other one's result alone", async (t) => {
  const exchange = await exchangeWith(t);
  const closed = createServer();
  closed.listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  const down = { rest_url: `http://127.0.0.1:${port}/v2`, ws_url: `ws://127.0.0.1:${port}/ws` };
  const entry = (id: string, live: () => LiveVenue) => ({ id, live, withoutKeys: live, userAgent: "test" });
  const findings: Finding[] = [];
  const all = runChecks({
    venues: [
      entry("kalshi", () => kalshi.live(kalshi.config.parse({ ...exchange.kalshi, ...down }) as never)),
      entry("polymarket", () => polymarket.live(polymarket.config.parse(exchange.polymarket) as never)),
    ],
    tape: join(folder(t), "tape"),
    recorder: "main",
    sinks: [],
    signal,
  });
  for await (const finding of all) findings.push(finding);
  const failed = failures(findings);
  assert.equal(failed.length, 3);
  for (const { detail, hint } of failed) {
    assert.match(detail, /^kalshi: .*ECONNREFUSED/);
    assert.match(hint ?? "", /network/);
  }
});

test("a key that cannot be read does not keep the venue from being asked", async (t) => {
  const { kalshi: settings } = await exchangeWith(t);
  const { private_key: _, ...open } = settings;
  const secret = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----";
  const make = (config: object) => () => kalshi.live(kalshi.config.parse(config) as never);
  const findings = await checkVenue({
    id: "kalshi",
    live: make({ ...settings, private_key: secret }),
    withoutKeys: make(open),
    userAgent: "test",
    timeoutMs: 5_000,
    signal,
  });
  assert.deepEqual(
    findings.map(({ check: kind, status }) => `${kind} ${status}`),
    ["keys fail", "venue ok", "clock ok"],
  );
  assert.ok(!JSON.stringify(findings).includes("Y2FuYXJ5"));
});

test("only an offset that whole seconds prove is one: above 1 s a warning, above 10 s a failure", () => {
  const at = Date.UTC(2026, 10, 21, 12) * 1000;
  const judge = (aheadMs: number) =>
    clockFinding("kalshi", [
      {
        status: 200,
        body: "",
        date: new Date(at / 1000).toUTCString(),
        askedAt: at + aheadMs * 1000,
        answeredAt: at + aheadMs * 1000 + 50_000,
      },
    ]);
  assert.deepEqual(
    [-11_000, -9_000, -1_100, -1_000, 0, 900, 1_900, 2_100, 10_900, 11_100].map((ms) => judge(ms)?.status),
    ["fail", "warn", "warn", "ok", "ok", "ok", "ok", "warn", "warn", "fail"],
  );
  assert.match(judge(30_000)?.detail ?? "", /29\.5 s ahead/);
  assert.match(judge(-30_000)?.detail ?? "", /30\.5 s behind/);
  assert.equal(clockFinding("kalshi", []), null);
});

test("the tape is measured where it will be, and nothing is left there", async (t) => {
  const dir = folder(t);
  const findings = await checkStorage(join(dir, "a", "tape"), "main");
  assert.deepEqual(failures(findings), []);
  assert.match(
    findings.map(({ detail }) => detail).join("\n"),
    /it will be made[^]*GB free[^]*fdatasync takes [\d.]+ ms at p50/,
  );
  assert.deepEqual(readdirSync(dir), []);
});

test("a tape that cannot be written fails", async (t) => {
  const file = join(folder(t), "file");
  writeFileSync(file, "");
  for (const tape of [file, join(file, "tape")]) {
    const [failed, ...more] = failures(await checkStorage(tape, "main"));
    assert.match(failed?.detail ?? "", /cannot be written/);
    assert.deepEqual(more, []);
  }
});

test("a running recorder is fine, and told", async (t) => {
  const tape = folder(t);
  const dir = journalDir(tape, "main");
  mkdirSync(dir, { recursive: true });
  const last = async () => (await checkStorage(tape, "main")).at(-1);
  assert.match((await last())?.detail ?? "", /is free/);
  using _ = lockJournal(dir, "main");
  const held = await last();
  assert.equal(held?.status, "ok");
  assert.match(held.detail, /running recorder/);
});

test("file systems that keep no promise are said", () => {
  for (const kind of ["network", "memory", "layer"] as const) {
    const [finding] = systemFindings({ kind, name: "NFS" });
    assert.equal(finding?.status, "warn");
    assert.ok(finding.hint);
  }
  assert.deepEqual(systemFindings({ kind: null, name: null }), []);
});

test("a sink's file is looked at, not touched", async (t) => {
  const dir = folder(t);
  const at = (name: string) => probeSink({ type: "sqlite", path: join(dir, name) } as never);
  assert.match(await at("new/rows.sqlite"), /will be made/);
  writeFileSync(join(dir, "text"), "no database, but long enough to have a header".padEnd(200));
  writeFileSync(join(dir, "other"), Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(200)]));
  await assert.rejects(at("text"), /no SQLite database/);
  await assert.rejects(at("other"), /of another program/);
  await assert.rejects(at("text/rows.sqlite"), /cannot be written/);
  assert.deepEqual(readdirSync(dir).sort(), ["other", "text"]);
});
