import { ONE, parseMillionths } from "../../model/decimal.ts";
import { parseTime } from "../../model/time.ts";
import type { Exhibit, ServerRequest, ServerResponse } from "../server.ts";
import type { PolymarketEvent, PolymarketMarket } from "./server-market.ts";
import { gammaEvent, gammaMarket, gammaSeries } from "./server-objects.ts";

const ok = (body: unknown, headers?: Readonly<Record<string, string>>): ServerResponse => ({
  status: 200,
  body,
  ...(headers !== undefined && { headers }),
});
const failed = (status: number, type: string, error: string): ServerResponse => ({ status, body: { type, error } });
const notFound = failed(404, "not found error", "not found");

/** Offset lists are deprecated since 2026-05-01 and still served, up to this offset. */
const DEPRECATED = {
  deprecation: "true",
  sunset: "Fri, 01 May 2026 00:00:00 GMT",
  warning: '299 - "use /markets/keyset"',
};
const LAST_OFFSET = 2000;

/** Answers Gamma's requests, pure (docs.polymarket.com, "Gamma API"). */
export class GammaRest {
  readonly #exhibit: Exhibit<PolymarketMarket>;

  constructor(exhibit: Exhibit<PolymarketMarket>) {
    this.#exhibit = exhibit;
  }

  answer({ method, path, query }: ServerRequest): ServerResponse {
    if (method !== "GET") return failed(405, "validation error", "method not allowed");
    const [first = "", second, third] = path
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    if (first === "markets" && second === undefined)
      return offsetPage(query, 500, this.#markets(query).map(printMarket));
    if (first === "markets" && second === "keyset") {
      return keysetPage(query, 100, "markets", this.#markets(query), (market) => market.gammaId, printMarket);
    }
    if (first === "events" && second === undefined) return offsetPage(query, 500, this.#events(query).map(printEvent));
    if (first === "events" && second === "keyset") {
      return keysetPage(query, 500, "events", this.#events(query), ({ event }) => event.id, printEvent);
    }
    if (first === "markets")
      return one(
        this.#all().find(({ gammaId, slug }) => (second === "slug" ? slug === third : gammaId === second)),
        printMarket,
      );
    if (first === "events") {
      return one(
        this.#grouped().find(({ event }) => (second === "slug" ? event.slug === third : event.id === second)),
        printEvent,
      );
    }
    if (first === "series") {
      const all = new Map(
        this.#all().flatMap(({ event }) => (event.series === null ? [] : [[event.series.id, event] as const])),
      );
      if (second !== undefined) return one(all.get(second), gammaSeries);
      const slugs = query.getAll("slug");
      const found = [...all.values()].filter(({ series }) => slugs.length === 0 || slugs.includes(series?.slug ?? ""));
      return ok(found.map(gammaSeries).slice(0, 50));
    }
    if (first === "tags") {
      const all = new Map(this.#all().flatMap(({ event }) => event.tags.map((tag) => [tag.id, tag] as const)));
      return ok([...all.values()].slice(0, 100));
    }
    if (first === "sports") return ok([{ sport: "nba", tags: "1,745,100639", series: "10345" }]);
    return notFound;
  }

  #all(): PolymarketMarket[] {
    return [...this.#exhibit.markets.values()];
  }

  #markets(query: URLSearchParams): PolymarketMarket[] {
    const any = (name: string, ...values: readonly string[]) => {
      const wanted = query.getAll(name);
      return wanted.length === 0 || values.some((value) => wanted.includes(value));
    };
    const volume = Number(query.get("volume_num_min") ?? 0);
    const liquidity = Number(query.get("liquidity_num_min") ?? 0);
    const named = ["id", "slug", "condition_ids", "clob_token_ids"].some((name) => query.has(name));
    const found = this.#all().filter(
      (market) =>
        any("id", market.gammaId) &&
        any("slug", market.slug) &&
        any("condition_ids", market.id) &&
        any("clob_token_ids", ...market.tokens) &&
        any("tag_id", ...market.event.tags.map(({ id }) => id)) &&
        any("sports_market_types", market.sportsMarketType) &&
        // A look-up by id leaves closed markets out as well, unless they are asked for.
        (query.has("closed")
          ? (query.get("closed") === "true") === (market.stage === "settled")
          : !named || market.stage !== "settled") &&
        market.volume / ONE >= volume &&
        market.openInterest / ONE >= liquidity &&
        within(query, "end_date", market.closeAt) &&
        within(query, "start_date", market.openAt),
    );
    return ordered(query, found, (market) => market);
  }

  #grouped(): { event: PolymarketEvent; markets: PolymarketMarket[] }[] {
    const groups = new Map<PolymarketEvent, PolymarketMarket[]>();
    for (const market of this.#all()) {
      const markets = groups.get(market.event);
      if (markets === undefined) groups.set(market.event, [market]);
      else markets.push(market);
    }
    return [...groups].map(([event, markets]) => ({ event, markets }));
  }

  #events(query: URLSearchParams) {
    const any = (name: string, ...values: readonly string[]) => {
      const wanted = query.getAll(name);
      return wanted.length === 0 || values.some((value) => wanted.includes(value));
    };
    const closed = query.get("closed");
    const volume = Number(query.get("volume_min") ?? 0);
    const found = this.#grouped().filter(
      ({ event, markets }) =>
        any("id", event.id) &&
        any("slug", event.slug) &&
        any("series_id", event.series?.id ?? "") &&
        any("tag_id", ...event.tags.map(({ id }) => id)) &&
        any("tag_slug", ...event.tags.map(({ slug }) => slug)) &&
        (closed === null || (closed === "true") === markets.every(({ stage }) => stage === "settled")) &&
        markets.reduce((sum, market) => sum + market.volume / ONE, 0) >= volume &&
        markets.some((market) => within(query, "end_date", market.closeAt)),
    );
    return ordered(query, found, ({ markets }) => markets[0]);
  }
}

