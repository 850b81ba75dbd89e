import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import { differences } from "../wire-shape.ts";
import type { SpotMarket, SpotPrint } from "../server.ts";
import { rtdsConfig } from "./config.ts";
import { rtdsInterpreter } from "./interpret.ts";
import { rtdsLive } from "./live.ts";
import { RtdsConnection } from "./server.ts";
import { rtdsWire } from "./wire-shapes.ts";

const SECOND = 1_000_000;
const START = 1_800_000_000 * SECOND;

function reading(saved?: unknown) {
  const events: MarketEvent[] = [];
  const context = { instruments: new Instruments(), emit: (event: MarketEvent) => events.push(structuredClone(event)) };
  return { events, reader: rtdsInterpreter(context, saved) };
}

const stream = { venue: "polymarket_rtds", stream: "prices", url: "", format: "polymarket-rtds" };

function wantedSession() {
  const live = rtdsLive(rtdsConfig.parse({}));
  const listener = { name: "reference", channels: ["ticker"] as const, maxMarkets: 10, filters: {} };
  const discovery = live.discovery(listener, { now: 0, since: null, scope: "all", named: [] });
  const [entry] = live.streams(discovery.markets);
  assert.ok(entry !== undefined && discovery.next() === null);
  return live.session(...entry);
}

function market(product: string, price: number): SpotMarket {
  const print: SpotPrint = { id: 1, at: START, price, size: 1, side: "BUY" };
  return { product, bid: 0, bidSize: 0, ask: 0, askSize: 0, volume: 0, sequence: 1, prints: [print] };
}

test("session, server and interpreter agree, over a freeze and a new connection", () => {
  const { reader, events } = reading();
  const markets = new Map([["BTC-USD", market("BTC-USD", 6_723_412_345_678)]]);
  const session = wantedSession();
  const frames: string[] = [];
  let answered = false;
  const server = new RtdsConnection({ markets, send: ({ text }) => frames.push(text), hangUp: () => {} }, START);
  reader.connected(1, stream, START);
  const say = (texts: readonly string[] = [], at: number) => {
    for (const text of texts) {
      reader.sent(1, Buffer.from(text), at);
      server.receive(text);
    }
  };
  say(session.open(START).send, START);
  for (let at = START; at <= START + 6 * SECOND; at += SECOND) {
    server.settle(at);
    for (const frame of frames.splice(0)) {
      answered ||= frame === "PONG";
      const messages = frame === "PONG" ? [] : rtdsWire.messages(JSON.parse(frame));
      assert.equal(rtdsWire.typeOf(Buffer.from(frame)), messages[0]?.type ?? null);
      for (const message of messages) assert.deepEqual(differences(rtdsWire.types, message), []);
      assert.equal(session.receive(Buffer.from(frame), at), null);
      reader.received(1, Buffer.from(frame), at);
    }
    say(session.wake(at)?.send, at);
  }
  const ticks = events.filter((event) => event.type === "spot_tick");
  assert.deepEqual(
    new Set(ticks.map(({ product, price }) => `${product} ${price}`)),
    new Set(["btcusdt 6723412345678", "btc/usd 6723412345678"]),
  );
  assert.equal(ticks[0]?.ts, START - 24_000);
  assert.equal(answered, true);
  // The feed freezes; PONG is no data.
  events.length = 0;
  const heard = START + 6 * SECOND;
  const stale = session.wake(heard + 10 * SECOND);
  assert.deepEqual(
    stale?.decisions?.map(({ type, topic }) => [type, topic]),
    [
      ["stale", "crypto_prices"],
      ["stale", "crypto_prices_chainlink"],
    ],
  );
  const stall = session.wake(heard + 20 * SECOND);
  assert.equal(stall?.close, "stall");
  for (const decision of [...(stale?.decisions ?? []), ...(stall?.decisions ?? [])])
    reader.decision(decision, 1, heard);
  reader.closed(1, { by: "watchdog", reason: "stall" }, heard);
  const copy = reading(JSON.parse(JSON.stringify(reader.save())));
  copy.reader.connected(2, stream, heard);
  copy.reader.received(
    2,
    Buffer.from(JSON.stringify({ topic: "crypto_prices", type: "update", payload: { symbol: "btcusdt", value: 1.5 } })),
    heard,
  );
  assert.deepEqual(
    [...events, ...copy.events].map(({ type }) => type),
    ["spot_tick", "spot_tick", "gap_opened", "gap_closed", "spot_tick"],
  );
  assert.ok(events[0]?.type === "spot_tick" && events[0].isStale);
});

test("values are cut to eight places; the first answer may be a list; the rest is put aside", () => {
  const { reader, events } = reading();
  const read = (frame: unknown) => {
    events.length = 0;
    reader.received(1, Buffer.from(typeof frame === "string" ? frame : JSON.stringify(frame)), START);
    return events.map((event) => (event.type === "spot_tick" ? event.price : event.type));
  };
  const of = (payload: object, topic = "crypto_prices_chainlink") => ({ topic, type: "update", timestamp: 1, payload });
  assert.deepEqual(
    read(of({ symbol: "btc/usd", full_accuracy_value: "67234123456789012345678", value: 1 })),
    [6_723_412_345_678],
  );
  assert.deepEqual(read(of({ symbol: "btcusdt", value: 67_234.5 }, "crypto_prices")), [6_723_450_000_000]);
  assert.deepEqual(read(of({ symbol: "btc/usd", data: [{ value: 1 }, { value: 2 }] })), [100_000_000, 200_000_000]);
  assert.deepEqual(read("PONG"), []);
  assert.deepEqual(read(""), []);
  assert.deepEqual(read(of({ symbol: "btc/usd", value: "x" })), ["quarantine"]);
  assert.deepEqual(read({ topic: "comments", payload: {} }), ["quarantine"]);
  assert.deepEqual(read({ message: "invalid Subscription.Filters" }), ["quarantine"]);
  assert.deepEqual(read("{"), ["quarantine", "gap_opened"]);
});

test("nothing that arrives throws", () => {
  const payload = fc.record(
    { symbol: fc.json(), value: fc.oneof(fc.double(), fc.json()), data: fc.json() },
    { requiredKeys: [] },
  );
  const frame = fc.oneof(
    fc.json(),
    fc.string({ unit: "binary" }),
    payload.map((each) => JSON.stringify({ topic: "crypto_prices", payload: each })),
  );
  fc.assert(
    fc.property(frame, (text) => {
      reading().reader.received(1, Buffer.from(text), START);
    }),
    { seed: 20261124, numRuns: 300 },
  );
});
