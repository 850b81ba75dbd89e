import type { Micros } from "../model/time.ts";

const HOUR: Micros = 3_600_000_000;
const DAY: Micros = 24 * HOUR;

/** What a venue has announced: between these times it is away or silent, and nobody is to worry. */
export interface ScheduledQuiet {
  /** In words, for gaps and logs. */
  readonly name: string;
  readonly from: Micros;
  readonly to: Micros;
  /** Sessions are ended and connections may be refused; else only data pauses. */
  readonly down: boolean;
}

/** A time of the week on clocks in New York. */
export interface WeeklyWindow {
  readonly name: string;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** After midnight. It must not reach over 02:00 on a Sunday, when the clocks change. */
  readonly from: Micros;
  readonly to: Micros;
  readonly down: boolean;
}

/**
 * What clocks in New York show, as if it were UTC. Daylight-saving time since 2007: from the second Sunday of March,
 * 02:00 EST, to the first Sunday of November, 02:00 EDT (15 U.S.C. 260a).
 */
export function easternTime(at: Micros): Micros {
  const year = new Date(at / 1000).getUTCFullYear();
  const begins = sunday(year, 2, 2) + 7 * HOUR;
  const ends = sunday(year, 10, 1) + 6 * HOUR;
  return at - (at >= begins && at < ends ? 4 : 5) * HOUR;
}

/** The window that this time falls into; null where it falls into none. */
export function weeklyQuiet(windows: readonly WeeklyWindow[], at: Micros): ScheduledQuiet | null {
  const local = easternTime(at);
  const midnight = Math.floor(local / DAY) * DAY;
  const weekday = new Date(midnight / 1000).getUTCDay();
  for (const { name, weekday: day, from, to, down } of windows) {
    const time = local - midnight;
    if (day !== weekday || time < from || time >= to) continue;
    return { name, from: at - (time - from), to: at + (to - time), down };
  }
  return null;
}

/** Midnight UTC of the n-th Sunday of a month (0 is January). */
function sunday(year: number, month: number, nth: number): Micros {
  const first = Date.UTC(year, month, 1);
  const untilSunday = (7 - new Date(first).getUTCDay()) % 7;
  return first * 1000 + (untilSunday + 7 * (nth - 1)) * DAY;
}
