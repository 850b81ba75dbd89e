import type { Micros } from "../../model/time.ts";

/** The periods that a filter can name. */
export const knownPeriods: readonly string[] = ["fifteen_min", "hour", "day", "week", "month", "quarter", "year"];

/** Kalshi's adverbs (series `frequency`, event `cadence`) as the nouns of the older `strike_period`. */
const NOUNS: Readonly<Record<string, string>> = {
  fifteen_min: "fifteen_min",
  fifteen_mins: "fifteen_min",
  fifteen_minute: "fifteen_min",
  fifteen_minutes: "fifteen_min",
  "15m": "fifteen_min",
  "15min": "fifteen_min",
  "1h": "hour",
  hours: "hour",
  hourly: "hour",
  "1d": "day",
  days: "day",
  daily: "day",
  weeks: "week",
  weekly: "week",
  months: "month",
  monthly: "month",
  quarters: "quarter",
  quarterly: "quarter",
  years: "year",
  annual: "year",
  annually: "year",
  yearly: "year",
};

/** Words that say there is no period. */
const NONE: ReadonlySet<string> = new Set(["", "custom", "one_off"]);

const HOUR = 3_600_000_000;
const DAY = 24 * HOUR;

/** Longest time from opening to close that still counts as each period: markets open somewhat before their period. */
const DURATIONS: readonly (readonly [Micros, string])[] = [
  [HOUR / 3, "fifteen_min"],
  [3 * HOUR, "hour"],
  [3 * DAY, "day"],
  [10 * DAY, "week"],
  [45 * DAY, "month"],
  [120 * DAY, "quarter"],
  [400 * DAY, "year"],
];

/**
 * The period of a market's strike: what the event says, else the frequency of its series, else the cadence in the
 * event's metadata, else how long the market is open. The venue now leaves `strike_period` empty (REST answers of
 * August and October 2026). Null where nothing tells.
 */
export function strikePeriod(known: {
  readonly strikePeriod?: string | null;
  readonly frequency?: string | null;
  readonly cadence?: string | null;
  readonly openAt?: Micros | null;
  readonly closeAt?: Micros | null;
}): string | null {
  for (const said of [known.strikePeriod, known.frequency, known.cadence]) {
    const word =
      said
        ?.trim()
        .toLowerCase()
        .replaceAll(/[\s-]+/g, "_") ?? "";
    if (NONE.has(word)) continue;
    return Object.hasOwn(NOUNS, word) ? (NOUNS[word] ?? word) : word;
  }
  const { openAt = null, closeAt = null } = known;
  if (openAt === null || closeAt === null) return null;
  const open = closeAt - openAt;
  return DURATIONS.find(([longest]) => open <= longest)?.[1] ?? null;
}
