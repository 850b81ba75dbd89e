import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TickerTable } from "./ticker-table.ts";

test("it finds what a map of strings finds, also after it grew and was cleared", () => {
  const ticker = fc.string({ unit: fc.constantFrom("K", "X", "-", "1", "2"), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(ticker, { maxLength: 400 }), fc.array(ticker, { maxLength: 50 }), (tickers, others) => {
      const table = new TickerTable<number>();
      for (let round = 0; round < 2; round++) {
        const map = new Map<string, number>();
        for (const [i, name] of [...tickers, ...others].entries()) {
          const frame = Buffer.from(`{"market_ticker":"${name}"}`);
          const [from, to] = [18, 18 + name.length];
          assert.equal(table.get(frame, from, to), map.get(name));
          if (map.has(name) || i >= tickers.length) continue;
          map.set(name, i);
          table.add(frame, from, to, i);
        }
        table.clear();
      }
    }),
    { seed: 20261125, numRuns: 100 },
  );
});
