import type { Micros } from "../../model/time.ts";
import {
  batches,
  isObject,
  type JsonObject,
  objects,
  type Plan,
  PlannedDiscovery,
  type PlannedRequest,
  pages,
  queryText,
} from "../planned-discovery.ts";
import type { ListenerFilters, Round, WantedMarket } from "../venue.ts";
import { type Candidate, readCandidate } from "./candidate.ts";
import { filterProblems } from "./filter-problems.ts";
import { isWildcard, KalshiFilter } from "./filter.ts";
import type { KnownGroups } from "./groups.ts";

const CURSOR = { parameter: "cursor", field: "cursor" };
/** Tickers in one query: about 3 kB of URL. */
const TICKERS = 100;
/** Beyond this many series one list of everything is cheaper than a list of each. */
const MANY_SERIES = 40;
/** The same for the changes, which are few. */
const MANY_CHANGED_SERIES = 3;
/** The venue's own times are compared with each other only; a change may be listed somewhat late. */
const OVERLAP: Micros = 60_000_000;
/** How wrong our clock may be when markets that close later than now are asked for. */
const CLOCK_ERROR: Micros = 300_000_000;

/**
 * Lists a listener's markets: the narrowest filter asks the venue, the others look at what came. `min_close_ts` without
 * `status` lists what is unopened, open or paused in one go; `min_updated_ts` goes with `mve_filter` and
 * `series_ticker` only (docs.kalshi.com, GET /markets).
 */
export class KalshiDiscovery extends PlannedDiscovery {
  markets: readonly WantedMarket[] = [];
  leftOut = 0;
  exhaustive = false;
  recent: ReadonlyMap<string, number> = new Map();
  readonly over = new Map<string, "closed" | "settled">();
  readonly absent: string[] = [];
  problems: readonly string[] = [];
  readonly #listener: ListenerFilters;
  readonly #round: Pick<Round, "now" | "scope" | "named">;
  /** What the last listing found, null where there was none; forgotten when this one is read, or each would hold all before it. */
  #before: (Pick<KalshiDiscovery, "over" | "problems"> & { readonly found: ReadonlyMap<string, Candidate> }) | null =
    null;
  readonly #filter: KalshiFilter;
  readonly #known: KnownGroups;
  readonly #found = new Map<string, Candidate>();
  /** Of the filter's market tickers, those that the venue does not have. */
  #unlisted: readonly string[] = [];
  /** Newest `updated_time` seen, null where none was. */
  #updatedAt: Micros | null = null;

  constructor(base: string, listener: ListenerFilters, known: KnownGroups, round: Round) {
    super(base);
    this.#listener = listener;
    this.#round = { now: round.now, scope: round.scope, named: round.named };
    this.#filter = new KalshiFilter(listener.filters, known);
    this.#known = known;
    const { since } = round;
    if (!(since instanceof KalshiDiscovery)) return;
    this.#before = { found: since.#found, over: since.over, problems: since.problems };
    this.#updatedAt = since.#updatedAt;
  }