const printMarket = (market: PolymarketMarket) => gammaMarket(market, true);
const printEvent = ({ event, markets }: { event: PolymarketEvent; markets: readonly PolymarketMarket[] }) => ({
  ...gammaEvent(event, markets),
  markets: markets.map((market) => gammaMarket(market, false)),
});

function one<T>(found: T | undefined, print: (found: T) => unknown): ServerResponse {
  return found === undefined ? notFound : ok(print(found));
}

function within(query: URLSearchParams, name: string, at: number): boolean {
  const from = parseTime(query.get(`${name}_min`) ?? "");
  const to = parseTime(query.get(`${name}_max`) ?? "");
  return (from === null || at >= from) && (to === null || at <= to);
}

/** `order` takes the camel-case names of the answer; others are ignored (seen in 2026). */
function ordered<T>(query: URLSearchParams, items: T[], market: (item: T) => PolymarketMarket | undefined): T[] {
  const names: Readonly<Record<string, (market: PolymarketMarket) => number>> = {
    volumeNum: ({ volume }) => volume,
    volume: ({ volume }) => volume,
    volume24hr: ({ volume }) => volume,
    liquidityNum: ({ openInterest }) => openInterest,
    liquidity: ({ openInterest }) => openInterest,
    endDate: ({ closeAt }) => closeAt,
    startDate: ({ openAt }) => openAt,
    createdAt: ({ createdAt }) => createdAt,
  };
  const value = names[query.get("order") ?? ""];
  if (value === undefined) return items;
  const sign = query.get("ascending") === "true" ? 1 : -1;
  const key = (item: T) => {
    const of = market(item);
    return of === undefined ? 0 : value(of);
  };
  return items.sort((a, b) => sign * (key(a) - key(b)));
}

function offsetPage(query: URLSearchParams, most: number, items: readonly unknown[]): ServerResponse {
  const offset = Number(query.get("offset") ?? 0);
  if (offset > LAST_OFFSET) return failed(422, "validation error", "offset too large, use the keyset endpoint");
  const limit = Math.min(Number(query.get("limit") ?? 20), most);
  return ok(items.slice(offset, offset + limit), DEPRECATED);
}

/**
 * Keyset paging: `after_cursor` only. `cursor` is silently ignored, `offset` is an error, the last page has no
 * `next_cursor` (ts-sdk of Polymarket, 2026).
 */
function keysetPage<T>(
  query: URLSearchParams,
  most: number,
  name: string,
  items: readonly T[],
  id: (item: T) => string,
  print: (item: T) => unknown,
): ServerResponse {
  if (query.has("offset")) return failed(422, "validation error", "offset is not supported");
  const asked = parseMillionths(query.get("limit") ?? "20");
  const limit = asked === null ? 0 : asked / ONE;
  if (limit < 1 || limit > most) return failed(422, "validation error", `limit must be between 1 and ${most}`);
  const cursor = query.get("after_cursor");
  const last = cursor === null ? null : Buffer.from(cursor, "base64url").toString("latin1");
  const from = last === null ? 0 : items.findIndex((item) => id(item) === last) + 1;
  if (last !== null && from === 0) return failed(422, "validation error", "invalid cursor");
  const shown = items.slice(from, from + limit);
  const end = shown.at(-1);
  const more = from + limit < items.length && end !== undefined;
  return ok({
    [name]: shown.map(print),
    ...(more && { next_cursor: Buffer.from(id(end)).toString("base64url") }),
  });
}
