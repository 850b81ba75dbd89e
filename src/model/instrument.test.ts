import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Instruments } from "./instrument.ts";

test("one object per venue, market and outcome, whatever their names hold", () => {
  const part = fc.string({ unit: fc.constantFrom("a", "\n", "1", "2", "3"), maxLength: 4 });
  const names = fc.tuple(fc.constantFrom("kalshi", "polymarket"), part, fc.option(part, { nil: null }));
  fc.assert(
    fc.property(fc.array(names, { maxLength: 60 }), (wanted) => {
      const instruments = new Instruments();
      const known = new Map<string, unknown>();
      for (const [venue, market, outcome] of wanted) {
        const instrument = instruments.get(venue, market, outcome);
        assert.deepEqual(instrument, { id: instrument.id, venue, market, outcome });
        assert.equal(instruments.all[instrument.id], instrument);
        const key = JSON.stringify([venue, market, outcome]);
        assert.equal(known.get(key) ?? instrument, instrument);
        known.set(key, instrument);
      }
      assert.equal(instruments.all.length, known.size);
    }),
    { seed: 20261121, numRuns: 500 },
  );
});