  protected override *plan(): Plan {
    const { scope, named } = this.#round;
    const whole = scope === "all" || (scope === "changes" && this.#updatedAt === null) || this.#before === null;
    if (!whole) {
      for (const [ticker, candidate] of this.#before?.found ?? []) this.#found.set(ticker, candidate);
      for (const [ticker, state] of this.#before?.over ?? []) if (state === "closed") this.over.set(ticker, state);
    }
    if (scope !== "named") yield* whole ? this.#list() : this.#changes();
    this.absent.push(...(yield* this.#lookUp(named)));
    if (this.#filter.needsGroups) yield* this.#groups([...this.#found.values()]);
    const chosen = this.#choose();
    yield* this.#groups(chosen);
    this.problems = this.#before?.problems ?? [];
    if (whole && scope !== "named") {
      this.problems = yield* filterProblems(this.#filter, this.#found, this.#unlisted, this.#known, this.problems);
    }
    this.exhaustive = true;
    this.#before = null;
  }

  /** Keeps what matches, and of that at most `maxMarkets`, the busiest first. */
  #choose(): readonly Candidate[] {
    for (const [ticker, candidate] of this.#found) {
      if (this.#filter.matches(candidate)) this.over.delete(ticker);
      else this.#found.delete(ticker);
    }
    const matching = [...this.#found.values()].sort((a, b) => b.recent - a.recent || b.volume - a.volume);
    const chosen = matching.slice(0, this.#listener.maxMarkets);
    this.leftOut = matching.length - chosen.length;
    this.recent = new Map(chosen.map(({ ticker, recent }) => [ticker, recent]));
    const { name: listener, channels: all } = this.#listener;
    const channels = all.filter((channel) => channel !== "index");
    const indices = all.includes("index") ? this.#filter.filters.index_ids : [];
    this.markets = [
      ...chosen.map(({ ticker, openAt, closeAt }): WantedMarket => {
        return { venue: "kalshi", market: ticker, outcomes: ["yes"], listener, channels, openAt, closeAt };
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
    return chosen;
  }

  /** The whole list. */
  *#list(): Plan {
    const { market_tickers, event_tickers, series_tickers, categories } = this.#filter.filters;
    if (market_tickers.length > 0) {
      this.#unlisted = yield* this.#lookUp(market_tickers);
      return;
    }
    if (event_tickers.length > 0) {
      for (const event_ticker of event_tickers) yield* this.#markets({ event_ticker, ...this.#alive() });
      return;
    }
    if (series_tickers.some(isWildcard)) {
      for (const query of categories.length > 0 ? categories.map((category) => queryText({ category })) : [""])
        yield* this.#series(query);
    }
    const series = this.#filter.series();
    if (series_tickers.length > 0 && series.length <= MANY_SERIES) {
      for (const series_ticker of series) yield* this.#markets({ series_ticker, ...this.#alive() });
    } else if (series_tickers.length === 0 && this.#filter.needsGroups) {
      for (const category of categories) yield* this.#series(queryText({ category }));
      yield* this.#events();
    } else yield* this.#markets({ ...this.#alive(), mve_filter: "exclude" });
  }

  /** What was created or changed since the last listing, of whatever state. */
  *#changes(): Plan {
    const since = Math.min(this.#updatedAt ?? 0, this.#round.now) - OVERLAP;
    const query = { min_updated_ts: String(Math.max(0, Math.floor(since / 1_000_000))), mve_filter: "exclude" };
    const series = this.#filter.series();
    if (series.length > 0 && series.length <= MANY_CHANGED_SERIES) {
      for (const series_ticker of series) yield* this.#markets({ ...query, series_ticker });
    } else yield* this.#markets(query);
  }

  /** Asks for markets by name; gives those that the venue does not have. */
  *#lookUp(named: readonly string[]): Generator<PlannedRequest, readonly string[], JsonObject | null> {
    const seen = new Set<string>();
    for (const tickers of batches(named, TICKERS)) yield* this.#markets({ tickers: tickers.join(",") }, seen);
    return named.filter((ticker) => !seen.has(ticker));
  }

  /** The filter's state in the venue's query words. */
  #alive(): Readonly<Record<string, string>> {
    const { status } = this.#filter.filters;
    if (status === "closed" || status === "settled") return { status };
    return { min_close_ts: String(Math.max(0, Math.floor((this.#round.now - CLOCK_ERROR) / 1_000_000))) };
  }

  *#markets(query: Readonly<Record<string, string>>, seen?: Set<string>): Plan {
    const read = new Set<string>();
    yield* pages({
      path: "/markets",
      query: { limit: 1000, ...query },
      list: "markets",
      cursor: CURSOR,
      purpose: "discovery",
      take: (markets) => {
        const before = read.size;
        for (const market of markets) {
          const ticker = this.#take(market);
          if (ticker === null) continue;
          read.add(ticker);
          seen?.add(ticker);
        }
        return read.size - before;
      },
    });
  }

  *#events(): Plan {
    const read = new Set<string>();
    yield* pages({
      path: "/events",
      query: { limit: 200, ...this.#alive(), with_nested_markets: "true" },
      list: "events",
      cursor: CURSOR,
      purpose: "discovery",
      take: (events) => {
        const before = read.size;
        for (const event of events) {
          this.#known.addEvent(event);
          read.add(String(event["event_ticker"]));
          for (const market of objects(event["markets"])) this.#take(market);
        }
        return read.size - before;
      },
    });
  }

  /** Notes what a market object says; gives its ticker. Of markets that nobody knew, those that are over are of no interest. */
  #take(object: JsonObject): string | null {
    const candidate = readCandidate(object, this.#filter.filters.title_contains !== "");
    if (candidate === null) return null;
    const { ticker, state, updatedAt } = candidate;
    if (updatedAt !== null) this.#updatedAt = Math.max(this.#updatedAt ?? 0, updatedAt);
    const wasKnown = this.#found.has(ticker) || this.over.has(ticker) || this.#before?.found.has(ticker) === true;
    if ((state === "closed" || state === "settled") && (wasKnown || this.#round.named.includes(ticker))) {
      this.over.set(ticker, state);
    }
    if (this.#filter.mayMatch(candidate)) this.#found.set(ticker, candidate);
    else this.#found.delete(ticker);
    return ticker;
  }

  /** Fetches the facts of the events and series of these markets that nobody fetched yet. */
  *#groups(candidates: readonly Candidate[]): Plan {
    const known = this.#known;
    const events = new Set(
      candidates.map(({ event }) => event).filter((event) => event !== "" && !known.events.has(event)),
    );
    for (const tickers of batches([...events], TICKERS)) {
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
}
