import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  BookDelta,
  BookSnapshot,
  BookWitness,
  GapOpened,
  Levels,
  MarketEvent,
  Subscription,
} from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import type { BookRow, GapRow, StoredSnapshot } from "./book-row.ts";
import { Books } from "./books.ts";

const SECOND = 1_000_000;
const CENT = 10_000;

function setUp() {
  const instruments = new Instruments();
  const rows: BookRow[] = [];
  const books = new Books({ instruments, emit: (row) => rows.push(row) - 1 });
  const a = instruments.get("kalshi", "KX-A", "yes");
  const b = instruments.get("kalshi", "KX-B", "yes");
  let frame = 0;
  /** Applies one event as the record of its own frame. */
  const at = (time: number | null, event: MarketEvent): BookRow[] => {
    const before = rows.length;
    frame++;
    if (time !== null) books.wake(time, frame);
    books.apply(event, time, frame);
    return rows.slice(before);
  };
  const snapshot = (instrument = a, bids: [number, number][] = [[48, 10]], asks: [number, number][] = [[52, 20]]) =>
    ({
      type: "book_snapshot",
      instrument,
      trigger: "venue",
      ts: null,
      seq: 1,
      epoch: 1,
      sid: 2,
      venueHash: null,
      bids: levels(bids),
      asks: levels(asks),
    }) satisfies BookSnapshot;
  const delta = (facts: Partial<BookDelta>) =>
    ({
      type: "book_delta",
      instrument: a,
      ts: 5,
      seq: 2,
      epoch: 1,
      sid: 2,
      side: "bid",
      price: 48 * CENT,
      size: null,
      change: null,
      venueHash: null,
      ...facts,
    }) satisfies BookDelta;
  const opened = (facts: Partial<GapOpened>) =>
    ({
      type: "gap_opened",
      key: "k",
      venue: "kalshi",
      market: null,
      outcome: null,
      epoch: 1,
      sid: 2,
      channel: "book",
      from: 1 * SECOND,
      to: null,
      cause: "sequence",
      confidence: "proven",
      evidence: { expected: 3, got: 5 },
      books: [],
      ...facts,
    }) satisfies GapOpened;
  return { instruments, rows, books, a, b, at, snapshot, delta, opened };
}

function levels(pairs: [number, number][]): Levels {
  return { prices: pairs.map(([cents]) => cents * CENT), sizes: pairs.map(([, size]) => size * 1_000_000) };
}

const gapsOf = (rows: readonly BookRow[]): GapRow[] => rows.filter((row) => row.type === "gap");

test("a live book fills in the total or the change, whichever the venue left out", () => {
  const { at, snapshot, delta, books, a } = setUp();
  const [stored] = at(SECOND, snapshot());
  assert.equal((stored as StoredSnapshot).bookState, "live");
  const [signed] = at(2 * SECOND, delta({ change: -4_000_000 }));
  assert.deepEqual(signed, delta({ change: -4_000_000, size: 6_000_000 }));
  const [absolute] = at(2 * SECOND, delta({ size: 1_500_000 }));
  assert.deepEqual(absolute, delta({ change: -4_500_000, size: 1_500_000 }));
  const [removed] = at(2 * SECOND, delta({ size: 0 }));
  assert.deepEqual(removed, delta({ change: -1_500_000, size: 0 }));
  assert.equal(books.book(a)?.book.bestBid, null);
  assert.equal(books.book(a)?.book.bestAsk, 52 * CENT);
});

test("before a snapshot nothing is filled in; absolute sizes count as best knowledge, changes do not", () => {
  const { at, delta, books, a } = setUp();
  assert.deepEqual(at(1, delta({ change: 7 })), [delta({ change: 7 })]);
  assert.deepEqual(at(1, delta({ size: 9, side: "ask" })), [delta({ size: 9, side: "ask" })]);
  const view = books.book(a);
  assert.equal(view?.state, "uncertain");
  assert.equal(view?.book.bestBid, null);
  assert.equal(view?.book.bestAsk, 48 * CENT);
});

