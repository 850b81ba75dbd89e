import assert from "node:assert/strict";
import { test } from "node:test";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import type { WantedMarket } from "../venue.ts";
import { kalshiInterpreter } from "./interpret.ts";
import { KalshiConnection } from "./server.ts";
import { KalshiSession } from "./session.ts";

const AT = 1_710_000_000_323_000;

function interpreter() {
  const events: MarketEvent[] = [];
  const reader = kalshiInterpreter({ instruments: new Instruments(), emit: (event) => events.push(event) });
  reader.connected(1, { venue: "kalshi", stream: "market/0", url: "", format: "kalshi-ws-v2" }, AT);
  return { reader, events, receive: (frame: unknown) => reader.received(1, Buffer.from(JSON.stringify(frame)), AT) };
}

const message = (msg: object, seq = 1) => ({ type: "cfbenchmarks_value", sid: 1, seq, msg });
// As docs.kalshi.com/websockets/cfbenchmarks-value writes them.
const VALUE = {
  index_id: "BRTI",
  received_at: 1_710_000_000_341,
  data: '{"type":"value","id":"BRTI","time":1710000000323,"value":"68000.12"}',
  avg_60s_data: {
    value: "67999.12345678",
    window_size: 60,
    window_start_ts_ms: 1_709_999_940_323,
    window_end_ts_exclusive: 1_710_000_000_323,
  },
};

test("an index value is a spot tick, and so are its averages, exactly", () => {
  const { events, receive } = interpreter();
  receive(message({ ...VALUE, last_60s_windowed_average_15min: { value: "68001.000000009", window_size: 14 } }));
  const ticks = events.filter((event) => event.type === "spot_tick");
  assert.deepEqual(
    ticks.map(({ venue, product, ts, price, sequence }) => [venue, product, ts, price, sequence]),
    [
      ["cfbenchmarks", "BRTI", AT, 6_800_012_000_000, 1],
      ["cfbenchmarks", "BRTI.avg_60s", AT, 6_799_912_345_678, 1],
      ["cfbenchmarks", "BRTI.avg_60s_15min", AT, 6_800_100_000_000, 1],
    ],
  );
});

test("what is no value is put aside; a jump of the numbers is a gap", () => {
  const { events, receive } = interpreter();
  for (const bad of [{ index_id: 4 }, { data: "{" }, { data: '{"value":"x"}' }, { avg_60s_data: { value: null } }]) {
    const own = interpreter();
    own.receive(message({ ...VALUE, ...bad }));
    assert.ok(own.events.some(({ type }) => type === "quarantine"));
    assert.ok(!own.events.some(({ type }) => type === "spot_tick"));
  }
  receive(message(VALUE, 1));
  receive(message(VALUE, 3));
  const gaps = events.filter((event) => event.type === "gap_opened");
  assert.deepEqual(
    gaps.map(({ channel, evidence }) => [channel, evidence]),
    [["cfbenchmarks_value", { expected: 2, got: 3, lost: 1 }]],
  );
});

test("session and server agree: indices are subscribed by their ids, and their values are read", () => {
  const index: WantedMarket = {
    venue: "kalshi",
    market: "BRTI",
    outcomes: [],
    listener: "btc",
    channels: ["index"],
    closeAt: null,
  };
  const { reader, events } = interpreter();
  const frames: string[] = [];
  const exhibit = { markets: new Map(), trades: [] };
  const options = { format: { sendingTime: true, deltaMilliseconds: true }, marketLimit: 10, random: () => 0 };
  const server = new KalshiConnection(exhibit, options, ({ text }) => frames.push(text));
  const session = new KalshiSession([index]);
  for (const command of session.open(AT).send ?? []) {
    assert.deepEqual(JSON.parse(command), {
      id: 1,
      cmd: "subscribe",
      params: { channels: ["cfbenchmarks_value"], index_ids: ["BRTI"] },
    });
    reader.sent(1, Buffer.from(command), AT);
    server.receive(command);
  }
  server.settle(AT);
  server.indexed({
    id: "BRTI",
    at: AT,
    value: 6_800_012_000_000,
    before: [{ at: AT - 1e6, value: 6_800_000_000_000 }],
  });
  server.indexed({ id: "ETHUSD_RTI", at: AT, value: 1, before: [] });
  for (const frame of frames) {
    assert.deepEqual(session.receive(Buffer.from(frame), AT)?.decisions ?? [], []);
    reader.received(1, Buffer.from(frame), AT);
  }
  const ticks = events.filter((event) => event.type === "spot_tick");
  assert.deepEqual(
    ticks.slice(0, 2).map(({ product, price }) => [product, price]),
    [
      ["BRTI", 6_800_012_000_000],
      ["BRTI.avg_60s", 6_800_000_000_000],
    ],
  );
  assert.ok(!events.some(({ type }) => type === "quarantine" || type === "gap_opened"));
  const stated = events.findLast((event) => event.type === "subscription");
  assert.ok(stated?.market === "BRTI" && stated.acknowledgedAt === AT && stated.firstDataAt === AT);
});
