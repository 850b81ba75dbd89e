import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { UsageError } from "../ops/errors.ts";
import { type ConfigRequest, loadConfig } from "./load.ts";
import { defaultListener } from "./presets.ts";

/** A directory with these files that is gone after the test. */
function directory(t: TestContext, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-config-"));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

function refusal(request: ConfigRequest): UsageError {
  try {
    loadConfig(request);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.exitCode, 2);
    return error;
  }
  return assert.fail("the configuration was accepted");
}

test("without any configuration there is a listener that needs no key, and nothing has a source", (t) => {
  const cwd = directory(t, {});
  const { config, sources, file } = loadConfig({ cwd });
  assert.equal(config.tape, join(cwd, "tape"));
  assert.equal(config.recorder, "main");
  assert.deepEqual(
    config.listeners.map(({ name, venue }) => ({ name, venue })),
    [{ name: defaultListener.name, venue: "polymarket" }],
  );
  assert.equal(sources.size, 0);
  assert.equal(file, null);
});

test("the order is defaults, file, .env, environment, flags", (t) => {
  const cwd = directory(t, {
    "foretape.yaml":
      "recorder: file\nlog:\n  level: warn\njournal: { sync_every: 1s, segment: 1MB, segment_every: 1m }\n",
    ".env": "FORETAPE_RECORDER=dotenv\nFORETAPE_JOURNAL_SYNC_EVERY=2s\nFORETAPE_JOURNAL_SEGMENT=2MB\n",
  });
  const { config, sources } = loadConfig({
    cwd,
    env: { FORETAPE_RECORDER: "environment", FORETAPE_JOURNAL_SYNC_EVERY: "3s", PATH: "/bin" },
    flags: { recorder: "flag", tape: undefined },
  });
  assert.equal(config.recorder, "flag");
  assert.equal(config.journal.sync_every, 3_000_000);
  assert.equal(config.journal.segment, 2 * 1024 * 1024);
  assert.equal(config.journal.segment_every, 60_000_000);
  assert.equal(config.log.level, "warn");
  assert.equal(sources.get("recorder"), "the flag for recorder");
  assert.equal(sources.get("journal.sync_every"), "the environment's FORETAPE_JOURNAL_SYNC_EVERY");
  assert.equal(sources.get("journal.segment"), ".env's FORETAPE_JOURNAL_SEGMENT");
  assert.equal(sources.get("log.level"), "foretape.yaml:3");
});

test("an unknown key names its place and the nearest right name", (t) => {
  const cwd = directory(t, { "foretape.yaml": "tape: ./tape\nvenues:\n  kalshi:\n    rate_shre: 0.1\n" });
  const { message, hint } = refusal({ cwd });
  assert.match(message, /^foretape\.yaml:4: venues\.kalshi\.rate_shre: there is no such key$/);
  assert.equal(hint, "did you mean venues.kalshi.rate_share?");
});

test("a bad value names its path, its source and what is right, and does not repeat the value", (t) => {
  const cwd = directory(t, { "foretape.yaml": "venues: { kalshi: { env: produ } }\njournal: { sync_every: soon }\n" });
  const { message, hint } = refusal({ cwd, env: { FORETAPE_VENUES_KALSHI_RATE_SHARE: "half" } });
  assert.match(message, /foretape\.yaml:1: venues\.kalshi\.env: must be one of prod, demo/);
  assert.match(
    message,
    /FORETAPE_VENUES_KALSHI_RATE_SHARE: venues\.kalshi\.rate_share: expected number, received string/,
  );
  assert.match(message, /foretape\.yaml:2: journal\.sync_every: "soon" is no duration/);
  assert.equal(hint, "did you mean prod?");
});

test("what only a later release reads is refused in a clear sentence", (t) => {
  for (const [text, path] of [
    ["edges: {}", "edges"],
    ["venues: { weather: {} }", "venues.weather"],
    ["listeners: [{ name: a, venue: kalshi, forward_fill: {} }]", "listeners.0.forward_fill"],
    ["listeners: [{ preset: kalshi-btc, snapshots: {} }]", "listeners.0.snapshots"],
    ["sinks: [{ type: supabase, url: x }]", "sinks.0.type"],
  ] as const) {
    const { message } = refusal({ cwd: directory(t, { "foretape.yaml": text }) });
    assert.ok(message.includes(`${path}: `) && message.includes("comes with a later release"), message);
  }
});

test("listeners: presets with overrides, each name once, filters of the venue only", (t) => {
  const listeners = (text: string) => ({ cwd: directory(t, { "foretape.yaml": `listeners: ${text}` }) });
  const { config } = loadConfig(listeners("[{ preset: kalshi-btc, max_markets: 7 }, { name: x, venue: polymarket }]"));
  assert.deepEqual(
    config.listeners.map(({ name, max_markets }) => [name, max_markets]),
    [
      ["kalshi-btc", 7],
      ["x", 30_000],
    ],
  );
  assert.match(
    refusal(listeners("[{ preset: kalshi-btc }, { preset: kalshi-btc }]")).message,
    /another listener "kalshi-btc"/,
  );
  assert.equal(refusal(listeners("[{ preset: kalshi-bct }]")).hint, "did you mean kalshi-btc?");
  assert.match(
    refusal(listeners("[{ name: x, venue: kalshi, filters: { tag_ids: [] } }]")).message,
    /filters\.tag_ids: there is no such key/,
  );
  assert.match(
    refusal(listeners("[{ name: x }]")).message,
    /listeners\.0\.venue: is missing; one of kalshi, polymarket, coinbase, polymarket_rtds/,
  );
});

