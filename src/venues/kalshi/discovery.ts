import { parseTime } from "../../model/time.ts";
import {
  isObject,
  type JsonObject,
  type Plan,
  PlannedDiscovery,
  pages,
  queryText,
  rank,
  text,
} from "../planned-discovery.ts";
import type { ListenerFilters, WantedMarket } from "../venue.ts";
import { type KalshiFilters, kalshiFilters } from "./filters.ts";
import type { KnownGroups } from "./groups.ts";
import { strikePeriod } from "./strike-period.ts";

const CURSOR = { parameter: "cursor", field: "cursor" };
/** Tickers in one query: about 3 kB of URL. */
const TICKERS = 100;
/** Beyond this many unknown series the unpaged list of all of them is cheaper. */
const MANY_SERIES = 50;

interface Candidate {
  readonly ticker: string;
  readonly event: string;
  readonly market: JsonObject;
}

/** Lists a listener's markets: the narrowest filter asks the venue, the others look at what came. */
export class KalshiDiscovery extends PlannedDiscovery {
  markets: readonly WantedMarket[] = [];
  leftOut = 0;
  exhaustive = false;
  readonly #listener: ListenerFilters;
  readonly #filters: KalshiFilters;
  readonly #known: KnownGroups;
  readonly #found = new Map<string, Candidate>();

  constructor(base: string, listener: ListenerFilters, known: KnownGroups) {
    super(base);
    this.#listener = listener;
    this.#filters = kalshiFilters.parse(listener.filters);
    this.#known = known;
  }

  protected override *plan(): Plan {
    const { categories, strike_periods } = this.#filters;
    yield* this.#list();
    if (categories.length > 0 || strike_periods.length > 0) yield* this.#groups([...this.#found.values()]);
    const matching = [...this.#found.values()].filter((candidate) => this.#matches(candidate));
    matching.sort(
      (a, b) => rank(b.market, "volume_24h_fp", "volume_fp") - rank(a.market, "volume_24h_fp", "volume_fp"),
    );
    const chosen = matching.slice(0, this.#listener.maxMarkets);
    this.leftOut = matching.length - chosen.length;
    this.exhaustive = true;
    const { name: listener, channels: all } = this.#listener;
    const channels = all.filter((channel) => channel !== "index");
    const indices = all.includes("index") ? this.#filters.index_ids : [];
    this.markets = [
      ...chosen.map(({ ticker, market }): WantedMarket => {
        const closeAt = time(market, "close_time");
        return { venue: "kalshi", market: ticker, outcomes: ["yes"], listener, channels, closeAt };
      }),
      // An index is subscribed like a market that has this one channel.
      ...indices.map((market): WantedMarket => ({
        venue: "kalshi",
        market,
        outcomes: [],
        listener,
        channels: ["index"],
        closeAt: null,
      })),
    ];
    yield* this.#groups(chosen);
  }

  *#list(): Plan {
    const { market_tickers, event_tickers, series_tickers, categories, strike_periods } = this.#filters;
    const statuses = this.#filters.status === "open" ? ["open", "unopened"] : [this.#filters.status];
    if (market_tickers.length > 0) {
      for (const tickers of batches(market_tickers)) yield* this.#markets({ tickers: tickers.join(",") });
    } else if (event_tickers.length > 0) {
      for (const event_ticker of event_tickers) yield* this.#markets({ event_ticker });
    } else if (series_tickers.length > 0) {
      for (const series_ticker of series_tickers) {
        for (const status of statuses) yield* this.#markets({ series_ticker, status });
      }
    } else if (categories.length > 0 || strike_periods.length > 0) {
      for (const category of categories) yield* this.#series(queryText({ category }));
      yield* this.#events();
    } else yield* this.#markets({ status: this.#filters.status, mve_filter: "exclude" });
  }

  *#markets(query: Readonly<Record<string, string>>): Plan {
    yield* pages({
      path: "/markets",
      query: { limit: 1000, ...query },
      list: "markets",
      cursor: CURSOR,
      purpose: "discovery",
      take: (markets) => this.#take(markets),
    });
  }