test("levels without size are dropped from a snapshot", () => {
  const { at, snapshot, a } = setUp();
  const [row] = at(
    1,
    snapshot(
      a,
      [
        [48, 0],
        [47, 3],
      ],
      [],
    ),
  );
  assert.deepEqual((row as StoredSnapshot).bids, levels([[47, 3]]));
});

test("a level that would go negative opens a gap and the book waits for a snapshot", () => {
  const { at, snapshot, delta, books, a } = setUp();
  at(1 * SECOND, snapshot());
  const [row, gap] = at(3 * SECOND, delta({ change: -11_000_000 }));
  assert.equal((row as BookDelta).size, null);
  assert.deepEqual(gap, {
    type: "gap",
    venue: "kalshi",
    market: "KX-A",
    outcome: "yes",
    epoch: 1,
    sid: 2,
    channel: "book",
    from: 1 * SECOND,
    to: null,
    cause: "sequence",
    confidence: "inferred",
    evidence: '{"contradiction":"negative level","side":"bid","price":"0.48","had":"10","change":"-11","size":null}',
    detectedAt: 3 * SECOND,
    resolvedAt: null,
    repair: null,
    openingFrame: null,
    openingN: null,
  });
  assert.equal(books.book(a)?.state, "uncertain");
  assert.deepEqual(books.awaited(), [a]);
  const [later] = at(4 * SECOND, delta({ change: 2_000_000 }));
  assert.equal((later as BookDelta).size, null);
  const [snap, resolved] = at(5 * SECOND, snapshot());
  assert.equal(snap?.type, "book_snapshot");
  assert.deepEqual(
    [resolved].map((r) => r?.type === "gap" && [r.to, r.resolvedAt, r.repair, r.openingFrame, r.openingN]),
    [[5 * SECOND, 5 * SECOND, "none", 2, 2]],
  );
  assert.equal(books.book(a)?.state, "live");
  assert.equal(books.openGaps, 0);
});

test("a crossing that passes is counted, one that stays is a gap", () => {
  const { at, snapshot, delta, books, a, rows } = setUp();
  at(1 * SECOND, snapshot());
  at(2 * SECOND, delta({ price: 52 * CENT, change: 1_000_000 }));
  at(2.9 * SECOND, delta({ price: 52 * CENT, change: -1_000_000 }));
  at(4 * SECOND, delta({ price: 53 * CENT, change: 1_000_000 }));
  assert.equal(books.counts.crossings, 2);
  books.wake(4.999 * SECOND, 90);
  assert.deepEqual(gapsOf(rows), []);
  books.wake(5 * SECOND, 91);
  const [gap] = gapsOf(rows);
  assert.deepEqual([gap?.from, gap?.detectedAt, gap?.confidence], [1 * SECOND, 5 * SECOND, "inferred"]);
  assert.deepEqual(JSON.parse(gap?.evidence ?? ""), {
    contradiction: "crossed",
    bid: "0.53",
    ask: "0.52",
    for_us: SECOND,
  });
  assert.equal(books.book(a)?.state, "uncertain");
  books.wake(60 * SECOND, 92);
  assert.equal(gapsOf(rows).length, 1);
  const [, resolved] = at(61 * SECOND, snapshot());
  assert.deepEqual(resolved?.type === "gap" && [resolved.openingFrame, resolved.resolvedAt], [91, 61 * SECOND]);
});

test("a gap is resolved by the last of its books; closing it earlier only adds its end", () => {
  const { at, snapshot, opened, books, a, b } = setUp();
  at(1 * SECOND, snapshot(a));
  at(1 * SECOND, snapshot(b));
  const [row] = at(2 * SECOND, opened({ books: [a, b] }));
  assert.equal(row?.type === "gap" && row.evidence, '{"expected":3,"got":5}');
  assert.deepEqual([books.book(a)?.state, books.book(b)?.state], ["uncertain", "uncertain"]);
  assert.equal(at(3 * SECOND, snapshot(a)).length, 1);
  assert.deepEqual([books.book(a)?.state, books.book(b)?.state], ["live", "uncertain"]);
  const [closed] = at(4 * SECOND, { type: "gap_closed", key: "k", to: 3.5 * SECOND, repair: "partial" });
  assert.deepEqual(closed?.type === "gap" && [closed.to, closed.resolvedAt, closed.repair], [3.5 * SECOND, null, null]);
  const [, resolved] = at(5 * SECOND, snapshot(b));
  assert.deepEqual(
    resolved?.type === "gap" && [resolved.to, resolved.resolvedAt, resolved.repair, resolved.openingFrame],
    [3.5 * SECOND, 5 * SECOND, "partial", 3],
  );
});

