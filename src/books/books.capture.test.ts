import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ONE, parseMillionths } from "../model/decimal.ts";
import type { Levels, MarketEvent } from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import type { BookRow } from "./book-row.ts";
import { Books } from "./books.ts";

const captures = new URL("../../../shared/fixtures/kalshi/ws/", import.meta.url);

type Pairs = readonly (readonly [string, string])[];

const exact = (text: string): number => parseMillionths(text) ?? assert.fail(text);

/** Kalshi lists both sides worst first and as bids: a NO bid at P is a YES ask at 1 − P. */
function levels(pairs: Pairs = [], ask = false): Levels {
  const best = pairs.toReversed();
  return { prices: best.map(([p]) => (ask ? ONE - exact(p) : exact(p))), sizes: best.map(([, size]) => exact(size)) };
}

function* read(name: string, instruments: Instruments): Generator<[at: number, event: MarketEvent]> {
  const bytes = readFileSync(new URL(name, captures));
  const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const { recv_ns, received_ms, conn, frame } = JSON.parse(line);
    const at = recv_ns === undefined ? received_ms * 1_000 : Math.floor(recv_ns / 1_000);
    const { type, seq, sid, msg } = frame;
    if (msg.market_ticker === undefined) continue;
    const instrument = instruments.get("kalshi", msg.market_ticker, "yes");
    const wire = { instrument, ts: msg.ts_ms * 1_000, seq, epoch: conn ?? 1, sid, venueHash: null };
    if (type === "orderbook_snapshot") {
      const [bids, asks] = [levels(msg.yes_dollars_fp), levels(msg.no_dollars_fp, true)];
      yield [at, { type: "book_snapshot", ...wire, trigger: "venue", bids, asks }];
    } else if (type === "orderbook_delta") {
      const side = msg.side === "yes" ? "bid" : "ask";
      const price = side === "bid" ? exact(msg.price_dollars) : ONE - exact(msg.price_dollars);
      yield [at, { type: "book_delta", ...wire, side, price, size: null, change: exact(msg.delta_fp) }];
    } else if (type === "ticker") {
      const [bid, ask] = [exact(msg.yes_bid_dollars), exact(msg.yes_ask_dollars)];
      yield [at, { type: "top_of_book", instrument, bid: bid === 0 ? null : bid, ask: ask === ONE ? null : ask }];
    }
  }
}

function replay(name: string): { books: Books; rows: BookRow[] } {
  const instruments = new Instruments();
  const rows: BookRow[] = [];
  const books = new Books({ instruments, emit: (row) => rows.push(row) - 1 });
  let frame = 0;
  for (const [at, event] of read(name, instruments)) {
    books.wake(at, ++frame);
    books.apply(event, at, frame);
  }
  books.wake(Number.MAX_SAFE_INTEGER, ++frame);
  return { books, rows };
}

for (const [name, deltas] of [
  ["ws_kxbtc15m_20260514T0438Z_full.jsonl.gz", 101_703],
  ["ws_kxbtc15m_20260515T0236Z.jsonl", 4_469],
  ["ws_mlb_12markets_20260807.jsonl", 245],
] as const) {
  test(`Kalshi's real stream ${name} keeps exact books`, (t) => {
    if (!existsSync(captures)) return t.skip("…/shared/fixtures is not beside the project");
    const { books, rows } = replay(name);
    const gaps = rows.filter((row) => row.type === "gap");
    assert.deepEqual(gaps, [], "no level was ever negative, no crossing lasted");
    assert.equal(rows.filter((row) => row.type === "book_delta" && row.size !== null).length, deltas);
    const agreement = books.agreement().get("kalshi");
    t.diagnostic(JSON.stringify({ ...agreement, ...books.counts }));
    if (agreement === undefined) return;
    assert.ok(agreement.exact / agreement.compared > 0.8, "exact agreement");
    assert.ok(agreement.settled / agreement.compared > 0.97, "settled agreement");
  });
}
