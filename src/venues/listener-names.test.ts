import assert from "node:assert/strict";
import { test } from "node:test";
import { Instruments } from "../model/instrument.ts";
import type { MarketEvent } from "../model/events.ts";
import { kalshiInterpreter } from "./kalshi/interpret.ts";
import { keepListeners, withListener } from "./listener-names.ts";
import { polymarketInterpreter } from "./polymarket/interpret.ts";

test("names come once, in order, and go one by one", () => {
  assert.equal(withListener(withListener(withListener(null, "a"), "b"), "a"), "a,b");
  assert.equal(
    keepListeners("a,b,c", (name) => name !== "b"),
    "a,c",
  );
  assert.equal(
    keepListeners("a", () => false),
    null,
  );
  assert.equal(
    keepListeners(null, () => true),
    null,
  );
});

test("a subscription names all the listeners that want its market, until they do not", () => {
  for (const [venue, make, market, frames] of [
    [
      "kalshi",
      kalshiInterpreter,
      "KXA-1-T1",
      [
        '{"id":1,"cmd":"subscribe","params":{"channels":["trade"],"market_tickers":["KXA-1-T1"]}}',
        '{"type":"subscribed","id":1,"msg":{"channel":"trade","sid":1}}',
      ],
    ],
    ["polymarket", polymarketInterpreter, "0xa", ['{"assets_ids":["1"],"type":"market"}']],
  ] as const) {
    const events: MarketEvent[] = [];
    const interpreter = make({ instruments: new Instruments(), emit: (event) => events.push(event) });
    const decide = (type: string, more: object) => interpreter.decision({ type, venue, ...more }, 0, 1);
    const names = (epoch: number) => {
      events.length = 0;
      interpreter.connected(epoch, { venue, stream: "market/0", url: "ws://x", format: "f" }, 1);
      const [sent = "", ...received] = frames;
      interpreter.sent(epoch, Buffer.from(sent), 2);
      for (const frame of received) interpreter.received(epoch, Buffer.from(frame), 3);
      interpreter.closed(epoch, { by: "venue" }, 4);
      return [...new Set(events.flatMap((event) => (event.type === "subscription" ? [event.listener] : [])))];
    };
    const added = [{ market, outcomes: ["1"] }];
    decide("subscribe", { listener: "a", markets: [market], added });
    decide("subscribe", { listener: "b", markets: [market], added });
    assert.deepEqual(names(1), ["a,b"], venue);
    decide("unsubscribe", { listener: "a", markets: [market] });
    assert.deepEqual(names(2), ["b"], venue);
    decide("subscribe", { listener: "c", markets: [market], added });
    decide("listeners", { listeners: ["c", "d"] });
    assert.deepEqual(names(3), ["c"], venue);
  }
});
