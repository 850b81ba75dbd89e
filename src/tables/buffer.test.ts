import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Levels } from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import { ownColumns, TableBuffer } from "./buffer.ts";
import { orderbookSnapshots, tables, trades } from "./schema.ts";

type Row = readonly [seq: number | null, trigger: string | null, bids: Levels | null];

const levels: fc.Arbitrary<Levels> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })), {
    maxLength: 40,
  })
  .map((pairs) => ({ prices: pairs.map(([price]) => price), sizes: pairs.map(([, size]) => size) }));
const option = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
const row: fc.Arbitrary<Row> = fc.tuple(option(fc.maxSafeInteger()), option(fc.string()), option(levels));

const instrument = new Instruments().get("kalshi", "M", "yes");

function add(buffer: TableBuffer, [seq, trigger, bids]: Row, frame: number): void {
  const at = buffer.add(instrument, frame + 2, frame * 2 ** 33, frame);
  buffer.number("seq").values[at] = seq ?? Number.NaN;
  buffer.text("trigger").values[at] = trigger;
  buffer.levels("bids").set(at, bids);
  buffer.levels("asks").set(at, null);
}

function read(buffer: TableBuffer): (readonly [...Row, number, number, number])[] {
  return Array.from({ length: buffer.length }, (_, at) => {
    const seq = buffer.number("seq").values[at]!;
    const kept: Row = [
      Number.isNaN(seq) ? null : seq,
      buffer.text("trigger").values[at] ?? null,
      buffer.levels("bids").get(at),
    ];
    return [...kept, buffer.day[at]!, buffer.frame[at]!, buffer.n[at]!];
  });
}

const kept = (rows: readonly Row[]): ReturnType<typeof read> =>
  rows.map((each, frame) => [...each, frame + 2, frame * 2 ** 33, frame]);

test("rows stay as they are while the buffer grows, and after it was cleared", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(row, { maxLength: 30 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      (rounds, capacity) => {
        const buffer = new TableBuffer(orderbookSnapshots, capacity);
        for (const rows of rounds) {
          for (const [frame, each] of rows.entries()) add(buffer, each, frame);
          assert.equal(buffer.length, rows.length);
          assert.deepEqual(read(buffer), kept(rows));
          buffer.clear();
          assert.equal(buffer.length, 0);
        }
      },
    ),
    { seed: 20261121, numRuns: 60 },
  );
});

test("copied rows are equal and share nothing", () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (rows) => {
      const from = new TableBuffer(orderbookSnapshots, 1);
      for (const [frame, each] of rows.entries()) add(from, each, frame);
      const to = new TableBuffer(orderbookSnapshots, 1);
      const order = rows.map((_, i) => (i * 7) % rows.length);
      to.gather(from, Int32Array.from([0, ...order]), 1, order.length + 1);
      to.append(from);
      to.append(from);
      const expected = [...order.map((i) => kept(rows)[i]!), ...kept(rows), ...kept(rows)];
      assert.deepEqual(read(to), expected);
      from.clear();
      for (let i = 0; i < 30; i++) add(from, [1, "other", { prices: [1], sizes: [2] }], i);
      assert.deepEqual(read(to), expected);
      assert.equal(to.instrument[0], instrument);
    }),
    { seed: 20261121, numRuns: 60 },
  );
});

test("a column is asked for by its name and kind", () => {
  const buffer = new TableBuffer(trades);
  assert.throws(() => buffer.number("trade_id"), /table trades has no number column trade_id/);
  assert.throws(() => buffer.text("nothing"), /table trades has no text column nothing/);
});

test("own columns are those between the names and the identity", () => {
  for (const table of tables) {
    const names = ownColumns(table).map(({ name }) => name);
    assert.equal(names.length, table.columns.length - (/^(markets|spot_.*)$/.test(table.name) ? 5 : 6));
    assert.deepEqual(
      new TableBuffer(table).columns.map(({ name }) => name),
      names,
    );
  }
});
