import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test, type TestContext } from "node:test";
import { decisions, journalRecords, type TextRecord } from "../../test/journal-records.ts";
import { type Exchange, startExchange } from "../exchange/exchange.ts";
import { fault } from "../exchange/fault.ts";
import type { ExchangeOptions } from "../exchange/options.ts";
import { journalConfig } from "../journal/config.ts";
import { databasePath, journalDir } from "../journal/layout.ts";
import { query, scratch } from "../tape/tape.fixture.ts";
import { kalshiConfig } from "../venues/kalshi/config.ts";
import { kalshiLive } from "../venues/kalshi/live.ts";
import { polymarketConfig } from "../venues/polymarket/config.ts";
import { polymarketLive } from "../venues/polymarket/live.ts";
import type { LiveVenue } from "../venues/venue.ts";
import { type Capture, startCapture } from "./capture.ts";
import { recordConfig } from "./config.ts";
import type { Listener } from "./listener.ts";

const SECOND = 1_000_000;

interface Recording {
  readonly exchange: Exchange;
  readonly capture: Capture;
  readonly tape: string;
  records(): Promise<TextRecord[]>;
}

/** Records one venue of the built-in exchange; `withKey` false: without a key of Kalshi's. */
async function record(
  t: TestContext,
  venue: "kalshi" | "polymarket",
  restPoll: NonNullable<Listener["restPoll"]>,
  options: {
    exchange?: Partial<ExchangeOptions>;
    withKey?: boolean;
    privateKey?: string;
    rateShare?: number;
    altered?: (live: LiveVenue) => LiveVenue;
  } = {},
): Promise<Recording> {
  const exchange = await startExchange({ keyType: "ed25519", markets: 12, rate: 300, ...options.exchange });
  const tape = scratch(t);
  const dir = journalDir(tape, "main");
  const { key_id, private_key: right, ...urls } = exchange.kalshi;
  const private_key = options.privateKey ?? right;
  const kalshi = { ...urls, ...(options.withKey === false ? {} : { key_id, private_key }) };
  const rate_share = options.rateShare ?? 0.5;
  const live: LiveVenue =
    venue === "kalshi"
      ? kalshiLive(kalshiConfig.parse({ ...kalshi, rate_share }))
      : polymarketLive(polymarketConfig.parse({ ...exchange.polymarket, rate_share }));
  const capture = await startCapture({
    dir,
    name: "main",
    database: databasePath(tape),
    program: { name: "foretape", version: "0" },
    journal: journalConfig.parse(undefined),
    record: recordConfig.parse({ reconnect_min: "10ms", reconnect_max: "200ms" }),
    publicConfig: {},
    venues: [{ id: venue, live: options.altered?.(live) ?? live }],
    listeners: [
      {
        name: "all",
        venue,
        filters: {},
        channels: ["book", "trades", "ticker", "lifecycle"],
        maxMarkets: 100,
        discoveryEvery: 3_600 * SECOND,
        restPoll,
      },
    ],
    onWarning: () => undefined,
  });
  t.after(async () => {
    await capture.stop();
    await exchange[Symbol.asyncDispose]();
  });
  return {
    exchange,
    capture,
    tape,
    records: async () => {
      await capture.stop();
      return journalRecords(dir);
    },
  };
}

