import assert from "node:assert/strict";
import { test } from "node:test";
import { Books } from "../books/books.ts";
import { Instruments } from "../model/instrument.ts";
import { ResyncRequests } from "./resync.ts";

const S = 1_000_000;
const instruments = new Instruments();
const [yes, no, other] = [
  instruments.get("polymarket", "0x", "1"),
  instruments.get("polymarket", "0x", "2"),
  instruments.get("kalshi", "M", "yes"),
];

function doubted(): Books {
  const books = new Books({ emit: () => 0, instruments });
  const where = { venue: "kalshi", market: null, outcome: null, epoch: 1, sid: null, channel: null, from: 0, to: 0 };
  books.apply(
    {
      type: "gap_opened",
      key: "k",
      ...where,
      cause: "sequence",
      confidence: "proven",
      evidence: {},
      books: [yes, no, other],
    },
    0,
    1,
  );
  return books;
}

function due(requests: ResyncRequests, books: Books, now: number): Record<string, readonly string[]> {
  return Object.fromEntries(requests.due(books, now));
}

test("a book is asked for once it has waited, each market once, and again only after a while", () => {
  const requests = new ResyncRequests();
  const books = doubted();
  const all = { polymarket: ["0x"], kalshi: ["M"] };
  for (const [now, expected] of [
    [0, {}],
    [4.9 * S, {}],
    [5 * S, all],
    [6 * S, {}],
    [34.9 * S, {}],
    [35 * S, all],
  ] as const) {
    assert.deepEqual(due(requests, books, now), expected, `after ${now} µs`);
  }
});

test("a book that has its snapshot is asked for no more, and waits anew when it is doubted again", () => {
  const requests = new ResyncRequests();
  const books = doubted();
  due(requests, books, 0);
  const none = { prices: [], sizes: [] };
  const origin = { ts: null, seq: null, epoch: 1, sid: null, venueHash: null };
  books.apply({ type: "book_snapshot", instrument: other, trigger: "venue", ...origin, bids: none, asks: none }, S, 2);
  assert.deepEqual(due(requests, books, 5 * S), { polymarket: ["0x"] });
  const again = { venue: "kalshi", market: "M", outcome: "yes", epoch: 1, sid: null, channel: null, from: 0, to: 0 };
  books.apply(
    {
      type: "gap_opened",
      key: "again",
      ...again,
      cause: "sequence",
      confidence: "proven",
      evidence: {},
      books: [other],
    },
    6 * S,
    3,
  );
  assert.deepEqual(due(requests, books, 7 * S), {});
  assert.deepEqual(due(requests, books, 12 * S), { kalshi: ["M"] });
});
