import type { Micros } from "../model/time.ts";

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] as const;

const NEW_YORK = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hourCycle: "h23",
  year: "2-digit",
  month: "numeric",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
});

/** The parts of a time in New York, as tickers and titles use them. */
export function newYork(at: Micros): {
  readonly date: string;
  readonly hour: string;
  readonly minute: string;
  readonly month: string;
  readonly day: string;
} {
  const parts = new Map(NEW_YORK.formatToParts(at / 1000).map((part) => [part.type, part.value]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "";
  const month = MONTHS[Number(part("month")) - 1] ?? "";
  return {
    date: `${part("year")}${month}${part("day")}`,
    hour: part("hour"),
    minute: part("minute"),
    month,
    day: part("day"),
  };
}
