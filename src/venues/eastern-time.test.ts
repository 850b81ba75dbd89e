import assert from "node:assert/strict";
import { test } from "node:test";
import { easternTime } from "./eastern-time.ts";
import { kalshiMaintenance } from "./kalshi/maintenance.ts";
import { polymarketMaintenance } from "./polymarket/maintenance.ts";

const micros = (text: string) => Date.parse(text) * 1000;
const shown = (at: number) => new Date(at / 1000).toISOString().slice(0, 16);

test("clocks in New York, hour by hour over four years, as the time zone database has them", () => {
  const zone = new Intl.DateTimeFormat("sv-SE", {
    timeZone: "America/New_York",
    dateStyle: "short",
    timeStyle: "medium",
  });
  for (let at = Date.UTC(2025, 0, 1); at < Date.UTC(2029, 0, 1); at += 3_600_000) {
    assert.equal(shown(easternTime(at * 1000)).replace("T", " "), zone.format(at).slice(0, 16));
  }
});

test("Kalshi's Thursday in winter, in summer and in the weeks when the clocks change", () => {
  for (const [date, utc] of [
    ["2026-10-29", 7],
    ["2026-11-05", 8],
    ["2026-11-26", 8],
    ["2027-03-11", 8],
    ["2027-03-18", 7],
  ] as const) {
    const from = micros(`${date}T0${utc}:00:00Z`);
    const to = from + 7_200_000_000;
    assert.equal(kalshiMaintenance(from - 1), null, date);
    assert.equal(kalshiMaintenance(to), null, date);
    for (const at of [from, from + 1, to - 1]) {
      const window = kalshiMaintenance(at);
      assert.deepEqual([window?.from, window?.to, window?.down], [from, to, true], date);
    }
    for (const other of [-2, -1, 1, 2]) assert.equal(kalshiMaintenance(from + other * 86_400_000_000), null, date);
  }
});

test("Polymarket's Tuesday restart is quiet, not downtime", () => {
  const window = polymarketMaintenance(micros("2026-11-24T12:00:30Z"));
  assert.equal(window?.down, false);
  assert.equal(polymarketMaintenance(micros("2026-11-24T12:02:00Z")), null);
  assert.equal(polymarketMaintenance(micros("2026-10-27T11:00:00Z"))?.from, micros("2026-10-27T11:00:00Z"));
  assert.equal(polymarketMaintenance(micros("2026-11-25T12:00:30Z")), null);
});
