import type { Micros } from "../../model/time.ts";
import { type ScheduledQuiet, weeklyQuiet } from "../eastern-time.ts";

const HOUR: Micros = 3_600_000_000;

/** Thursdays 03:00–05:00 Eastern Time, when sessions are ended (docs.kalshi.com, "Exchange hours"). */
const WINDOWS = [
  { name: "Kalshi maintenance, Thursday 03:00–05:00 ET", weekday: 4, from: 3 * HOUR, to: 5 * HOUR, down: true },
];

/** The maintenance that this time falls into, or null. */
export function kalshiMaintenance(at: Micros): ScheduledQuiet | null {
  return weeklyQuiet(WINDOWS, at);
}
