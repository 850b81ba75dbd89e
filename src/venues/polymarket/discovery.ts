import { nearest } from "../../config/nearest.ts";
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
  text,
} from "../planned-discovery.ts";
import type { ListenerFilters, Round, WantedMarket } from "../venue.ts";
import { type Candidate, readCandidate } from "./candidate.ts";
import { type Asked, PolymarketFilter } from "./filter.ts";

/** Gamma ignores a parameter named `cursor` and serves page 1 for ever: it wants `after_cursor` (Polymarket/py-clob-client issue 334). */
const CURSOR = { parameter: "after_cursor", field: "next_cursor" };
/** `condition_ids` at most in one request (nautilus_trader, docs/integrations/polymarket.md). */
const CONDITIONS = 100;
/** List answers may be five minutes old (`max-age=300`; forecastbench issue 194). */
const OVERLAP: Micros = 600_000_000;

/** Lists a listener's markets from Gamma, the busiest of the last day first. */
export class PolymarketDiscovery extends PlannedDiscovery {
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
  #before:
    | (Pick<PolymarketDiscovery, "over" | "problems" | "exhaustive"> & {
        readonly found: ReadonlyMap<string, Candidate>;
      })
    | null = null;
  readonly #filter: PolymarketFilter;
  readonly #found = new Map<string, Candidate>();
  /** Newest `createdAt` seen, null where none was. */
  #createdAt: Micros | null = null;

  constructor(base: string, listener: ListenerFilters, round: Round) {
    super(base);
    this.#listener = listener;
    this.#round = { now: round.now, scope: round.scope, named: round.named };
    this.#filter = new PolymarketFilter(listener.filters);
    const { since } = round;
    if (!(since instanceof PolymarketDiscovery)) return;
    const { over, problems, exhaustive } = since;
    this.#before = { found: since.#found, over, problems, exhaustive };
    this.#filter.series = since.#filter.series;
    this.#createdAt = since.#createdAt;
  }