test("a gap without books ends when it is closed, or at once when its end is known", () => {
  const { at, opened } = setUp();
  const [whole] = at(9 * SECOND, opened({ to: 2 * SECOND }));
  assert.deepEqual(whole?.type === "gap" && [whole.resolvedAt, whole.repair], [9 * SECOND, "none"]);
  assert.deepEqual(at(10 * SECOND, { type: "gap_closed", key: "k", to: 1, repair: "none" }), []);
  const [open] = at(11 * SECOND, opened({}));
  assert.deepEqual(open?.type === "gap" && [open.resolvedAt, open.openingFrame], [null, null]);
  const [closed] = at(12 * SECOND, { type: "gap_closed", key: "k", to: 12 * SECOND, repair: "full" });
  assert.deepEqual(closed?.type === "gap" && [closed.resolvedAt, closed.repair], [12 * SECOND, "full"]);
});

test("opening an open gap again is another row of the same gap and reaches back to the earlier start", () => {
  const { at, opened, snapshot, a, b } = setUp();
  at(2 * SECOND, opened({ books: [a] }));
  const [again] = at(3 * SECOND, opened({ books: [a, b], from: 2.5 * SECOND, evidence: { got: 9 } }));
  assert.deepEqual(
    again?.type === "gap" && [again.from, again.evidence, again.detectedAt, again.openingFrame, again.openingN],
    [1 * SECOND, '{"got":9}', 2 * SECOND, 1, 0],
  );
  assert.equal(gapsOf(at(4 * SECOND, snapshot(a))).length, 0);
  assert.equal(gapsOf(at(5 * SECOND, snapshot(b)))[0]?.to, 5 * SECOND);
});

test("a book in two gaps stays uncertain until its snapshot, which ends both", () => {
  const { at, opened, snapshot, books, a } = setUp();
  at(2 * SECOND, opened({ books: [a] }));
  at(2 * SECOND, opened({ key: "other", books: [a] }));
  assert.deepEqual(books.awaited(), [a]);
  assert.equal(gapsOf(at(4 * SECOND, snapshot(a))).length, 2);
  assert.equal(books.openGaps, 0);
});

test("imports without receive times still resolve their gaps", () => {
  const { at, opened, snapshot, a } = setUp();
  at(null, opened({ from: null, books: [a] }));
  const [, resolved] = at(null, snapshot(a));
  assert.deepEqual(resolved?.type === "gap" && [resolved.to, resolved.resolvedAt, resolved.repair], [
    null,
    null,
    "none",
  ]);
});

test("agreement looks a second back and a quarter of a second ahead", () => {
  const { at, snapshot, delta, opened, books, a } = setUp();
  const top = (bid: number | null): MarketEvent => ({
    type: "top_of_book",
    instrument: a,
    bid: bid === null ? null : bid * CENT,
    ask: 52 * CENT,
  });
  const rate = (): unknown => books.agreement().get("kalshi");
  at(1 * SECOND, snapshot());
  assert.deepEqual(at(1 * SECOND, top(48)), []);
  assert.deepEqual(rate(), { compared: 1, exact: 1, settled: 1 });
  at(2 * SECOND, delta({ price: 49 * CENT, change: 1 }));
  at(3 * SECOND, top(48));
  assert.deepEqual(rate(), { compared: 2, exact: 1, settled: 2 });
  at(3.1 * SECOND, top(48));
  at(3.1 * SECOND, top(50));
  assert.deepEqual(rate(), { compared: 2, exact: 1, settled: 2 });
  at(3.3 * SECOND, delta({ price: 50 * CENT, change: 1 }));
  assert.deepEqual(rate(), { compared: 3, exact: 1, settled: 3 });
  books.wake(3.35 * SECOND, 99);
  assert.deepEqual(rate(), { compared: 4, exact: 1, settled: 3 });
  at(4 * SECOND, top(null));
  at(4.1 * SECOND, opened({ books: [a] }));
  at(5 * SECOND, top(50));
  books.wake(9 * SECOND, 100);
  assert.deepEqual(rate(), { compared: 4, exact: 1, settled: 3 }, "an uncertain book is not compared");
  assert.deepEqual(books.book(a)?.agreement, { compared: 4, exact: 1, settled: 3 });
});

