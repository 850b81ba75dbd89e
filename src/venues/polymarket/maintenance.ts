import type { Micros } from "../../model/time.ts";
import { type ScheduledQuiet, weeklyQuiet } from "../eastern-time.ts";

const MINUTE: Micros = 60_000_000;

/** The matching engine restarts on Tuesdays at 07:00 Eastern Time and needs about 90 seconds (docs.polymarket.com). */
const WINDOWS = [
  {
    name: "Polymarket engine restart, Tuesday 07:00 ET",
    weekday: 2,
    from: 420 * MINUTE,
    to: 422 * MINUTE,
    down: false,
  },
];

/** The restart that this time falls into, or null. */
export function polymarketMaintenance(at: Micros): ScheduledQuiet | null {
  return weeklyQuiet(WINDOWS, at);
}
