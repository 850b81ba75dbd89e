import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { decisions, journalRecords, type TextRecord } from "../../../test/journal-records.ts";
import { type Capture, startCapture } from "../../capture/capture.ts";
import { recordConfig } from "../../capture/config.ts";
import { type Exchange, startExchange } from "../../exchange/exchange.ts";
import { fault } from "../../exchange/fault.ts";
import { journalConfig } from "../../journal/config.ts";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import { differences } from "../wire-shape.ts";
import { coinbaseConfig } from "./config.ts";
import { coinbaseInterpreter } from "./interpret.ts";
import { coinbaseLive } from "./live.ts";
import { coinbaseWire } from "./wire-shapes.ts";

interface Recording {
  readonly exchange: Exchange;
  readonly capture: Capture;
  readonly warnings: string[];
  /** Stops, and gives the journal, what it becomes, and what the exchange says it sent. */
  finish(): Promise<{ records: TextRecord[]; events: MarketEvent[]; truth: Record<string, unknown>[] }>;
}

/** Records the built-in exchange's Coinbase through sockets and a journal. */
async function record(t: TestContext, feed: "advanced" | "exchange", options: object = {}): Promise<Recording> {
  const dir = mkdtempSync(join(tmpdir(), "foretape-coinbase-"));
  const truth = join(dir, "truth.jsonl");
  const exchange = await startExchange({ keyType: "ed25519", truth });
  const config = coinbaseConfig.parse({ ...exchange.coinbase(feed), products: ["BTC-USD", "ETH-USD"], ...options });
  const warnings: string[] = [];
  const capture = await startCapture({
    dir: join(dir, "journal"),
    name: "main",
    program: { name: "foretape", version: "0" },
    journal: journalConfig.parse(undefined),
    record: recordConfig.parse({ reconnect_min: "10ms", reconnect_max: "50ms" }),
    publicConfig: {},
    venues: [{ id: "coinbase", live: coinbaseLive(config) }],
    listeners: [
      {
        name: "spot",
        venue: "coinbase",
        filters: {},
        channels: ["ticker", "trades"],
        maxMarkets: 10,
        discoveryEvery: 3_600_000_000,
      },
    ],
    onWarning: (message) => warnings.push(message),
  });
  t.after(async () => {
    await capture.stop();
    await exchange[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });
  return {
    exchange,
    capture,
    warnings,
    async finish() {
      await capture.stop();
      await exchange[Symbol.asyncDispose]();
      const records = journalRecords(join(dir, "journal"));
      const lines = readFileSync(truth, "utf8").trim().split("\n");
      return {
        records,
        events: interpreted(records),
        truth: lines.map((line) => JSON.parse(line) as Record<string, unknown>),
      };
    },
  };
}

function interpreted(records: readonly TextRecord[]): MarketEvent[] {
  const events: MarketEvent[] = [];
  const interpreter = coinbaseInterpreter({ instruments: new Instruments(), emit: (event) => events.push(event) });
  for (const [at, { kind, epoch, text }] of records.entries()) {
    const json = () => JSON.parse(text) as never;
    if (kind === "connected") interpreter.connected(epoch, json(), at);
    else if (kind === "sent") interpreter.sent(epoch, Buffer.from(text), at);
    else if (kind === "received") interpreter.received(epoch, Buffer.from(text), at);
    else if (kind === "closed") interpreter.closed(epoch, json(), at);
    else if (kind === "decision") interpreter.decision(json(), epoch, at);
  }
  return events;
}

/** Resolves when a condition of this process holds. */
async function until(when: () => boolean): Promise<void> {
  const giveUp = Date.now() + 20_000;
  while (!when()) {
    assert.ok(Date.now() < giveUp, "it did not happen within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const of = <T extends MarketEvent["type"]>(events: readonly MarketEvent[], type: T) =>
  events.filter((event): event is Extract<MarketEvent, { type: T }> => event.type === type);

for (const feed of ["advanced", "exchange"] as const) {
  test(`${feed}: every trade that the exchange sent is a row, once, and nothing is a gap or put aside`, async (t) => {
    const { capture, finish } = await record(t, feed);
    await until(() => capture.progress.frames >= 25);
    const { records, events, truth } = await finish();
    const received = records.filter(({ kind }) => kind === "received").map(({ text }) => text);
    const sent = truth.filter(({ n }) => n !== undefined).map(({ text }) => text);
    assert.deepEqual(received, sent.slice(0, received.length));
    assert.deepEqual([of(events, "gap_opened"), of(events, "quarantine")], [[], []]);
    for (const text of received) {
      const [message] = coinbaseWire.messages(JSON.parse(text));
      assert.equal(coinbaseWire.typeOf(Buffer.from(text)), message?.type);
      assert.deepEqual(differences(coinbaseWire.types, message!), []);
    }
    const trades = of(events, "spot_trade");
    const ids = new Map<string, number[]>();
    for (const { product, tradeId } of trades) ids.set(product, [...(ids.get(product) ?? []), Number(tradeId)]);
    for (const list of ids.values()) {
      assert.deepEqual(
        list,
        list.map((_, i) => (list[0] ?? 0) + i),
      );
    }
    assert.ok(of(events, "spot_tick").length > 5);
    const granted = of(events, "subscription").filter(
      ({ acknowledgedAt, firstDataAt }) => acknowledgedAt !== null && firstDataAt !== null,
    );
    assert.ok(granted.some(({ market, listener }) => market === "BTC-USD" && listener === "spot"));
  });
}

test("a lost frame is a proven gap and trades come again; a repeated frame is put aside", async (t) => {
  const { exchange, capture, finish } = await record(t, "advanced");
  await until(() => capture.progress.frames >= 8);
  exchange.inject(fault("sequence_gap", { count: 3, venue: "coinbase" }));
  await until(() => capture.progress.frames >= 20);
  exchange.inject(fault("duplicate", { venue: "coinbase" }));
  await until(() => capture.progress.frames >= 28);
  const { records, events, truth } = await finish();
  const suppressed = truth
    .filter((line) => line["suppressed"] !== undefined)
    .map(({ text }) => JSON.parse(String(text)));
  assert.equal(suppressed.length, 3);
  const gaps = of(events, "gap_opened").filter(({ market }) => market === null);
  const lost = gaps.reduce((sum, { evidence }) => sum + Number(evidence["lost"]), 0);
  assert.equal(lost, 3);
  for (const { cause, confidence, from, to } of gaps) {
    assert.deepEqual([cause, confidence], ["sequence", "proven"]);
    assert.ok(from !== null && to !== null && from < to);
  }
  assert.ok(decisions(records, "resync").length >= 1);
  assert.deepEqual(
    of(events, "quarantine").map(({ reason }) => reason),
    ["duplicate_sequence"],
  );
  // All trades of the lost frames are there: the new subscription began with the latest ones.
  const seen = new Set(of(events, "spot_trade").map(({ product, tradeId }) => `${product} ${tradeId}`));
  for (const { events: said } of suppressed as {
    events: { trades?: { product_id: string; trade_id: string }[] }[];
  }[]) {
    for (const { product_id, trade_id } of said.flatMap(({ trades }) => trades ?? [])) {
      assert.ok(seen.has(`${product_id} ${trade_id}`), `${product_id} ${trade_id} came again`);
    }
  }
});

test("when heartbeats and prices stop, prices are marked stale, the connection is made anew, the hole is a gap", async (t) => {
  const { exchange, capture, finish } = await record(t, "advanced", { stale_after: "300ms" });
  await until(() => capture.progress.frames >= 8);
  exchange.inject(fault("stall", { lasts: 60_000_000, venue: "coinbase" }));
  await until(() => capture.progress.reconnects >= 1);
  const before = capture.progress.frames;
  await until(() => capture.progress.frames >= before + 8);
  const { records, events } = await finish();
  const stale = of(events, "spot_tick").filter(({ isStale }) => isStale);
  assert.ok(stale.some(({ product }) => product === "BTC-USD"));
  assert.ok(decisions(records, "stale").length >= 1 && decisions(records, "stall").length >= 1);
  const gap = of(events, "gap_opened").find(({ cause }) => cause === "stall");
  assert.ok(gap !== undefined && of(events, "gap_closed").some(({ key }) => key === gap.key));
});

for (const feed of ["advanced", "exchange"] as const) {
  test(`${feed}: a wrong product is told, and the right ones are recorded`, async (t) => {
    const { capture, warnings, finish } = await record(t, feed, { products: ["NOPE-X", "BTC-USD"] });
    await until(() => capture.progress.frames >= 15);
    const { records, events } = await finish();
    assert.ok(warnings.some((warning) => warning.includes("NOPE-X")));
    assert.ok(decisions(records, "command-refused").every(({ markets }) => String(markets) === "NOPE-X"));
    assert.ok(of(events, "spot_tick").length > 3);
    assert.ok(of(events, "subscription").some(({ market, reason }) => market === "NOPE-X" && reason !== null));
  });
}

test("an error is told and put aside, and recording goes on", async (t) => {
  const { exchange, capture, warnings, finish } = await record(t, "advanced");
  await until(() => capture.progress.frames >= 8);
  exchange.inject(fault("error", { venue: "coinbase" }));
  await until(() => capture.progress.frames >= 16);
  const { events } = await finish();
  assert.ok(of(events, "quarantine").some(({ reason }) => reason === "error_message"));
  assert.deepEqual(of(events, "gap_opened"), []);
  assert.ok(warnings.some((warning) => warning.includes("internal error")));
});