test("a snapshot of a live book audits it", () => {
  const { at, snapshot, delta, books } = setUp();
  at(1, snapshot());
  at(1, delta({ change: 1_000_000 }));
  at(1, snapshot());
  at(1, snapshot());
  assert.deepEqual(books.counts, { crossings: 0, audited: 2, equal: 1, witnessed: 0, witnessEqual: 0 });
});

test("where segments follow fast, a book waits until it changed as often as it has levels, a minute at most", () => {
  const { at, snapshot, delta, books, rows, a } = setUp();
  const minute = 60_000_000;
  at(
    1,
    snapshot(a, [
      [48, 10],
      [47, 10],
      [46, 10],
    ]),
  );
  rows.length = 0;
  for (let i = 0; i < 2; i++) at(2, delta({ change: 1_000_000 }));
  books.snapshotActive(3);
  assert.equal(rows.filter(({ type }) => type === "book_snapshot").length, 0, "two changes of a book of many levels");
  books.snapshotActive(minute + 1);
  assert.equal(rows.filter(({ type }) => type === "book_snapshot").length, 1, "a minute later");
  for (let i = 0; i < 40; i++) at(minute + 2, delta({ change: 1_000_000 }));
  books.snapshotActive(minute + 3);
  assert.equal(rows.filter(({ type }) => type === "book_snapshot").length, 2, "many changes");
});

test("a segment stores the books that changed since their last stored snapshot", () => {
  const { at, snapshot, delta, opened, books, rows, a, b } = setUp();
  at(1, snapshot(a));
  at(1, snapshot(b));
  books.snapshotActive(null);
  assert.equal(rows.length, 2);
  at(2, delta({ change: 1_000_000, seq: 7, ts: 70 }));
  at(2, opened({ books: [a] }));
  rows.length = 0;
  books.snapshotActive(null);
  books.snapshotActive(null);
  assert.deepEqual(rows, [{ ...snapshot(a, [[48, 11]]), trigger: "segment", ts: 70, seq: 7, bookState: "uncertain" }]);
});

test("a book whose subscription ended is stale, stored once more and forgotten; its return starts anew", () => {
  const { at, snapshot, delta, books, rows, a, b } = setUp();
  const ended: Subscription = {
    type: "subscription",
    venue: "kalshi",
    market: "KX-A",
    outcome: null,
    listener: null,
    epoch: 1,
    sid: 2,
    channel: "book",
    requestedAt: null,
    acknowledgedAt: null,
    firstDataAt: null,
    endedAt: 4,
    reason: "unsubscribed",
  };
  at(1, snapshot(a));
  at(1, snapshot(b));
  at(2, delta({ change: 1 }));
  at(3, { ...ended, sid: 1 });
  assert.equal(books.book(a)?.state, "live", "another channel's subscription");
  at(4, ended);
  assert.equal(books.book(a)?.state, "stale");
  assert.equal(books.book(b)?.state, "live");
  rows.length = 0;
  books.snapshotActive(null);
  assert.deepEqual(
    rows.map((row) => row.type === "book_snapshot" && row.bookState),
    ["stale"],
  );
  assert.equal(books.book(a), undefined);
  at(5, snapshot(a));
  assert.equal(books.book(a)?.state, "live");
});

