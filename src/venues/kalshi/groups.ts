import type { Micros } from "../../model/time.ts";
import { type JsonObject, text } from "../planned-discovery.ts";

export interface EventGroup {
  readonly series: string | null;
  readonly title: string;
  readonly period: string | null;
  readonly category: string | null;
}

export interface SeriesGroup {
  readonly categories: readonly string[];
  readonly period: string | null;
}

/** The events and series whose facts were fetched: each is fetched once while the program runs. */
export class KnownGroups {
  readonly events = new Map<string, EventGroup>();
  readonly series = new Map<string, SeriesGroup>();

  addEvent(event: JsonObject): void {
    const ticker = text(event, "event_ticker");
    if (ticker === null) return;
    const metadata = event["product_metadata"];
    const cadence = typeof metadata === "object" && metadata !== null ? (metadata as JsonObject)["cadence"] : undefined;
    this.events.set(ticker, {
      series: text(event, "series_ticker"),
      title: text(event, "title") ?? "",
      period: normalPeriod(text(event, "strike_period")) ?? normalPeriod(typeof cadence === "string" ? cadence : null),
      category: text(event, "category"),
    });
  }

  addSeries(series: JsonObject): void {
    const ticker = text(series, "ticker");
    if (ticker === null) return;
    const more = series["categories"];
    const categories = [text(series, "category"), ...(Array.isArray(more) ? more : [])];
    this.series.set(ticker, {
      categories: categories.filter((category) => typeof category === "string"),
      period: normalPeriod(text(series, "frequency")),
    });
  }

  /** An event's series: as its facts say, else the part of its ticker before the first dash. */
  seriesOf(event: string): string {
    return this.events.get(event)?.series ?? event.split("-", 1)[0] ?? event;
  }
}

const PERIODS: Readonly<Record<string, string>> = {
  fifteen_min: "fifteen_min",
  fifteen_minutes: "fifteen_min",
  hour: "hour",
  hourly: "hour",
  day: "day",
  daily: "day",
  week: "week",
  weekly: "week",
  month: "month",
  monthly: "month",
  year: "year",
  yearly: "year",
  annual: "year",
};

/** One word for the venue's several words for a period; null for none, and for words that are no period (`custom`). */
export function normalPeriod(word: string | null): string | null {
  return word === null ? null : (PERIODS[word.trim().toLowerCase()] ?? null);
}

const HOUR: Micros = 3_600_000_000;

/** The period that a market's own duration suggests, where nobody says it. */
export function periodOfDuration(openAt: Micros | null, closeAt: Micros | null): string | null {
  if (openAt === null || closeAt === null) return null;
  const hours = (closeAt - openAt) / HOUR;
  if (hours <= 0.3) return "fifteen_min";
  if (hours <= 2) return "hour";
  if (hours <= 48) return "day";
  if (hours <= 24 * 10) return "week";
  if (hours <= 24 * 45) return "month";
  return hours <= 24 * 400 ? "year" : null;
}
