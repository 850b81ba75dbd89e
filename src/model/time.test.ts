import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dayOf, formatTime, parseTime } from "./time.ts";

const SEED = { seed: 20261121 };
/** Within the safe integers, and more than a day off their ends: 1684 to 2255. */
const micros = fc.integer({ min: -9_007_100_000_000_000, max: 9_007_100_000_000_000 });

test("what is printed is parsed to the same microsecond", () => {
  fc.assert(
    fc.property(micros, (time) => assert.equal(parseTime(formatTime(time)), time)),
    SEED,
  );
});

test("an offset names the same instant", () => {
  fc.assert(
    fc.property(micros, fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 }), (time, offset) => {
      const local = formatTime(time + offset * 60_000_000).slice(0, -1);
      const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map((part) =>
        String(part).padStart(2, "0"),
      );
      const sign = offset < 0 ? "-" : "+";
      assert.equal(parseTime(`${local}${sign}${hours}:${minutes}`), time);
      assert.equal(parseTime(`${local}${sign}${hours}${minutes}`), time);
    }),
    SEED,
  );
});

const MAY: number = Date.UTC(2026, 4, 14, 4, 45, 0) * 1000;

for (const [text, expected] of [
  ["2026-05-14T04:45:00Z", MAY],
  ["2026-05-14 04:45:00Z", MAY],
  ["2026-05-14 04:45:00+00", MAY],
  ["2026-05-14T06:45:00+02", MAY],
  ["2026-05-13T23:15:00-05:30", MAY],
  ["2026-05-14T04:45:00.8Z", MAY + 800_000],
  ["2026-05-14T04:45:00.833263Z", MAY + 833_263],
  // Finer digits are cut, never rounded up into the next microsecond.
  ["2026-05-14T04:45:00.833263999Z", MAY + 833_263],
  ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29) * 1000],
  ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29) * 1000],
  ["1969-12-31T23:59:59.999999Z", -1],
  // Go's zero time, and the last of four-digit years.
  ["0001-01-01T00:00:00Z", -62_135_596_800_000_000],
  ["0000-02-29T00:00:00Z", -62_162_121_600_000_000],
  ["0099-12-31T23:59:59Z", -59_011_459_201_000_000],
  ["0100-01-01T00:00:00Z", -59_011_459_200_000_000],
  ["9999-12-31T23:59:59Z", 253_402_300_799_000_000],
] as const) {
  test(`${text} is a time`, () => assert.equal(parseTime(text), expected));
}

for (const text of [
  "",
  "now",
  "2026-05-14",
  "2026-05-14T04:45:00",
  "2026-05-14T04:45Z",
  "2026-05-14T04:45:00.Z",
  "2026-05-14T04:45:00.1234567890Z",
  "2026-05-14t04:45:00z",
  " 2026-05-14T04:45:00Z",
  "2026-05-14T04:45:00Z\n",
  "2026-13-01T00:00:00Z",
  "2026-00-01T00:00:00Z",
  "2026-01-00T00:00:00Z",
  "2026-02-29T00:00:00Z",
  "1900-02-29T00:00:00Z",
  "0099-02-29T00:00:00Z",
  "2026-04-31T00:00:00Z",
  "2026-05-14T24:00:00Z",
  "2026-05-14T99:00:00Z",
  "2026-05-14T04:75:00Z",
  "2026-05-14T04:45:75Z",
  "2016-12-31T23:59:60Z",
  "2026-05-14T04:45:00+24:00",
  "2026-05-14T04:45:00+05:60",
  "12026-05-14T04:45:00Z",
  // No number holds this to the microsecond.
  "9999-12-31T23:59:59.999999Z",
]) {
  test(`${JSON.stringify(text)} is no time`, () => assert.equal(parseTime(text), null));
}

test("days change at midnight UTC, also before 1970", () => {
  assert.equal(dayOf(0), 0);
  assert.equal(dayOf(86_399_999_999), 0);
  assert.equal(dayOf(86_400_000_000), 1);
  assert.equal(dayOf(-1), -1);
});
