import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isRefuge, StreamPacking } from "./streams.ts";
import type { WantedMarket } from "./venue.ts";

function market(name: string, tokens = 2): WantedMarket {
  const outcomes = Array.from({ length: tokens }, (_, i) => `${name}/${i}`);
  return { venue: "v", market: name, outcomes, listener: "l", channels: ["book"], closeAt: null };
}

test("no stream is too heavy, no market is lost, and a market stays where it was", () => {
  const names = fc.uniqueArray(fc.integer({ min: 0, max: 60 }).map(String), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(names, { minLength: 2, maxLength: 8 }), (rounds) => {
      const packing = new StreamPacking(10, ({ outcomes }) => outcomes.length);
      let before = new Map<string, string>();
      for (const round of rounds) {
        const now = new Map<string, string>();
        for (const [stream, markets] of packing.assign(round.map((name) => market(name)))) {
          assert.ok(markets.length <= 5, `${stream} has ${markets.length} markets`);
          for (const { market } of markets) now.set(market, stream);
        }
        assert.deepEqual([...now.keys()].sort(), [...round].sort());
        for (const [name, stream] of now) assert.equal(stream, before.get(name) ?? stream);
        before = now;
      }
    }),
    { seed: 20261121 },
  );
});

test("room that others left is used again", () => {
  const packing = new StreamPacking(4, ({ outcomes }) => outcomes.length);
  packing.assign(["a", "b", "c"].map((name) => market(name)));
  const streams = packing.assign(["b", "c", "d"].map((name) => market(name)));
  assert.deepEqual([...streams.keys()], ["market/0", "market/1"]);
  assert.deepEqual(
    streams.get("market/0")?.map(({ market }) => market),
    ["b", "d"],
  );
});

test("a market heavier than a stream gets one of its own", () => {
  const streams = new StreamPacking(4, ({ outcomes }) => outcomes.length).assign([market("a", 6), market("b")]);
  assert.deepEqual(
    [...streams.values()].map((markets) => markets.length),
    [1, 1],
  );
});

test("markets that a full stream did not take go where there is room, and no more come to it", () => {
  const packing = new StreamPacking(10, () => 1);
  const wanted = Array.from({ length: 8 }, (_, i) => market(`m${i}`));
  assert.deepEqual([...packing.assign(wanted).keys()], ["market/0"]);
  packing.move({ stream: "market/0", markets: ["m5", "m6", "m7"], capacity: 5 });
  const streams = packing.assign([...wanted, market("m8")]);
  assert.deepEqual(
    Array.from(streams, ([name, markets]) => [name, markets.length]),
    [
      ["market/0", 5],
      ["market/1", 4],
    ],
  );
});

test("markets that a stream failed get a new one each time, and there are not endlessly many", () => {
  const packing = new StreamPacking(10, () => 1);
  const wanted = Array.from({ length: 40 }, (_, i) => market(`m${i}`));
  for (const { market: name } of wanted.slice(0, 20)) {
    const [stream = ""] = [...packing.assign(wanted)].find(([, list]) => list.some((one) => one.market === name)) ?? [];
    packing.move({ stream, markets: [name, "unknown"], capacity: null });
  }
  const names = [...packing.assign(wanted).keys()].filter(isRefuge);
  assert.equal(names.length, 8);
});
