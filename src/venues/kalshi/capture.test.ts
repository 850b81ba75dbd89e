import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import { kalshiInterpreter } from "./interpret.ts";
import { shared } from "./scenario.fixture.ts";

interface Line {
  readonly recv_ns?: number;
  readonly received_ms?: number;
  readonly conn?: number;
  readonly frame: object;
}

/** Events of a capture; a new `conn` means that the venue ended the one before. */
function interpret(file: URL): MarketEvent[] {
  const content = readFileSync(file);
  const text = (file.pathname.endsWith(".gz") ? gunzipSync(content) : content).toString("utf8");
  const events: MarketEvent[] = [];
  const interpreter = kalshiInterpreter({ instruments: new Instruments(), emit: (event) => events.push(event) });
  let epoch = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const { recv_ns, received_ms, conn = 1, frame } = JSON.parse(line) as Line;
    const at = received_ms === undefined ? Math.floor((recv_ns ?? 0) / 1_000) : received_ms * 1_000;
    if (conn !== epoch) {
      if (epoch !== 0) interpreter.closed(epoch, { by: "venue" }, at);
      interpreter.connected(conn, { venue: "kalshi", stream: "market/0", url: "", format: "kalshi-ws-v2" }, at);
      epoch = conn;
    }
    interpreter.received(epoch, Buffer.from(`${JSON.stringify(frame)}\n`), at);
  }
  return events;
}

function counts(events: readonly MarketEvent[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { type } of events) found[type] = (found[type] ?? 0) + 1;
  return found;
}

const captures: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
  [
    "ws/ws_kxbtc15m_20260514T0438Z_full.jsonl.gz",
    {
      book_delta: 101_703,
      book_snapshot: 4,
      quote: 842,
      top_of_book: 842,
      gap_opened: 2,
      gap_closed: 2,
      subscription: 10,
    },
  ],
  [
    "ws/ws_kxbtc15m_20260515T0236Z.jsonl",
    { book_delta: 4_469, book_snapshot: 1, quote: 28, top_of_book: 28, subscription: 2 },
  ],
  ["ws/ws_mlb_12markets_20260807.jsonl", { book_delta: 245, book_snapshot: 12, subscription: 23 }],
];

for (const [name, expected] of captures) {
  test(`every frame of ${name} becomes what it is`, (t) => {
    const file = new URL(name, shared);
    if (!existsSync(file)) return t.skip("…/shared/fixtures is not beside the project");
    const events = interpret(file);
    assert.deepEqual(counts(events), expected);
    for (const event of events) if (event.type === "gap_opened") assert.equal(event.cause, "disconnect");
  });
}

test("books rebuilt from the capture never go below zero", (t) => {
  const file = new URL("ws/ws_kxbtc15m_20260514T0438Z_full.jsonl.gz", shared);
  if (!existsSync(file)) return t.skip("…/shared/fixtures is not beside the project");
  const sizes = new Map<string, number>();
  for (const event of interpret(file)) {
    if (event.type === "book_snapshot") {
      for (const key of sizes.keys()) if (key.startsWith(event.instrument.market)) sizes.delete(key);
      for (const [side, levels] of [
        ["bid", event.bids],
        ["ask", event.asks],
      ] as const) {
        levels.prices.forEach((price, i) =>
          sizes.set(`${event.instrument.market} ${side} ${price}`, levels.sizes[i] ?? 0),
        );
      }
    } else if (event.type === "book_delta") {
      const key = `${event.instrument.market} ${event.side} ${event.price}`;
      const size = (sizes.get(key) ?? 0) + (event.change ?? 0);
      assert.ok(size >= 0, `${key} would be ${size} at ${event.seq}`);
      sizes.set(key, size);
    }
  }
});
