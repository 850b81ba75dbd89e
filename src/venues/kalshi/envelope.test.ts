import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Envelope } from "./envelope.ts";

function read(text: string) {
  const envelope = new Envelope();
  const readable = envelope.read(Buffer.from(text));
  return readable ? [envelope.class, envelope.sid, envelope.seq, envelope.id] : null;
}

test("the outer keys of each kind of frame", () => {
  assert.deepEqual(read('{"type":"orderbook_delta","sid":2,"seq":17,"msg":{"sid":9}}\n'), ["delta", 2, 17, -1]);
  assert.deepEqual(read('{"type":"orderbook_snapshot","id":3,"sid":1,"seq":1,"msg":{}}'), ["snapshot", 1, 1, 3]);
  assert.deepEqual(read('{"type":"ok","id":4,"sid":1,"seq":2,"msg":{}}'), ["control", 1, 2, 4]);
  assert.deepEqual(read('{"type":"unsubscribed","id":102,"sid":2,"seq":7}'), ["control", 2, 7, 102]);
  assert.deepEqual(read('{"type":"error","id":1,"msg":{"code":7}}'), ["control", -1, -1, 1]);
  assert.deepEqual(read('{"type":"ticker","sid":3,"msg":{}}'), ["ticker", 3, -1, -1]);
  assert.deepEqual(read('{"type":"ok","id":3,"msg":[{"channel":"trade","sid":1}]}'), ["control", -1, -1, 3]);
  assert.deepEqual(read('{"sending_ts_ms":5,"type":"orderbook_delta","sid":2,"seq":18,"msg":{}}'), [
    "delta",
    2,
    18,
    -1,
  ]);
});

test("other layouts are parsed whole", () => {
  assert.deepEqual(read('{"msg":{"sid":9,"seq":9},"seq":17,"sid":2,"type":"orderbook_delta"}'), ["delta", 2, 17, -1]);
  assert.deepEqual(read('{ "type": "orderbook_delta", "sid": 2, "seq": 3, "msg": {} }'), ["delta", 2, 3, -1]);
  assert.deepEqual(read('{"type":"orderbook_delta","sid":2,"msg":{"a":1},"seq":4}'), ["delta", 2, 4, -1]);
  assert.deepEqual(read('{"note":"a \\"b\\"","type":"trade","sid":1,"seq":4,"msg":{}}'), ["other", 1, 4, -1]);
});

test("what is no object is unreadable", () => {
  for (const text of [
    "",
    "PONG",
    "[1]",
    '{"type":"orderbook_delta","sid":2,',
    "null",
    '{"type":"orderbook_delta","sid":2,"se',
  ]) {
    assert.equal(read(text), null, text);
  }
});

test("any order of keys reads as JSON.parse reads it, and no bytes make it throw", () => {
  const type = fc.constantFrom("orderbook_delta", "orderbook_snapshot", "trade", "ok", "subscribed", "error");
  const entries = fc.tuple(type, fc.nat(), fc.nat()).chain(([name, sid, seq]) =>
    fc.shuffledSubarray(
      [
        ["type", name],
        ["sid", sid],
        ["seq", seq],
        ["msg", { sid: 1, text: '}"' }],
        ["sending_ts_ms", 7],
      ] as [string, unknown][],
      { minLength: 5 },
    ),
  );
  fc.assert(
    fc.property(entries, (pairs) => {
      const value = Object.fromEntries(pairs) as { sid: number; seq: number };
      assert.deepEqual(read(JSON.stringify(value))?.slice(1, 3), [value.sid, value.seq]);
    }),
    { seed: 20261121 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      new Envelope().read(Buffer.from(bytes));
      new Envelope().read(Buffer.concat([Buffer.from('{"type":"'), Buffer.from(bytes)]));
    }),
    { seed: 20261121 },
  );
});

test("a real capture reads without a gap", (t) => {
  const file = join(import.meta.dirname, "../../../../shared/fixtures/kalshi/ws/ws_mlb_12markets_20260807.jsonl");
  if (!existsSync(file)) return t.skip("…/shared/fixtures is not beside the project");
  const envelope = new Envelope();
  let last = 0;
  for (const line of readFileSync(file, "utf8").trim().split("\n")) {
    const { frame } = JSON.parse(line) as { frame: unknown };
    assert.ok(envelope.read(Buffer.from(JSON.stringify(frame))));
    if (envelope.seq < 0) continue;
    assert.equal(envelope.seq, last + 1);
    last = envelope.seq;
  }
  assert.equal(last, 268);
});