  *#events(): Plan {
    yield* pages({
      path: "/events",
      query: { limit: 200, status: this.#filters.status, with_nested_markets: "true" },
      list: "events",
      cursor: CURSOR,
      purpose: "discovery",
      take: (events) => {
        let fresh = 0;
        for (const event of events) {
          if (!this.#known.events.has(text(event, "event_ticker") ?? "")) fresh++;
          this.#known.addEvent(event);
          const markets = event["markets"];
          fresh += this.#take(Array.isArray(markets) ? markets.filter(isObject) : []);
        }
        return fresh;
      },
    });
  }

  #take(markets: readonly JsonObject[]): number {
    let fresh = 0;
    for (const market of markets) {
      const ticker = text(market, "ticker");
      if (ticker === null || this.#found.has(ticker)) continue;
      this.#found.set(ticker, { ticker, event: text(market, "event_ticker") ?? "", market });
      fresh++;
    }
    return fresh;
  }

  /** Fetches the facts of the events and series of these markets that nobody fetched yet. */
  *#groups(candidates: readonly Candidate[]): Plan {
    const known = this.#known;
    const events = new Set(
      candidates.map(({ event }) => event).filter((event) => event !== "" && !known.events.has(event)),
    );
    for (const tickers of batches([...events])) {
      const path = `/events${queryText({ limit: 200, tickers: tickers.join(",") })}`;
      const answer = yield { path, purpose: "events", list: "events", optional: true };
      for (const event of objects(answer?.["events"])) known.addEvent(event);
      // An event that the venue does not list is not asked for again.
      for (const event of tickers) if (!known.events.has(event)) known.addEvent({ event_ticker: event });
    }
    const series = new Set(
      candidates.map(({ event }) => known.seriesOf(event)).filter((name) => !known.series.has(name)),
    );
    series.delete("");
    if (series.size > MANY_SERIES) yield* this.#series("");
    for (const ticker of series) {
      if (known.series.has(ticker)) continue;
      const answer = yield { path: `/series/${encodeURIComponent(ticker)}`, purpose: "series", optional: true };
      const facts = answer?.["series"];
      if (isObject(facts)) known.addSeries(facts);
      // A series that the venue does not give is not asked for again.
      else known.series.set(ticker, { categories: [], frequency: null });
    }
  }

  *#series(query: string): Plan {
    const answer = yield { path: `/series${query}`, purpose: "series", optional: true };
    for (const series of objects(answer?.["series"])) this.#known.addSeries(series);
  }

  #matches({ ticker, event, market }: Candidate): boolean {
    const filters = this.#filters;
    const group = this.#known.events.get(event);
    const seriesName = this.#known.seriesOf(event);
    const series = this.#known.series.get(seriesName);
    const categories = [group?.category ?? "", ...(series?.categories ?? [])].map((category) => category.toLowerCase());
    const period = strikePeriod({
      strikePeriod: group?.strikePeriod ?? null,
      frequency: series?.frequency ?? null,
      cadence: group?.cadence ?? null,
      openAt: time(market, "open_time"),
      closeAt: time(market, "close_time"),
    });
    const title = `${text(market, "title") ?? ""}\n${text(market, "yes_sub_title") ?? ""}\n${group?.title ?? ""}`;
    return (
      among(filters.market_tickers, [ticker]) &&
      among(filters.event_tickers, [event]) &&
      among(filters.series_tickers, [seriesName]) &&
      among(
        filters.categories.map((category) => category.toLowerCase()),
        categories,
      ) &&
      among(
        filters.strike_periods.map((word) => strikePeriod({ strikePeriod: word }) ?? word),
        [period ?? ""],
      ) &&
      rank(market, "volume_fp", "volume") >= filters.min_volume &&
      rank(market, "open_interest_fp", "open_interest") >= filters.min_open_interest &&
      title.toLowerCase().includes(filters.title_contains.toLowerCase()) &&
      this.#hasStatus(text(market, "status"))
    );
  }

  /**
   * The object's words differ from the filter's (docs.kalshi.com/openapi.yaml). With `open`, a market that has not
   * opened yet is wanted too, so that it is recorded from its first moment.
   */
  #hasStatus(status: string | null): boolean {
    switch (this.#filters.status) {
      case "open":
        return status === "active" || status === "initialized" || status === "inactive" || status === null;
      case "unopened":
        return status === "initialized";
      case "paused":
        return status === "inactive";
      case "closed":
        return status === "closed" || status === "determined" || status === "disputed" || status === "amended";
      case "settled":
        return status === "finalized";
    }
  }
}

function among(allowed: readonly string[], actual: readonly string[]): boolean {
  return allowed.length === 0 || actual.some((one) => allowed.includes(one));
}

function batches(tickers: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(tickers.length / TICKERS) }, (_, i) =>
    tickers.slice(i * TICKERS, (i + 1) * TICKERS),
  );
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function time(market: JsonObject, key: string): number | null {
  const value = text(market, key);
  return value === null ? null : parseTime(value);
}
