import { isObject, type JsonObject, text } from "../planned-discovery.ts";

export interface EventGroup {
  readonly series: string | null;
  readonly title: string;
  readonly category: string | null;
  readonly strikePeriod: string | null;
  readonly cadence: string | null;
}

export interface SeriesGroup {
  readonly categories: readonly string[];
  readonly frequency: string | null;
}

/** Events remembered; beyond, the oldest is forgotten and would be fetched again. An exchange has some ten thousand at a time. */
const MAX_EVENTS = 100_000;

/** The events and series whose facts were fetched: each is fetched once while the program runs. */
export class KnownGroups {
  readonly events = new Map<string, EventGroup>();
  readonly series = new Map<string, SeriesGroup>();

  addEvent(event: JsonObject): void {
    const ticker = text(event, "event_ticker");
    if (ticker === null) return;
    const metadata = event["product_metadata"];
    this.events.set(ticker, {
      series: text(event, "series_ticker"),
      title: text(event, "title") ?? "",
      category: text(event, "category"),
      strikePeriod: text(event, "strike_period"),
      cadence: isObject(metadata) ? text(metadata, "cadence") : null,
    });
    if (this.events.size <= MAX_EVENTS) return;
    for (const oldest of this.events.keys()) return void this.events.delete(oldest);
  }

  addSeries(series: JsonObject): void {
    const ticker = text(series, "ticker");
    if (ticker === null) return;
    const more = series["categories"];
    const categories = [text(series, "category"), ...(Array.isArray(more) ? more : [])];
    this.series.set(ticker, {
      categories: categories.filter((category) => typeof category === "string"),
      frequency: text(series, "frequency"),
    });
  }

  /** An event's series: as its facts say, else the part of its ticker before the first dash. */
  seriesOf(event: string): string {
    return this.events.get(event)?.series ?? event.split("-", 1)[0] ?? event;
  }
}