test("giving a subscription up ends the gaps of its books, even on a connection that never sent them", () => {
  const { at, opened, snapshot, books, a } = setUp();
  const given: Subscription = {
    type: "subscription",
    venue: "kalshi",
    market: "KX-A",
    outcome: "yes",
    listener: null,
    epoch: 1,
    sid: 2,
    channel: "book",
    requestedAt: null,
    acknowledgedAt: null,
    firstDataAt: null,
    endedAt: 9,
    reason: "unsubscribed",
  };
  at(1, snapshot(a));
  at(2, opened({ books: [a] }));
  assert.equal(gapsOf(at(3, { ...given, reason: "venue" })).length, 0, "a lost connection ends no gap");
  assert.equal(gapsOf(at(4, { ...given, epoch: 2 }))[0]?.resolvedAt, 4);
  assert.equal(books.openGaps, 0);
});

test("a book that never comes back is not waited for longer than a day", () => {
  const { at, opened, books, rows, a, b } = setUp();
  at(SECOND, opened({ books: [a], to: SECOND }));
  at(SECOND, opened({ key: "open", books: [b] }));
  rows.length = 0;
  books.wake(20 * 3_600 * SECOND, 8);
  assert.equal(books.openGaps, 2);
  books.wake(26 * 3_600 * SECOND, 9);
  assert.deepEqual(books.awaited(), [b], "a hole without an end stays");
  assert.deepEqual(rows, []);
});

test("nothing more comes for a settled market: its gaps end without a snapshot", () => {
  const { at, opened, books, rows, a } = setUp();
  at(2, opened({ books: [a] }));
  const [row, gap] = at(9, {
    type: "lifecycle",
    instrument: a,
    ts: null,
    fromStatus: null,
    toStatus: "settled",
    kind: "settled",
    detail: "{}",
  });
  assert.equal(row?.type, "lifecycle");
  assert.deepEqual(gap?.type === "gap" && [gap.to, gap.resolvedAt], [9, 9]);
  rows.length = 0;
  books.snapshotActive(null);
  assert.equal(books.book(a), undefined);
});

test("a book over REST is compared with a live one, and takes the place of none but one that nobody feeds", () => {
  const { at, snapshot, delta, opened, books, a, b } = setUp();
  const witness = (askedAt: number, facts: Partial<BookWitness> = {}): BookWitness => ({
    type: "book_witness",
    instrument: a,
    ts: null,
    askedAt,
    venueHash: null,
    bids: levels([[40, 1]]),
    asks: levels([[60, 2]]),
    ...facts,
  });
  const [row] = at(2 * SECOND, witness(SECOND));
  assert.ok(row?.type === "book_snapshot");
  assert.deepEqual([row.trigger, row.bookState, row.epoch, row.seq], ["resync", "stale", 0, null]);
  assert.equal(books.book(a)?.state, "stale");
  at(3 * SECOND, snapshot());
  assert.deepEqual(at(4 * SECOND, witness(3.5 * SECOND)), [], "the stream knows better");
  at(4 * SECOND, witness(3.5 * SECOND, { bids: levels([[48, 10]]), asks: levels([[52, 20]]) }));
  assert.deepEqual([books.counts.witnessed, books.counts.witnessEqual], [2, 1]);
  assert.equal(books.book(a)?.book.bestBid, 48 * CENT);
  at(5 * SECOND, opened({ books: [a] }));
  at(6 * SECOND, delta({ change: 1_000_000 }));
  assert.deepEqual(at(7 * SECOND, witness(5.5 * SECOND)), [], "asked before the last change arrived: perhaps older");
  assert.equal(at(7 * SECOND, witness(6.5 * SECOND)).length, 1);
  assert.equal(books.openGaps, 1, "a witness closes no gap");
  at(8 * SECOND, delta({ change: 1_000_000 }));
  assert.equal(books.book(a)?.state, "uncertain", "changes on top of it may be in it already");
  at(9 * SECOND, snapshot());
  assert.deepEqual([books.book(a)?.state, books.openGaps], ["live", 0]);
  at(9 * SECOND, witness(8 * SECOND, { instrument: b, ts: 7 }));
  assert.deepEqual(
    at(10 * SECOND, witness(9.5 * SECOND, { instrument: b, ts: 6 })),
    [],
    "the venue's own time says older",
  );
  books.snapshotActive(11 * SECOND);
  assert.equal(books.book(b), undefined, "what nobody feeds is forgotten with its segment");
});