  protected override *plan(): Plan {
    const { scope, named } = this.#round;
    this.exhaustive = this.#before?.exhaustive ?? true;
    this.problems = this.#before?.problems ?? [];
    if (scope !== "all") this.#carryOn();
    if (scope === "all" || (scope === "changes" && !(yield* this.#newest()))) {
      this.#found.clear();
      this.over.clear();
      this.exhaustive = true;
      this.problems = yield* this.#list();
    }
    yield* this.#lookUp(named);
    const matching = [...this.#found.values()].sort((a, b) => b.recent - a.recent);
    const chosen = matching.slice(0, this.#listener.maxMarkets);
    this.leftOut = matching.length - chosen.length;
    this.recent = new Map(chosen.map(({ condition, recent }) => [condition, recent]));
    const first = this.#listener.outcomes === "first";
    this.markets = chosen.map(({ condition, tokens, closeAt }) => ({
      venue: "polymarket",
      market: condition,
      outcomes: first ? tokens.slice(0, 1) : tokens,
      listener: this.#listener.name,
      channels: this.#listener.channels,
      closeAt,
    }));
    this.#before = null;
  }

  #carryOn(): void {
    for (const [condition, one] of this.#before?.found ?? []) this.#found.set(condition, one);
    for (const [condition, state] of this.#before?.over ?? []) {
      if (state === "closed") this.over.set(condition, state);
    }
  }

  /** The whole list; gives the names in the filters that Polymarket does not have. */
  *#list(): Generator<PlannedRequest, readonly string[], JsonObject | null> {
    const { condition_ids, tag_ids, tag_slugs, sports } = this.#filter.filters;
    const problems = sports.length > 0 ? yield* this.#sports() : [];
    const { series } = this.#filter;
    if (condition_ids.length > 0) {
      yield* this.#lookUp(condition_ids);
      problems.push(...this.absent.splice(0).map((id) => `Polymarket has no market ${id} with an order book`));
    } else if (series.length > 0) {
      for (const id of series) {
        if ((yield* this.#events("series_id", id)) > 0) continue;
        const path = `/series/${encodeURIComponent(id)}`;
        const answer = yield { path, purpose: "filters", optional: true };
        if (answer === null) problems.push(`Polymarket has no series ${id}`);
      }
    } else if (tag_ids.length > 0 || tag_slugs.length > 0) {
      const [asked, tags] = tag_ids.length > 0 ? (["tag_id", tag_ids] as const) : (["tag_slug", tag_slugs] as const);
      for (const tag of tags) {
        if ((yield* this.#events(asked, tag)) === 0) problems.push(`Polymarket lists no event with the tag ${tag}`);
      }
    } else if (sports.length === 0) yield* this.#busiest();
    return problems;
  }

  /** The series of the named sports, as `/sports` tells them now: their ids change from season to season. */
  *#sports(): Generator<PlannedRequest, string[], JsonObject | null> {
    const answer = yield { path: "/sports", purpose: "filters", list: "items" };
    const known = new Map(objects(answer?.["items"]).map((one) => [text(one, "sport") ?? "", String(one["series"])]));
    const { sports, series_ids } = this.#filter.filters;
    const wanted = sports.flatMap((sport) => known.get(sport.toLowerCase()) ?? []);
    this.#filter.series = [...new Set([...series_ids, ...wanted])];
    const missing = sports.filter((sport) => !known.has(sport.toLowerCase()));
    return missing.map((sport) => {
      const near = nearest(sport, [...known.keys()]);
      return `Polymarket's list of sports has no ${sport}${near === null ? "" : `; did you mean ${near}?`}`;
    });
  }

  /** Busiest first: once there are enough, what follows is left out anyway. */
  *#busiest(): Plan {
    const { min_liquidity, min_volume } = this.#filter.filters;
    yield* this.#markets(
      {
        closed: "false",
        include_tag: "true",
        ...(min_liquidity > 0 ? { liquidity_num_min: String(min_liquidity) } : {}),
        ...(min_volume > 0 ? { volume_num_min: String(min_volume) } : {}),
        order: "volume24hr",
        ascending: "false",
      },
      (markets, fresh) => {
        for (const market of markets) this.#take(market, [], null);
        if (this.#found.size < this.#listener.maxMarkets) return fresh;
        this.exhaustive = false;
        return null;
      },
    );
  }

  /** What was created since the last listing, newest first; false where the venue cannot list that. */
  *#newest(): Generator<PlannedRequest, boolean, JsonObject | null> {
    const { condition_ids } = this.#filter.filters;
    // What a series lists it lists in few pages, and a market's own object does not always name its series.
    if (condition_ids.length > 0 || this.#filter.series.length > 0) return false;
    if (this.#before?.exhaustive !== true || this.#createdAt === null) return false;
    const until = Math.min(this.#createdAt, this.#round.now) - OVERLAP;
    let last = Infinity;
    let ordered = true;
    yield* this.#markets(
      { closed: "false", include_tag: "true", order: "createdAt", ascending: "false" },
      (markets, fresh) => {
        for (const market of markets) {
          const createdAt = this.#take(market, [], null);
          if (createdAt === null) continue;
          ordered &&= createdAt <= last;
          last = createdAt;
        }
        return !ordered || last < until ? null : fresh;
      },
    );
    return ordered;
  }

  /** Asks for markets by name; for those that were known or are configured in whatever state: without `closed` Gamma leaves closed ones out. */
  *#lookUp(named: readonly string[]): Plan {
    const seen = new Set<string>();
    for (const conditions of batches(named, CONDITIONS)) {
      for (const closed of ["false", "true"]) {
        const condition_ids = conditions.filter(
          (one) => !seen.has(one) && (closed === "false" || this.#mayBeClosed(one)),
        );
        if (condition_ids.length === 0) continue;
        yield* this.#markets({ condition_ids, closed, include_tag: "true" }, (markets, fresh) => {
          for (const market of markets) {
            if (readCandidate(market, [], this.#round.now) === null) continue;
            seen.add(text(market, "conditionId") ?? "");
            this.#take(market, [], null);
          }
          return fresh;
        });
      }
    }
    this.absent.push(...named.filter((one) => !seen.has(one)));
  }

  /** A market that was only just announced is not closed. */
  #mayBeClosed(condition: string): boolean {
    const { found, over } = this.#before ?? {};
    const { condition_ids } = this.#filter.filters;
    return found?.has(condition) === true || over?.has(condition) === true || condition_ids.includes(condition);
  }

  *#markets(
    query: Readonly<Record<string, string | readonly string[]>>,
    take: (markets: readonly JsonObject[], fresh: number) => number | null,
  ): Plan {
    const seen = new Set<string>();
    yield* pages({
      path: "/markets/keyset",
      query: { limit: 100, ...query },
      list: "markets",
      cursor: CURSOR,
      purpose: "discovery",
      take: (markets) => {
        const before = seen.size;
        for (const market of markets) seen.add(text(market, "id") ?? "");
        return take(markets, seen.size - before);
      },
    });
  }

  /** Gives how many events there were. */
  *#events(asked: Asked, value: string): Generator<PlannedRequest, number, JsonObject | null> {
    const seen = new Set<string>();
    yield* pages({
      path: "/events/keyset",
      query: { limit: 100, closed: "false", [asked]: value },
      list: "events",
      cursor: CURSOR,
      purpose: "discovery",
      take: (events) => {
        const before = seen.size;
        for (const event of events) {
          seen.add(text(event, "id") ?? "");
          for (const market of objects(event["markets"])) this.#take(market, [event], asked);
        }
        return seen.size - before;
      },
    });
    return seen.size;
  }

  /** Notes what a market object says; gives when it was created. */
  #take(market: JsonObject, around: readonly JsonObject[], asked: Asked | null): Micros | null {
    const candidate = readCandidate(market, around.filter(isObject), this.#round.now);
    if (candidate === null) return null;
    const { condition, state, createdAt } = candidate;
    if (createdAt !== null) this.#createdAt = Math.max(this.#createdAt ?? 0, createdAt);
    const isFound = this.#found.has(condition);
    const wasKnown = isFound || this.over.has(condition) || this.#before?.found.has(condition) === true;
    if ((state === "closed" || state === "settled") && (wasKnown || this.#round.named.includes(condition))) {
      this.over.set(condition, state);
    }
    // A market's own object may leave out the groups by which it was found.
    if (this.#filter.matches(candidate, asked ?? (isFound ? "known" : null))) {
      this.#found.set(condition, candidate);
      this.over.delete(condition);
    } else this.#found.delete(condition);
    return createdAt;
  }
}
