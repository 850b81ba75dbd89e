import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { decisions, journalRecords } from "../../test/journal-records.ts";
import { presets } from "../config/presets.ts";
import { type Exchange, startExchange } from "../exchange/exchange.ts";
import { ListenerStore } from "./listener-store.ts";

const entry = join(import.meta.dirname, "../../bin/foretape.js");

function foretape(t: TestContext, dir: string, ...args: string[]) {
  const child = spawn(process.execPath, [entry, ...args], {
    cwd: dir,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "" },
  });
  t.after(() => (child.exitCode === null ? child.kill("SIGTERM") : false));
  const run = { child, stdout: "", stderr: "", changed: () => {} };
  child.stdout.on("data", (text) => (run.stdout += String(text)));
  child.stderr.on("data", (text) => {
    run.stderr += String(text);
    run.changed();
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, stdout: run.stdout, stderr: run.stderr })),
  );
  /** Resolves when the program has said something. */
  const said = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(run.stderr)) {
      await Promise.race([
        new Promise<void>((resolve) => (run.changed = resolve)),
        ended.then(({ stderr }) => assert.match(stderr, pattern)),
      ]);
    }
  };
  return { child: child as ChildProcess, ended, said };
}

async function setUp(t: TestContext, listeners: readonly object[] | null) {
  const dir = mkdtempSync(join(tmpdir(), "foretape-listeners-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const exchange = await startExchange({ seed: "listeners", markets: 30, rate: 50, keyType: "ed25519" });
  t.after(() => exchange[Symbol.asyncDispose]());
  const write = (wanted: readonly object[] | null) =>
    writeFileSync(join(dir, "foretape.yaml"), JSON.stringify(configuration(exchange, wanted)));
  write(listeners);
  return { dir, write, exchange, run: (...args: string[]) => foretape(t, dir, ...args) };
}

function configuration(exchange: Exchange, listeners: readonly object[] | null) {
  return {
    venues: { kalshi: exchange.kalshi, polymarket: exchange.polymarket },
    ...(listeners === null ? {} : { listeners }),
    record: { reconnect_min: "10ms" },
  };
}

const HIGHS = { name: "highs", venue: "kalshi", filters: { series_tickers: ["KXHIGHNY"] } };
const GAMES = { name: "games", venue: "kalshi", filters: { series_tickers: ["KXNFLGAME"] } };

test("listeners are kept in the database, checked before they are written", { timeout: 60_000 }, async (t) => {
  const { dir, run } = await setUp(t, [HIGHS]);
  const say = async (...args: string[]) => run("listeners", ...args).ended;
  assert.equal((await say("add", "btc", "--venue", "kalshi", "--filter", "series_tickers=KXBTCD,KXBTC15M")).code, 0);
  assert.equal((await say("add", "--preset", "polymarket-nba", "--with", "max_markets=7")).code, 0);
  assert.equal((await say("edit", "btc", "--filter", "min_volume=5", "--with", "discovery_every=1m")).code, 0);
  assert.equal((await say("pause", "polymarket-nba")).code, 0);
  const { listeners } = JSON.parse((await say("--json")).stdout);
  assert.deepEqual(
    listeners.map((one: Record<string, unknown>) => [one["name"], one["max_markets"], one["paused"], one["source"]]),
    [
      ["highs", 30_000, false, "foretape.yaml:1"],
      ["btc", 30_000, false, "the database"],
      ["polymarket-nba", 7, true, "the database"],
    ],
  );
  assert.deepEqual([listeners[1].filters.min_volume, listeners[1].discovery_every], [5, 60_000_000]);
  for (const [args, problem] of [
    [["add", "x", "--venue", "kalshy"], /venue: must be one of kalshi, polymarket[^]*did you mean kalshi\?/],
    [
      ["add", "x", "--venue", "kalshi", "--filter", "serie_tickers=A"],
      /filters\.serie_tickers: there is no such key[^]*did you mean filters\.series_tickers\?/,
    ],
    [["add", "btc", "--venue", "kalshi"], /there is a listener btc already/],
    [["add", "--preset", "kalshi-nfk"], /there is no preset kalshi-nfk\n.*did you mean kalshi-nfl\?/],
    [["edit", "btd", "--filter", "min_volume=1"], /the database has no listener btd\n.*did you mean btc\?/],
    [["pause", "highs"], /listener highs stands in foretape\.yaml:1\n.*paused: true/],
    [["paus", "btc"], /did you mean pause\?/],
  ] as const) {
    const { code, stderr } = await say(...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, problem);
  }
  assert.equal((await say("remove", "polymarket-nba")).code, 0);
  using store = ListenerStore.open(join(dir, "tape"));
  assert.deepEqual(
    store.list().map(({ name, isActive }) => [name, isActive]),
    [["btc", true]],
  );
});

test(
  "discover lists what matches, names what does not exist, and estimates the cost",
  { timeout: 60_000 },
  async (t) => {
    const typo = { name: "typo", venue: "kalshi", filters: { series_tickers: ["KXHIGHNYC"] } };
    const { run } = await setUp(t, [HIGHS, typo, { preset: "polymarket-nba" }]);
    const { code, stdout } = await run("discover", "--json").ended;
    assert.equal(code, 0);
    const { listeners } = JSON.parse(stdout);
    assert.deepEqual(
      listeners.map(({ name, found, problems }: Record<string, unknown>) => [name, found, problems]),
      [
        ["highs", 4, []],
        ["typo", 0, ["Kalshi has no series KXHIGHNYC; did you mean KXHIGHNY?"]],
        ["polymarket-nba", 1, []],
      ],
    );
    const table = await run("discover", "highs", "--limit", "2").ended;
    assert.match(table.stdout, /listener highs \(kalshi\): 4 markets\n/);
    assert.match(table.stdout, /… and 2 more/);
    const cost = JSON.parse((await run("discover", "--estimate", "--json").ended).stdout);
    assert.equal(cost.markets, 5);
    for (const sink of ["journal", "parquet", "sqlite", "postgres"]) {
      const { low, likely, high } = cost.gigabytes_per_day[sink];
      assert.ok(0 < low && low < likely && likely < high, sink);
    }
    const unknown = await run("discover", "hihgs").ended;
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /did you mean highs\?/);
  },
);

test("every preset can be discovered, and says what the venue does not have", { timeout: 60_000 }, async (t) => {
  const { run } = await setUp(
    t,
    Object.keys(presets).map((preset) => ({ preset })),
  );
  const { code, stdout, stderr } = await run("discover", "--json").ended;
  assert.equal(code, 0, stderr);
  const { listeners } = JSON.parse(stdout) as { listeners: { name: string; found: number; problems: string[] }[] };
  assert.deepEqual(listeners.map(({ name }) => name).toSorted(), Object.keys(presets).toSorted());
  const there = listeners.filter(({ found }) => found > 0).map(({ name }) => name);
  for (const name of ["kalshi-btc", "kalshi-temperatures", "kalshi-nfl", "polymarket-nba", "polymarket-btc"])
    assert.ok(there.includes(name), `${name}: ${there.join(" ")}`);
  for (const { name, found, problems } of listeners) assert.ok(found > 0 || problems.length > 0, name);
});

test(
  "a running record takes over changed listeners, of the file and of the database",
  { timeout: 90_000 },
  async (t) => {
    const { dir, write, run } = await setUp(t, [HIGHS]);
    const { child, ended, said } = run("record", "--json");
    await said(/recording/);
    write([HIGHS, GAMES]);
    await said(/listeners changed: highs, games/);
    write([HIGHS, { ...GAMES, filters: { serie_tickers: ["KXNFLGAME"] } }]);
    await said(
      /the changed configuration is not valid, the listeners that run go on: .*listeners\.1\.filters\.serie_tickers/,
    );
    const btc = ["btc", "--venue", "kalshi", "--filter", "series_tickers=KXHIGHNY", "--with", "channels=trades"];
    write([HIGHS]);
    await said(/listeners changed: highs"/);
    assert.equal((await run("listeners", "add", ...btc).ended).code, 0);
    await said(/listeners changed: highs, btc/);
    assert.equal((await run("listeners", "pause", "btc").ended).code, 0);
    await said(/listeners changed: highs"[^]*listeners changed: highs"/);
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).captureRestarts, 0);
    const records = journalRecords(join(dir, "tape/journal/main"));
    assert.deepEqual(
      decisions(records, "listeners").map(({ listeners }) => listeners),
      [["highs"], ["highs", "games"], ["highs"], ["highs", "btc"], ["highs"]],
    );
    assert.equal(records.filter(({ kind }) => kind === "config").length, 5);
    // The listener that did not change was neither listed anew nor subscribed again.
    const subscribed = decisions(records, "subscribe").map(({ listener }) => listener);
    assert.equal(subscribed.filter((name) => name === "highs").length, 1);
    assert.equal(records.filter(({ kind }) => kind === "connected").length, 1);
    assert.deepEqual(
      decisions(records, "unsubscribe")
        .map(({ listener, reason }) => [listener, reason])
        .slice(0, 1),
      [["games", "listener removed"]],
    );
  },
);
