import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startCapture } from "../capture/capture.ts";
import { recordConfig } from "../capture/config.ts";
import { startExchange } from "../exchange/exchange.ts";
import { parseFault } from "../exchange/fault.ts";
import type { TruthLine } from "../exchange/truth.ts";
import { journalConfig } from "../journal/config.ts";
import { journalDir } from "../journal/layout.ts";
import { venues } from "../venues/index.ts";
import type { CoverageState } from "./coverage.ts";
import { KalshiScript, openTestJournal, project, query, scratch } from "./tape.fixture.ts";
import { openTape } from "./tape.ts";

const SECOND = 1_000_000;
const CHANNELS: Readonly<Record<string, string>> = {
  orderbook_delta: "book",
  orderbook_snapshot: "book",
  trade: "trades",
  ticker: "ticker",
  price_change: "book",
  book: "book",
  last_trade_price: "trades",
};

/** Records the built-in exchange with these faults until they are over; the lines of its ground truth. */
async function recordFaults(t: TestContext, faults: readonly string[], until: RegExp): Promise<[string, TruthLine[]]> {
  const dir = scratch(t);
  const tape = join(dir, "tape");
  const truth = join(dir, "truth.jsonl");
  await using exchange = await startExchange({
    keyType: "ed25519",
    seed: "coverage",
    markets: 9,
    rate: 400,
    truth,
    faults: faults.map(parseFault),
  });
  const configured: Readonly<Record<string, object>> = { kalshi: exchange.kalshi, polymarket: exchange.polymarket };
  const capture = await startCapture({
    dir: journalDir(tape, "main"),
    name: "main",
    program: { name: "foretape", version: "0" },
    journal: journalConfig.parse(undefined),
    record: recordConfig.parse({ reconnect_min: "50ms", stall_after: "1s" }),
    publicConfig: {},
    venues: venues
      .filter(({ id }) => id in configured)
      .map(({ id, config, live }) => ({ id, live: live(config.parse(configured[id] ?? {}) as never) })),
    listeners: Object.keys(configured).map((venue) => ({
      name: venue,
      venue,
      filters: {},
      channels: ["book", "trades", "ticker"],
      maxMarkets: 20,
      discoveryEvery: 3_600 * SECOND,
      restPoll: "off",
    })),
    database: null,
    onWarning: () => undefined,
  });
  try {
    const giveUp = Date.now() + 30_000;
    for (let frames = Infinity; ;) {
      assert.ok(Date.now() < giveUp, "the faults did not end");
      if (until.test(readFileSync(truth, "utf8"))) frames = Math.min(frames, capture.progress.frames);
      if (capture.progress.frames > frames + 200) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await capture.stop();
  }
  const lines = readFileSync(truth, "utf8").trim().split("\n");
  return [tape, lines.map((line) => JSON.parse(line) as TruthLine)];
}

/** Venue, market and channel of a message that the exchange made; null for what is of no market. */
function subject(venue: string, text: string): string | null {
  const parsed: unknown = JSON.parse(text);
  const message = (Array.isArray(parsed) ? parsed[0] : parsed) as Record<string, unknown> | undefined;
  const body = (message?.["msg"] ?? message) as Record<string, unknown> | undefined;
  const channel = CHANNELS[String(message?.["type"] ?? message?.["event_type"])];
  const market = body?.["market_ticker"] ?? body?.["market"];
  return channel === undefined || typeof market !== "string" ? null : `${venue} ${market} ${channel}`;
}

test("what the exchange kept back is in a gap of its market, and where data came nothing is not subscribed", async (t) => {
  const faults = ["disconnect@1s/kalshi", "sequence_gap:4@2s/kalshi", "drop:4@2s/polymarket", "stall:3s@3s/kalshi"];
  const [tape, truth] = await recordFaults(t, faults, /(?:"opened":true[^\n]*kalshi[^]*){3}/);
  await using opened = await openTape(tape);
  const check = async (): Promise<string[][]> => {
    const states = new Map<string, CoverageState>();
    for await (const rows of opened.coverage({ every: SECOND }))
      for (const { venue, market, channel, at, state } of rows)
        states.set(`${venue} ${market} ${channel} ${Math.floor(at / SECOND)}`, state);
    let kept = 0;
    let sent = 0;
    for (const line of truth) {
      if ("suppressed" in line) {
        // Polymarket numbers nothing: a message that is dropped cannot be noticed (docs/promises.md).
        const name = line.suppressed === "drop" ? null : subject(line.venue, line.text);
        if (name === null) continue;
        kept++;
        assert.equal(states.get(`${name} ${Math.floor(line.at / SECOND)}`), "gap", `${name}, ${line.suppressed}`);
      } else if ("n" in line && line.text !== undefined && line.fault === undefined) {
        const name = /^[{[]/.test(line.text) ? subject(line.venue, line.text) : null;
        if (name === null) continue;
        sent++;
        // It may arrive in the next second.
        const second = Math.floor(line.at / SECOND);
        const near = [second, second + 1].map((at) => states.get(`${name} ${at}`));
        assert.ok(
          near.some((state) => state === "observed" || state === "gap"),
          `${name}: ${near.join(", ")}`,
        );
      }
    }
    assert.ok(kept > 20, `only ${kept} were kept back`);
    assert.ok(sent > 500);
    return [...states].toSorted(([a], [b]) => (a < b ? -1 : 1));
  };
  const live = await check();
  await project(tape);
  assert.deepEqual(await check(), live, "from the tables it is the same as from the journal");
});

test("a window is refused where it crosses a gap, was not subscribed, or nothing proves it", async (t) => {
  const tape = scratch(t);
  const journal = await openTestJournal(tape);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4800", "10.00"]]);
  const before = journal.received(1, Buffer.from("{}"));
  script.delta("0.4800", "1.00");
  script.skip();
  script.delta("0.4800", "1.00");
  script.snapshot([["0.4800", "12.00"]]);
  script.close();
  await journal.close();
  assert.ok(before > 0);
  await using opened = await openTape(tape);
  const lacking = await opened.gaps({ venue: "kalshi", market: "T", channel: "book" });
  assert.deepEqual(
    lacking.map(({ why, cause }) => [why, cause]).filter(([why]) => why === "gap"),
    [["gap", "sequence"]],
  );
  const earlier = await opened.gaps({ market: "T", channel: "book", from: "2020-01-01T00:00:00Z" });
  assert.equal(earlier[0]?.why, "not subscribed");
  await assert.rejects(opened.gaps({ market: "NOBODY" }), /the tape has nothing of NOBODY/);
  const sql = "SELECT DISTINCT state, messages > 0 FROM coverage WHERE market_id = 'T' AND channel = 'book'";
  assert.deepEqual(await query(tape, sql), [["gap", "true"]]);
  await assert.rejects(opened.gaps({ venue: "kalsi" }), { name: "UsageError" });
  const both = await opened.gaps({ market: ["T", "NOBODY"], channel: "book" });
  assert.deepEqual(both.at(-1)?.market, "NOBODY", "one that the tape has does not excuse one that it has not");
  await assert.rejects(opened.gaps({ market: "T", channel: "ticker" }), /nothing of T ticker/);
});
