import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Levels } from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import { type ColumnBuffer, TableBuffer } from "./buffer.ts";
import { tables } from "./schema.ts";
import { SharedRoom, SharedRowReader } from "./shared-rows.ts";

const WORDS = ["bid", "ask", "", "venue"];
const TEXTS = ["85° or above\nλ 🎲", '{"a":[1,2]}', ""];

interface Row {
  readonly market: number | null;
  /** Decides every cell: 0 is null. */
  readonly seed: number;
}

const row: fc.Arbitrary<Row> = fc.record({
  market: fc.option(fc.integer({ min: 0, max: 5 }), { nil: null }),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
});

function put(column: ColumnBuffer, at: number, seed: number): void {
  if (column.kind === "number")
    column.values[at] = seed % 5 === 0 ? Number.NaN : seed * (seed % 2 === 0 ? 2 ** 20 : -1);
  else if (column.kind === "levels") column.set(at, levels(seed));
  // What is never set is null as well.
  else if (seed % 3 > 0) column.values[at] = (column.type === "word" ? WORDS : TEXTS)[seed % 3]!;
  else if (seed % 2 > 0) column.values[at] = null;
}

function levels(seed: number): Levels | null {
  if (seed % 4 === 0) return null;
  const prices = Array.from({ length: seed % 7 }, (_, i) => 1_000_000 - i);
  return { prices, sizes: prices.map((price) => price * 2 ** 30) };
}

/** Everything that a sink may read. */
function content(buffer: TableBuffer): unknown[] {
  return Array.from({ length: buffer.length }, (_, at) => [
    buffer.instrument[at] ?? null,
    buffer.day[at],
    buffer.frame[at],
    buffer.n[at],
    ...buffer.columns.map((column) => (column.kind === "levels" ? column.get(at) : (column.values[at] ?? null))),
  ]);
}

test("rows of every table arrive as they were laid down, batch after batch in the same room", () => {
  fc.assert(
    fc.property(fc.array(fc.array(row, { maxLength: 30 }), { minLength: 1, maxLength: 5 }), (batches) => {
      const [sent, received] = [new Instruments(), new Instruments()];
      const room = new SharedRoom();
      const reader = new SharedRowReader(received);
      let known = 0;
      for (const rows of batches) {
        const buffers = tables.map((table) => new TableBuffer(table, 2));
        for (const [i, { market, seed }] of rows.entries()) {
          const buffer = buffers[i % buffers.length]!;
          const instrument = market === null ? null : sent.get("kalshi", `M${market}`, market % 2 === 0 ? null : "yes");
          const at = buffer.add(instrument, i, i * 2 ** 33, i);
          for (const column of buffer.columns) put(column, at, seed);
        }
        const shared = structuredClone(room.put(buffers, sent, known));
        known = sent.all.length;
        const filled = buffers.filter(({ length }) => length > 0);
        const arrived = reader.read(shared);
        assert.deepEqual(
          arrived.map(({ table }) => table.name),
          filled.map(({ table }) => table.name),
        );
        for (const [i, buffer] of arrived.entries()) assert.deepEqual(content(buffer), content(filled[i]!));
      }
    }),
    { seed: 20261125, numRuns: 100 },
  );
});

test("more rows than a room holds at first make it larger", () => {
  const instruments = new Instruments();
  const buffer = new TableBuffer(tables[0]!);
  for (let i = 0; i < 40_000; i++) {
    const at = buffer.add(instruments.get("kalshi", "M", "yes"), 1, i, 0);
    for (const column of buffer.columns) put(column, at, i);
  }
  const room = new SharedRoom();
  const reader = new SharedRowReader(new Instruments());
  for (const _ of ["once", "again"]) {
    const [arrived] = reader.read(structuredClone(room.put([buffer], instruments, 0)));
    assert.deepEqual(content(arrived!), content(buffer));
  }
});