/** Waits until the tape holds what a query counts. */
async function until(when: () => boolean | Promise<boolean>): Promise<void> {
  const giveUp = Date.now() + 30_000;
  while (!(await when())) {
    assert.ok(Date.now() < giveUp, "it did not happen within 30 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Http {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly purpose: string;
}

const https = (records: readonly TextRecord[]): Http[] =>
  records.filter(({ kind }) => kind === "http").map(({ text }) => JSON.parse(text.split("\n", 1)[0] ?? "") as Http);

const number = async (tape: string, sql: string): Promise<number> => Number((await query(tape, sql))[0]?.[0]);

test("without a key Kalshi is recorded by REST, within the venue's limit", async (t) => {
  const { exchange, tape, records } = await record(t, "kalshi", "fallback", {
    withKey: false,
    exchange: { kalshiRequestsPerSecond: 20 },
  });
  await until(async () => (await number(tape, "SELECT count(*) FROM trades")) > 5);
  const all = await records();
  assert.deepEqual([...new Set(https(all).map(({ status }) => status))], [200], "nothing was refused");
  const [poll] = decisions(all, "rest-poll");
  assert.deepEqual([poll?.venue, poll?.["reason"]], ["kalshi", "fallback"]);
  const markets = Number(poll?.["markets"]);
  assert.ok(markets > 0);
  assert.deepEqual(await query(tape, "SELECT DISTINCT trigger, book_state, epoch, seq FROM orderbook_snapshots"), [
    ["resync", "stale", "0", ""],
  ]);
  assert.equal(await number(tape, "SELECT count(DISTINCT market_id) FROM orderbook_snapshots"), markets);
  assert.equal(await number(tape, "SELECT count(*) FROM orderbook_snapshots WHERE best_bid >= best_ask"), 0);
  assert.ok(
    (await number(tape, "SELECT count(DISTINCT market_id) FROM market_snapshots WHERE trigger = 'poll'")) >= markets,
  );
  const ids = (await query(tape, "SELECT trade_id FROM trades WHERE source = 'history'")).map(([id]) => id);
  const { trades } = (await (await fetch(`${exchange.kalshi.rest_url}/markets/trades?limit=1000`)).json()) as {
    trades: { trade_id: string }[];
  };
  const real = new Set(trades.map(({ trade_id }) => trade_id));
  assert.ok(ids.every((id) => real.has(id ?? "")));
  assert.equal(await number(tape, "SELECT count(*) FROM quarantine"), 0);
});

for (const venue of ["kalshi", "polymarket"] as const) {
  test(`${venue}: polled beside the stream, a trade is one row and a live book stays what the stream says`, async (t) => {
    const { tape, records } = await record(t, venue, SECOND);
    await until(async () => (await number(tape, "SELECT count(*) FROM trades_history WHERE source = 'history'")) > 10);
    const all = await records();
    const doubled = await query(
      tape,
      "SELECT count(*), count(DISTINCT trade_id), count(*) FILTER (source = 'stream') FROM trades WHERE trade_id IN (SELECT trade_id FROM trades_history GROUP BY ALL HAVING count(DISTINCT source) = 2)",
    );
    const [rows, ids, streamed] = (doubled[0] ?? []).map(Number);
    assert.ok((rows ?? 0) > 5, String(doubled));
    assert.deepEqual([ids, streamed], [rows, rows], "the stream's report is the one shown");
    assert.equal(await number(tape, "SELECT count(*) - count(DISTINCT trade_id) FROM trades"), 0);
    assert.ok(https(all).some(({ purpose, url }) => purpose === "poll" && url.includes("book")));
    const late =
      "SELECT count(*) FROM orderbook_snapshots r WHERE r.epoch = 0 AND r.frame > (SELECT min(frame) FROM orderbook_snapshots s WHERE s.epoch > 0 AND s.outcome_id = r.outcome_id AND s.market_id = r.market_id)";
    assert.equal(await number(tape, late), 0, "no book of REST once there is a live one");
    assert.equal(await number(tape, "SELECT count(*) FROM quarantine"), 0);
    assert.equal(await number(tape, "SELECT count(*) FROM gaps WHERE resolved_at IS NULL"), 0);
  });
}

test("a stream that stays away is replaced by REST; a key that is refused does not keep public answers from us", async (t) => {
  const wrong = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  const { tape, records } = await record(t, "kalshi", "fallback", { privateKey: wrong });
  await until(async () => (await number(tape, "SELECT count(*) FROM orderbook_snapshots")) > 0);
  const all = await records();
  assert.equal(decisions(all, "rest-unsigned").length, 1);
  assert.equal(decisions(all, "rest-poll")[0]?.["reason"], "fallback");
  const answers = https(all);
  assert.equal(answers.filter(({ status }) => status === 401).length, 2, "asked signed, then open; the rest open");
});

test("a venue that refuses is asked half as often, in no hot loop, and everything is got in the end", async (t) => {
  const { tape, records } = await record(t, "kalshi", SECOND, {
    rateShare: 1,
    exchange: { kalshiRequestsPerSecond: 4 },
  });
  await until(async () => (await number(tape, "SELECT count(*) FROM market_snapshots WHERE trigger = 'poll'")) > 0);
  const all = await records();
  const refused = https(all).filter(({ status }) => status === 429).length;
  assert.ok(refused >= 1 && refused <= 12, `${refused} refusals`);
  const [lowered] = decisions(all, "rate-lowered");
  assert.equal(lowered?.["factor"], 0.5);
  assert.match(String(lowered?.["limit"]), /^127\.0\.0\.1:\d+\/read\/key-[0-9a-f]{8}$/);
  const learned = decisions(all, "rate-learned").map(({ url }) => new URL(String(url)).pathname);
  assert.ok(learned.length + decisions(all, "rate-unknown").length === 2, String(learned));
});

test("a recorder that is stopped while the venue answers nothing stops all the same", async (t) => {
  const hanging = { faults: [fault("rest_hang", { lasts: 3_600 * SECOND })] };
  const { capture, records } = await record(t, "kalshi", "fallback", { exchange: hanging });
  await capture.stop();
  assert.equal((await records()).at(-1)?.kind, "decision");
});

test("a market that no connection serves is polled, and only that one", async (t) => {
  const { promise: polled, resolve } = Promise.withResolvers<readonly string[]>();
  let unserved = "";
  const altered = (live: LiveVenue): LiveVenue => ({
    ...live,
    session(stream, wanted) {
      const session = live.session(stream, wanted);
      const open = session.open.bind(session);
      unserved = wanted[0]?.market ?? "";
      session.open = (now) => ({ ...open(now), unserved: [unserved] });
      return session;
    },
    rest: {
      ...live.rest,
      poller() {
        const poller = live.rest.poller();
        const plan = poller.plan.bind(poller);
        poller.plan = (markets, since, now) => {
          if (markets.length > 0) resolve(markets.map(({ market }) => market));
          return plan(markets, since, now);
        };
        return poller;
      },
    },
  });
  const { records } = await record(t, "polymarket", "fallback", { altered });
  assert.deepEqual(await polled, [unserved]);
  assert.deepEqual(decisions(await records(), "unserved")[0]?.["markets"], [unserved]);
});
