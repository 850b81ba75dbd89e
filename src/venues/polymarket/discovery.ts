import { parseTime } from "../../model/time.ts";
import { isObject, type JsonObject, type Plan, PlannedDiscovery, pages, rank, text } from "../planned-discovery.ts";
import type { ListenerFilters, WantedMarket } from "../venue.ts";
import { type PolymarketFilters, polymarketFilters } from "./filters.ts";

/** Gamma ignores a parameter named `cursor` and serves page 1 for ever: it wants `after_cursor` (Polymarket/py-clob-client issue 334). */
const CURSOR = { parameter: "after_cursor", field: "next_cursor" };
/** `condition_ids` at most in one request (nautilus_trader, docs/integrations/polymarket.md). */
const CONDITIONS = 100;

interface Candidate {
  readonly market: JsonObject;
  readonly tokens: readonly string[];
}

/** Lists a listener's markets from Gamma, the busiest of the last day first. */
export class PolymarketDiscovery extends PlannedDiscovery {
  markets: readonly WantedMarket[] = [];
  leftOut = 0;
  exhaustive = false;
  readonly #listener: ListenerFilters;
  readonly #filters: PolymarketFilters;
  readonly #slugs: readonly RegExp[];
  readonly #found = new Map<string, Candidate>();

  constructor(base: string, listener: ListenerFilters) {
    super(base);
    this.#listener = listener;
    this.#filters = polymarketFilters.parse(listener.filters);
    this.#slugs = this.#filters.slug_patterns.map(globPattern);
  }

  protected override *plan(): Plan {
    const { condition_ids, series_ids, tag_ids } = this.#filters;
    this.exhaustive = true;
    if (condition_ids.length > 0) {
      for (let i = 0; i < condition_ids.length; i += CONDITIONS) {
        yield* this.#markets({ condition_ids: condition_ids.slice(i, i + CONDITIONS) });
      }
    } else if (series_ids.length > 0) {
      for (const series_id of series_ids) yield* this.#events({ series_id });
    } else if (tag_ids.length > 0) {
      for (const tag_id of tag_ids) yield* this.#events({ tag_id });
    } else yield* this.#markets({ order: "volume24hr", ascending: "false" });
    const matching = [...this.#found.values()];
    matching.sort((a, b) => rank(b.market, "volume24hr") - rank(a.market, "volume24hr"));
    const chosen = matching.slice(0, this.#listener.maxMarkets);
    this.leftOut = matching.length - chosen.length;
    this.markets = chosen.map(({ market, tokens }) => ({
      venue: "polymarket",
      market: text(market, "conditionId") ?? "",
      outcomes: tokens,
      listener: this.#listener.name,
      channels: this.#listener.channels,
      closeAt: parseTime(text(market, "endDate") ?? ""),
    }));
  }

  *#markets(query: Readonly<Record<string, string | readonly string[]>>): Plan {
    // Busiest first: once there are enough, what follows is left out anyway.
    const ranked = query["order"] !== undefined;
    const { min_liquidity, min_volume } = this.#filters;
    const seen = new Set<string>();
    yield* pages({
      path: "/markets/keyset",
      query: {
        limit: 100,
        closed: "false",
        include_tag: "true",
        ...(min_liquidity > 0 ? { liquidity_num_min: min_liquidity } : {}),
        ...(min_volume > 0 ? { volume_num_min: min_volume } : {}),
        ...query,
      },
      list: "markets",
      cursor: CURSOR,
      purpose: "discovery",
      take: (markets) => {
        const before = seen.size;
        for (const market of markets) {
          seen.add(text(market, "id") ?? "");
          this.#take(market, objects(market["events"]), objects(market["tags"]));
        }
        if (!ranked || this.#found.size < this.#listener.maxMarkets) return seen.size - before;
        this.exhaustive = false;
        return null;
      },
    });
  }

  *#events(query: Readonly<Record<string, string>>): Plan {
    const seen = new Set<string>();
    yield* pages({
      path: "/events/keyset",
      query: { limit: 100, closed: "false", ...query },
      list: "events",
      cursor: CURSOR,
      purpose: "discovery",
      take: (events) => {
        const before = seen.size;
        for (const event of events) {
          seen.add(text(event, "id") ?? "");
          for (const market of objects(event["markets"])) this.#take(market, [event], objects(event["tags"]));
        }
        return seen.size - before;
      },
    });
  }

  #take(market: JsonObject, events: readonly JsonObject[], tags: readonly JsonObject[]): void {
    const condition = text(market, "conditionId");
    const tokens = tokenIds(market["clobTokenIds"]);
    if (condition === null || tokens === null || this.#found.has(condition)) return;
    if (this.#matches(market, condition, events, tags)) this.#found.set(condition, { market, tokens });
  }

  #matches(market: JsonObject, condition: string, events: readonly JsonObject[], tags: readonly JsonObject[]): boolean {
    const { condition_ids, series_ids, tag_ids, min_liquidity, min_volume } = this.#filters;
    if (market["closed"] === true || market["archived"] === true || market["enableOrderBook"] === false) return false;
    // Old windows stay "open" for ever; only those that take orders trade (seen on Gamma, July 2026).
    if (market["acceptingOrders"] === false && !condition_ids.includes(condition)) return false;
    if (condition_ids.length > 0 && !condition_ids.includes(condition)) return false;
    const series = events.flatMap((event) => objects(event["series"]).map((one) => String(one["id"])));
    // The nested objects are asked about only where the venue did not filter by them itself.
    if (condition_ids.length > 0 && series_ids.length > 0 && !series.some((id) => series_ids.includes(id)))
      return false;
    const tagIds = [...tags, ...events.flatMap((event) => objects(event["tags"]))].map((tag) => String(tag["id"]));
    const askedByTag = condition_ids.length === 0 && series_ids.length === 0;
    if (tag_ids.length > 0 && !askedByTag && !tagIds.some((id) => tag_ids.includes(id))) return false;
    const slugs = [text(market, "slug"), ...events.map((event) => text(event, "slug"))].filter((slug) => slug !== null);
    if (this.#slugs.length > 0 && !this.#slugs.some((pattern) => slugs.some((slug) => pattern.test(slug))))
      return false;
    return (
      rank(market, "liquidityNum", "liquidity") >= min_liquidity && rank(market, "volumeNum", "volume") >= min_volume
    );
  }
}

/** Gamma sends a JSON array in a string; real arrays are accepted too. Null where there are no tokens yet. */
function tokenIds(value: unknown): readonly string[] | null {
  let ids = value;
  if (typeof value === "string") {
    try {
      ids = JSON.parse(value);
    } catch {
      return null;
    }
  }
  if (!Array.isArray(ids) || ids.length === 0) return null;
  return ids.every((id) => typeof id === "string" && id !== "") ? ids : null;
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** `*` stands for any text; everything else for itself. */
function globPattern(glob: string): RegExp {
  return new RegExp(
    `^${glob
      .split("*")
      .map((part) => part.replace(/[^\w]/g, "\\$&"))
      .join(".*")}$`,
  );
}
