import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Instruments } from "../model/instrument.ts";
import { TableBuffer } from "./buffer.ts";
import { fileOrder } from "./order.ts";
import { trades } from "./schema.ts";

test("rows are ordered by market and outcome, and within one as they came", () => {
  const name = fc.tuple(fc.constantFrom("A", "B", "AA", ""), fc.constantFrom("1", "2", null));
  fc.assert(
    fc.property(fc.array(fc.option(name, { nil: null }), { maxLength: 60 }), (names) => {
      const instruments = new Instruments();
      // Numbers in another order than the names.
      instruments.get("v", "B", null);
      const buffer = new TableBuffer(trades, 1);
      for (const [frame, one] of names.entries()) {
        buffer.add(one === null ? null : instruments.get("v", one[0], one[1]), 0, frame, 0);
      }
      const key = (row: number) => `${names[row]?.[0] ?? ""}\n${names[row]?.[1] ?? ""}`;
      const expected = names
        .map((_, row) => row)
        .toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) || a - b);
      const order = Array.from(fileOrder(buffer));
      assert.deepEqual(order.map(key), expected.map(key));
      assert.deepEqual(
        order.toSorted((a, b) => a - b),
        names.map((_, row) => row),
      );
      for (const [i, row] of order.entries()) {
        const next = order[i + 1];
        if (next !== undefined && buffer.instrument[next] === buffer.instrument[row]) assert.ok(row < next);
      }
    }),
    { seed: 20261125, numRuns: 200 },
  );
});
