import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MarketEvent, Side } from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import type { BookRow } from "./book-row.ts";
import { Books } from "./books.ts";
import { OrderBook } from "./order-book.ts";

const SECOND = 1_000_000;

/** An event without its instrument: that is looked up in whichever registry the run uses. */
type Step = { readonly wait: number; readonly book: number } & (
  | { readonly kind: "snapshot"; readonly bid: number; readonly ask: number; readonly size: number }
  | {
      readonly kind: "delta";
      readonly side: Side;
      readonly price: number;
      readonly size: number;
      readonly signed: boolean;
    }
  | { readonly kind: "top"; readonly bid: number; readonly ask: number }
  | { readonly kind: "open"; readonly key: string; readonly ended: boolean; readonly both: boolean }
  | { readonly kind: "close"; readonly key: string }
  | { readonly kind: "unsubscribe" }
  | { readonly kind: "settle" }
  | { readonly kind: "segment" }
);

const tick = fc.integer({ min: 1, max: 12 }).map((i) => i * 80_000);
const base = { wait: fc.integer({ min: 0, max: SECOND }), book: fc.integer({ min: 0, max: 2 }) };
const key = fc.constantFrom("x", "y");
const kind = <K extends Step["kind"]>(value: K) => fc.constant(value);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      ...base,
      kind: kind("snapshot"),
      bid: tick,
      ask: tick,
      size: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      ...base,
      kind: kind("delta"),
      side: fc.constantFrom<Side>("bid", "ask"),
      price: tick,
      size: fc.integer({ min: -2, max: 8 }),
      signed: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ ...base, kind: kind("top"), bid: tick, ask: tick }) },
  fc.record({ ...base, kind: kind("open"), key, ended: fc.boolean(), both: fc.boolean() }),
  fc.record({ ...base, kind: kind("close"), key }),
  fc.record({ ...base, kind: kind("unsubscribe") }),
  fc.record({ ...base, kind: kind("settle") }),
  fc.record({ ...base, kind: kind("segment") }),
);

class Run {
  readonly instruments = new Instruments();
  readonly rows: BookRow[] = [];
  books: Books;
  #now = 1_000 * SECOND;
  #frame = 0;

  constructor() {
    this.books = this.#stage();
  }

  /** As after a restart: only what JSON carries is left. */
  restart(): void {
    this.books = this.#stage(JSON.parse(JSON.stringify(this.books.save())));
  }

  apply(s: Step): void {
    this.#now += s.wait;
    this.#frame++;
    this.books.wake(this.#now, this.#frame);
    if (s.kind === "segment") this.books.snapshotActive(null);
    else this.books.apply(this.#event(s), this.#now, this.#frame);
  }

  #stage(saved?: unknown): Books {
    return new Books({ instruments: this.instruments, emit: (row) => this.rows.push(structuredClone(row)) - 1, saved });
  }

  #event(s: Exclude<Step, { kind: "segment" }>): MarketEvent {
    const instrument = this.instruments.get("v", `M${s.book}`, "yes");
    const where = { venue: "v", market: `M${s.book}`, outcome: null, epoch: 1, sid: 1, channel: "book" };
    const wire = { instrument, ts: this.#frame, seq: this.#frame, epoch: 1, sid: 1, venueHash: null };
    switch (s.kind) {
      case "snapshot": {
        const bids = { prices: [s.bid], sizes: [s.size] };
        return { type: "book_snapshot", ...wire, trigger: "venue", bids, asks: { prices: [s.ask], sizes: [s.size] } };
      }
      case "delta": {
        const [size, change] = s.signed ? [null, s.size] : [Math.max(s.size, 0), null];
        return { type: "book_delta", ...wire, side: s.side, price: s.price, size, change };
      }
      case "top":
        return { type: "top_of_book", instrument, bid: s.bid, ask: s.ask };
      case "open": {
        const books = s.both ? this.instruments.all : [instrument];
        const known = { from: this.#now - 5, to: s.ended ? this.#now : null, evidence: {} };
        return { type: "gap_opened", key: s.key, ...where, ...known, cause: "stall", confidence: "inferred", books };
      }
      case "close":
        return { type: "gap_closed", key: s.key, to: this.#now, repair: "none" };
      case "unsubscribe": {
        const times = { requestedAt: null, acknowledgedAt: null, firstDataAt: null, endedAt: this.#now };
        return { type: "subscription", ...where, listener: null, ...times, reason: null };
      }
      case "settle":
        return { type: "lifecycle", instrument, ts: null, fromStatus: null, toStatus: "settled", kind: "", detail: "" };
    }
  }
}

test("a restart between any two records changes nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), fc.array(fc.nat(60)), (steps, restarts) => {
      const straight = new Run();
      const broken = new Run();
      steps.forEach((s, i) => {
        if (restarts.includes(i)) broken.restart();
        straight.apply(s);
        broken.apply(s);
      });
      assert.deepEqual(broken.rows, straight.rows);
      assert.deepEqual(broken.books.save(), straight.books.save());
      assert.deepEqual([...broken.books.agreement()], [...straight.books.agreement()]);
    }),
    { seed: 20261121, numRuns: 500 },
  );
});

test("the rows alone give back every live book, and every gap that was opened ends or is still open", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const run = new Run();
      for (const s of steps) run.apply(s);
      const replayed = new Map<string, OrderBook>();
      const open = new Set<number>();
      run.rows.forEach((row, i) => {
        if (row.type === "book_snapshot") {
          const book = new OrderBook();
          book.replace(row.bids, row.asks);
          if (row.bookState === "live") replayed.set(row.instrument.market, book);
        } else if (row.type === "book_delta" && row.size !== null && row.change !== null) {
          const book = replayed.get(row.instrument.market);
          assert.ok(book, "completed deltas follow a snapshot");
          const before = book.apply(row.side, row.price, row.size);
          assert.equal(row.size - row.change, before);
        } else if (row.type === "gap") {
          // `emit` of this test numbers rows from 0 over the whole run.
          const opening = row.openingN ?? i;
          if (row.resolvedAt === null) open.add(opening);
          else open.delete(opening);
        }
      });
      for (const view of run.books.books()) {
        if (view.state !== "live") continue;
        assert.deepEqual(view.book.levels("bid"), replayed.get(view.instrument.market)?.levels("bid"));
        assert.deepEqual(view.book.levels("ask"), replayed.get(view.instrument.market)?.levels("ask"));
        assert.ok(!run.books.awaited().includes(view.instrument));
      }
      assert.equal(open.size, run.books.openGaps);
    }),
    { seed: 20261121, numRuns: 500 },
  );
});