test("the seeds' environment names are aliases; FORETAPE names win over them", (t) => {
  const cwd = directory(t, { ".env": "KALSHI_PRIVATE_KEY='-----BEGIN KEY-----\\nabc\\n-----END KEY-----'\n" });
  const { config, sources, notices } = loadConfig({
    cwd,
    env: {
      KALSHI_ENV: "demo",
      KALSHI_API_KEY: "id-1",
      KALSHI_SERIES_TICKER: "KXBTC, KXBTC15M",
      STRIKE_PERIODS: "hour,day",
      DISCOVERY_SECONDS: "1800",
      MAX_ACTIVE_TICKERS: "500",
      DB_PATH: "./data/kalshi.sqlite",
      DATABASE_URL: "postgres://recorder:canary@db:5432/market",
      LOG_LEVEL: "WARNING",
      FORETAPE_LOG_LEVEL: "debug",
      COINBASE_PRODUCT_ID: "ETH-USD",
      COINBASE_STALE_SECONDS: "7",
      COLLECTOR_SECONDS: "1",
    },
  });
  assert.equal(config.venues.kalshi.env, "demo");
  assert.equal(config.venues.kalshi.key_id, "id-1");
  assert.equal(config.venues.kalshi.private_key, "-----BEGIN KEY-----\nabc\n-----END KEY-----");
  assert.equal(config.log.level, "debug");
  assert.equal(sources.get("venues.kalshi.key_id"), "the environment's KALSHI_API_KEY");
  const [listener] = config.listeners;
  assert.ok(listener?.venue === "kalshi" && config.listeners.length === 1);
  assert.deepEqual(listener.filters.series_tickers, ["KXBTC", "KXBTC15M"]);
  assert.deepEqual(listener.filters.strike_periods, ["hour", "day"]);
  assert.equal(listener.discovery_every, 1_800_000_000);
  assert.equal(listener.max_markets, 500);
  assert.deepEqual(
    config.sinks.map((sink) => (sink.type === "sqlite" ? sink.path : sink.type === "postgres" ? sink.url : sink.type)),
    [join(cwd, "data/kalshi.sqlite"), "postgres://recorder:canary@db:5432/market"],
  );
  assert.equal(notices.length, 1);
  assert.match(notices[0] ?? "", /COLLECTOR_SECONDS is not read/);
  assert.deepEqual(config.venues.coinbase.products, ["ETH-USD"]);
  assert.equal(config.venues.coinbase.stale_after, 7_000_000);
});

test("an unknown FORETAPE variable is refused with the nearest right name", (t) => {
  const { message, hint } = refusal({ cwd: directory(t, {}), env: { FORETAPE_LOG_LEVL: "info" } });
  assert.match(message, /FORETAPE_LOG_LEVL/);
  assert.equal(hint, "did you mean FORETAPE_LOG_LEVEL?");
});

test("flags set any path, lists as YAML or separated by commas", (t) => {
  const { config } = loadConfig({
    cwd: directory(t, {}),
    flags: {
      listeners: '[{ "name": "a", "venue": "kalshi" }]',
      "listeners.0.filters.series_tickers": "KXA,KXB",
      "record.compress": "true",
    },
  });
  assert.ok(config.listeners[0]?.venue === "kalshi");
  assert.deepEqual(config.listeners[0].filters.series_tickers, ["KXA", "KXB"]);
  assert.equal(config.record.compress, true);
});

test("a secret is not taken from a flag, which everyone on the machine could read", (t) => {
  const { message, hint } = refusal({ cwd: directory(t, {}), flags: { "venues.kalshi.private_key": "canary" } });
  assert.doesNotMatch(message, /canary/);
  assert.match(hint ?? "", /FORETAPE_VENUES_KALSHI_PRIVATE_KEY into \.env/);
});

test("relative paths: those of the file beside the file, others in the current directory", (t) => {
  const cwd = directory(t, {});
  mkdirSync(join(cwd, "etc"));
  writeFileSync(join(cwd, "etc", "recorder.yaml"), "tape: ./tape\nvenues: { kalshi: { private_key_path: key.pem } }\n");
  const loaded = loadConfig({ cwd, file: "etc/recorder.yaml", flags: { "log.file": "foretape.log" } });
  assert.equal(loaded.config.tape, join(cwd, "etc", "tape"));
  assert.equal(loaded.config.venues.kalshi.private_key_path, join(cwd, "etc", "key.pem"));
  assert.equal(loaded.config.log.file, join(cwd, "foretape.log"));
  assert.equal(loaded.file, join(cwd, "etc", "recorder.yaml"));
});

test("a file that is no YAML, is missing or no mapping is refused with its place", (t) => {
  assert.match(
    refusal({ cwd: directory(t, { "foretape.yaml": "a: [1\nb: 2\n" }) }).message,
    /foretape\.yaml:2:1 is no YAML/,
  );
  assert.match(refusal({ cwd: directory(t, { "foretape.yaml": "- a\n" }) }).message, /holds no keys/);
  assert.match(
    refusal({ cwd: directory(t, {}), file: "other.yaml" }).message,
    /cannot read the configuration .*other\.yaml/,
  );
});
