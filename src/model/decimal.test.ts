import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatMillionths,
  formatScaled,
  formatSpot,
  parseComputedSpot,
  parseMillionths,
  parseScaled,
  parseSpot,
} from "./decimal.ts";

const SEED = { seed: 20261121 };
const safe = fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
const scales = fc.integer({ min: 0, max: 10 });

test("what is printed is parsed to the same integer, at any scale", () => {
  fc.assert(
    fc.property(safe, scales, (value, scale) => {
      // There is one zero: -0 prints as 0.
      assert.equal(parseScaled(formatScaled(value, scale), scale), value === 0 ? 0 : value);
    }),
    SEED,
  );
});

test("digits are read exactly, wherever the point stands and however many zeros surround them", () => {
  const digits = (max: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9]{0,${max}}$`));
  fc.assert(
    fc.property(
      fc.constantFrom("", "-", "+"),
      digits(22),
      fc.option(digits(9), { nil: null }),
      scales,
      (sign, whole, fraction, scale) => {
        const text = `${sign}${whole}${fraction === null ? "" : `.${fraction}`}`;
        const kept = (fraction ?? "").slice(0, scale).padEnd(scale, "0");
        const cut = (fraction ?? "").slice(scale);
        const exact = BigInt(`${whole}${kept}` || "0") * (sign === "-" ? -1n : 1n);
        const readable =
          `${whole}${fraction ?? ""}` !== "" &&
          /^0*$/.test(cut) &&
          exact <= BigInt(Number.MAX_SAFE_INTEGER) &&
          -exact <= BigInt(Number.MAX_SAFE_INTEGER);
        assert.equal(parseScaled(text, scale), readable ? Number(exact) : null, text);
      },
    ),
    { ...SEED, numRuns: 2000 },
  );
});

for (const [text, expected] of [
  ["0.48", 480_000],
  [".48", 480_000],
  ["5.", 5_000_000],
  ["-3.00", -3_000_000],
  ["+1", 1_000_000],
  ["-0.000000", 0],
  ["0.1234560000", 123_456],
  ["9007199254.740991", Number.MAX_SAFE_INTEGER],
] as const) {
  test(`${text} is exact in millionths`, () => assert.ok(Object.is(parseMillionths(text), expected)));
}

for (const text of [
  "",
  ".",
  "-",
  "+.",
  "1e5",
  "1E-3",
  "0x10",
  "1,000",
  "1 ",
  " 1",
  "--1",
  "1.2.3",
  "NaN",
  "Infinity",
  "٣",
  "0.1234567",
  "9007199254.740992",
  "9".repeat(400),
]) {
  test(`${JSON.stringify(text.slice(0, 20))} is refused, not guessed`, () => assert.equal(parseMillionths(text), null));
}

test("no zero is printed that need not be", () => {
  assert.equal(formatMillionths(480_000), "0.48");
  assert.equal(formatMillionths(-1), "-0.000001");
  assert.equal(formatMillionths(3_000_000), "3");
  assert.equal(formatMillionths(-0), "0");
  assert.equal(formatScaled(42, 0), "42");
});

test("spot prices have eight places; only computed values are cut", () => {
  assert.equal(parseSpot("64281.7"), 6_428_170_000_000);
  assert.equal(parseSpot("0.00000014"), 14);
  assert.equal(parseSpot("0.000000145"), null);
  assert.equal(parseSpot("90071993"), null);
  assert.equal(formatSpot(6_428_170_000_000), "64281.7");
  assert.equal(parseComputedSpot("67234.123456789012"), 6_723_412_345_678);
  assert.equal(parseComputedSpot("-0.000000019"), -1);
  for (const text of ["", ".", "1.123456789x", "1.12345678.9", "1e-9"])
    assert.equal(parseComputedSpot(text), null, text);
});

test("a computed value with no more than eight places is what it says", () => {
  fc.assert(
    fc.property(safe, (value) => assert.equal(parseComputedSpot(formatSpot(value)), value === 0 ? 0 : value)),
    SEED,
  );
});
