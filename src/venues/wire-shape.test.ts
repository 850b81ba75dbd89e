import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { coinbaseWire } from "./coinbase/wire-shapes.ts";
import { kalshiWire } from "./kalshi/wire-shapes.ts";
import { polymarketWire } from "./polymarket/wire-shapes.ts";
import { rtdsWire } from "./polymarket_rtds/wire-shapes.ts";
import { differences, type Wire } from "./wire-shape.ts";

const shared = fileURLToPath(new URL("../../../shared/fixtures", import.meta.url));

/** Frames of a capture: bare ones, or those inside a recorder's lines. */
function framesOf(file: string): unknown[] {
  const bytes = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const values = file.endsWith(".json") ? [text] : text.split("\n").filter((line) => line !== "");
  return values.flatMap((value) => {
    const line = JSON.parse(value) as { frame?: unknown; payload?: unknown; sent?: unknown };
    if (line.sent === true) return [];
    const frame = line.frame ?? line.payload ?? line;
    return [typeof frame === "string" ? JSON.parse(frame) : frame];
  });
}

function driftsOf(wire: Wire, frames: readonly unknown[]): string[] {
  const found = new Set<string>();
  for (const frame of frames) {
    const messages = wire.messages(frame);
    assert.ok(messages.length > 0, "a frame without messages");
    for (const each of messages) {
      for (const change of differences(wire.types, each)) found.add(`${each.type}: ${change}`);
      const told = wire.typeOf(Buffer.from(JSON.stringify(frame)));
      if (!Array.isArray(frame) && told !== "") assert.equal(told, each.type);
    }
  }
  return [...found];
}

/** Where, which files, and what the interpreter is known not to know of them. */
const captures: readonly (readonly [Wire, string, string, ...string[]])[] = [
  [kalshiWire, "src/venues/kalshi/fixtures", "ws-*.jsonl"],
  [polymarketWire, "src/venues/polymarket/fixtures", "frames.jsonl"],
  [kalshiWire, join(shared, "kalshi"), "ws/*"],
  [kalshiWire, join(shared, "kalshi"), "demo-2026-06/ws__*.jsonl"],
  [polymarketWire, join(shared, "polymarket"), "ws/*"],
  [coinbaseWire, "src/venues/coinbase/fixtures", "advanced-*.jsonl", "l2_data: a type that is not known"],
  [coinbaseWire, "src/venues/coinbase/fixtures", "exchange-*.jsonl"],
  [coinbaseWire, join(shared, "coinbase"), "advanced_ws_{session,ticker,market_trades}*.jsonl"],
  [coinbaseWire, join(shared, "coinbase"), "exchange_ws_{heartbeat,match,ticker,error}*.json"],
];

for (const [wire, folder, pattern, ...unknown] of captures) {
  test(`no frame of any generation differs from its shape: ${folder.split("/").at(-1)}/${pattern}`, (t) => {
    if (!existsSync(folder)) return t.skip("…/shared/fixtures is not beside the project");
    const files = globSync(pattern, { cwd: folder });
    assert.ok(files.length > 0);
    for (const file of files) assert.deepEqual(driftsOf(wire, framesOf(join(folder, file))), unknown, file);
  });
}

const delta = {
  type: "orderbook_delta",
  sid: 1,
  seq: 2,
  msg: { market_ticker: "KX-1", market_id: "u", price_dollars: "0.0800", delta_fp: "-4.00", side: "yes", ts_ms: 1 },
};

test("what changed is said key by key, against the generation that is nearest", () => {
  const of = (message: unknown) => differences(kalshiWire.types, { type: "orderbook_delta", message });
  const { price_dollars: price, ...rest } = delta.msg;
  assert.deepEqual(of(delta), []);
  assert.deepEqual(of({ ...delta, sending_ts_ms: 5 }), [], "a key that the references name");
  assert.deepEqual(of({ ...delta, msg: { ...rest, px: price } }), [
    "msg.price_dollars is missing",
    "msg.px is unknown",
  ]);
  assert.deepEqual(of({ ...delta, msg: { ...delta.msg, price_dollars: 0.08 } }), [
    "msg.price_dollars is number, not decimal",
  ]);
  assert.deepEqual(of({ ...delta, msg: { ...delta.msg, price_dollars: "8c" } }), [
    "msg.price_dollars is text, not decimal",
  ]);
  assert.deepEqual(of({ ...delta, shard: 3 }), ["shard is unknown"]);
  assert.deepEqual(of({ ...delta, msg: [] }), ["msg is list, not object"]);
  assert.deepEqual(differences(kalshiWire.types, { type: "constructor", message: delta }), [
    "a type that is not known",
  ]);
  assert.deepEqual(
    differences(polymarketWire.types, {
      type: "book",
      message: {
        event_type: "book",
        market: "0x1",
        asset_id: "1",
        timestamp: "1",
        hash: "h",
        bids: [
          { price: "0.1", size: 3 },
          { price: "0.2", size: 3 },
        ],
        asks: [],
      },
    }),
    ["bids[].size is number, not decimal"],
  );
});

test("a type is told without reading the frame, wherever its key is", () => {
  const bytes = (text: string) => Buffer.from(text);
  assert.equal(kalshiWire.typeOf(bytes(JSON.stringify(delta))), "orderbook_delta");
  assert.equal(kalshiWire.typeOf(bytes('{"sid":1,"type":"trade"}\n')), "trade");
  assert.equal(kalshiWire.typeOf(bytes('{"sid":1}')), "");
  assert.equal(kalshiWire.typeOf(bytes('{"type":"orderbook_deltas"}')), "orderbook_deltas");
  assert.equal(polymarketWire.typeOf(bytes("PONG")), null);
  assert.equal(polymarketWire.typeOf(bytes('[{"event_type":"book","bids":[]}]')), "book");
  assert.equal(polymarketWire.typeOf(bytes('{"event_type": "book"}')), "", "with a space it has to be read");
  assert.equal(coinbaseWire.typeOf(bytes('{"channel":"ticker","timestamp":""}')), "ticker");
  assert.equal(coinbaseWire.typeOf(bytes('{"type":"match","trade_id":1}')), "match");
  for (const text of ["", "{", '{"typ', '{"channel":"tick', "null"]) assert.equal(coinbaseWire.typeOf(bytes(text)), "");
  assert.equal(rtdsWire.typeOf(bytes('{"topic":"crypto_prices"}')), "crypto_prices");
  assert.equal(rtdsWire.typeOf(bytes('{"message":"no"}')), "");
  for (const text of ["", "PONG", "\n"]) assert.equal(rtdsWire.typeOf(bytes(text)), null);
});
