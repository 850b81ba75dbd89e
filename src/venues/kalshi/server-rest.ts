import type { Micros } from "../../model/time.ts";
import type { Exhibit, ServerRequest, ServerResponse, Stage } from "../server.ts";
import { eventObject, marketObject, seriesObject } from "./server-objects.ts";
import type { KalshiEvent, KalshiMarket, KalshiSeries } from "./server-market.ts";
import { tradeFields } from "./server-frames.ts";
import { noLevels, seconds, timeText, yesLevels } from "./server-text.ts";

const ok = (body: unknown): ServerResponse => ({ status: 200, body });

/** Kalshi's errors come in three shapes; this one names a code (seen on the wire, demo of June 2026). */
const failed = (status: number, code: string, message: string, details?: string): ServerResponse => ({
  status,
  body: { error: { code, message, ...(details !== undefined && { details }) } },
});
const notFound = failed(404, "not_found", "not found");

/** The flat shape. */
const flat = (status: number, code: string, message: string): ServerResponse => ({
  status,
  body: { code, message, details: "" },
});

/** The shape of the request validator, with the Go names of what it validates. */
const overLimit = (params: string): ServerResponse => ({
  status: 400,
  body: {
    msg: `Parameter validation failed for ${params.replace("Params", "")}: Key: '${params}.Limit' Error:Field validation for 'Limit' failed on the 'lte' tag`,
  },
});

/** Filter words are not status words: `open` finds markets whose status is `active`. */
const STATUS_FILTER: Readonly<Record<string, readonly Stage[]>> = {
  unopened: ["unopened"],
  open: ["open"],
  paused: ["paused"],
  closed: ["closed", "determined"],
  settled: ["settled"],
};

/**
 * Answers a request under `/trade-api/v2`, pure (docs.kalshi.com, OpenAPI 3.30.0). `path` has no prefix, `/markets`.
 * Authentication and request budgets are the host's.
 */
export class KalshiRest {
  readonly #exhibit: Exhibit<KalshiMarket>;
  readonly #startAt: Micros;

  constructor(exhibit: Exhibit<KalshiMarket>, startAt: Micros) {
    this.#exhibit = exhibit;
    this.#startAt = startAt;
  }

  answer(request: ServerRequest, now: Micros): ServerResponse {
    if (request.method !== "GET") return flat(405, "method_not_allowed", "method not allowed");
    const { query } = request;
    const [first = "", second, third] = request.path
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    switch (first) {
      case "markets":
        if (second === undefined) return this.#markets(query, now, false);
        if (second === "trades") return this.#trades(query);
        if (second === "orderbooks") return this.#orderbooks(query);
        return this.#market(second, third, query, now);
      case "events":
        if (second === "fee_changes") return ok({ cursor: "", event_fee_changes: [] });
        return second === undefined ? this.#events(query, now) : this.#event(second, query, now);
      case "series":
        if (second === "fee_changes") return this.#feeChanges();
        return this.#series(second, query);
      case "exchange":
        return exchange(second);
      case "historical":
        if (second === "cutoff") return this.#cutoff();
        if (second === "markets") return this.#markets(query, now, true);
        if (second === "trades") return ok({ cursor: "", trades: [] });
        return notFound;
      case "account":
        return second === "limits" ? ok(LIMITS) : second === "endpoint_costs" ? ok(COSTS) : notFound;
      default:
        return notFound;
    }
  }

  #markets(query: URLSearchParams, now: Micros, historical: boolean): ServerResponse {
    const wanted = query.get("status") ?? "";
    const stages = new Set<Stage>();
    for (const word of wanted.split(",").filter((text) => text !== "")) {
      const found = STATUS_FILTER[word];
      if (found === undefined) return failed(400, "bad_request", "bad request", "invalid status filter");
      for (const stage of found) stages.add(stage);
    }
    if (!combines(query)) return failed(400, "bad_request", "bad request", "timestamp filters do not combine");
    const tickers = list(query, "tickers");
    const event = query.get("event_ticker");
    const series = query.get("series_ticker");
    const updated = Number(query.get("min_updated_ts") ?? 0);
    const between = (name: string, at: Micros | null) => {
      const from = Number(query.get(`min_${name}_ts`) ?? -Infinity);
      const to = Number(query.get(`max_${name}_ts`) ?? Infinity);
      const none = from === -Infinity && to === Infinity;
      return none || (at !== null && seconds(at) >= from && seconds(at) <= to);
    };
    const found = [...this.#listed(now)].filter(
      (market) =>
        (stages.size === 0 || stages.has(market.stage)) &&
        (tickers.length === 0 || tickers.includes(market.id)) &&
        (event === null || market.event.ticker === event) &&
        (series === null || market.event.series.ticker === series) &&
        seconds(market.updatedAt) >= updated &&
        between("created", market.createdAt) &&
        between("close", market.closeAt) &&
        between("settled", market.settledAt) &&
        // Combos are another exchange shard and are not played here; settled markets stay live for months.
        query.get("mve_filter") !== "only" &&
        !historical,
    );
    return page(query, 100, 1000, "GetMarketsParams", found, "markets", marketObject);
  }

  /** A market is announced a moment before REST finds it (seen on the wire). */
  *#listed(now: Micros): Generator<KalshiMarket> {
    for (const market of this.#exhibit.markets.values()) if (now - market.createdAt > 500_000) yield market;
  }

  #market(ticker: string, part: string | undefined, query: URLSearchParams, now: Micros): ServerResponse {
    const market = this.#exhibit.markets.get(ticker);
    if (market === undefined || now - market.createdAt <= 500_000) return notFound;
    if (part === undefined) return ok({ market: marketObject(market) });
    if (part !== "orderbook") return notFound;
    return ok({ orderbook_fp: book(market, Number(query.get("depth") ?? 0)) });
  }

  #orderbooks(query: URLSearchParams): ServerResponse {
    const tickers = list(query, "tickers");
    if (tickers.length === 0 || tickers.length > 100) return flat(400, "invalid_parameters", "1 to 100 tickers");
    const markets = tickers.map((ticker) => this.#exhibit.markets.get(ticker)).filter((market) => market !== undefined);
    return ok({ orderbooks: markets.map((market) => ({ orderbook_fp: book(market, 0), ticker: market.id })) });
  }

  #trades(query: URLSearchParams): ServerResponse {
    const ticker = query.get("ticker");
    const from = Number(query.get("min_ts") ?? 0);
    const to = Number(query.get("max_ts") ?? Infinity);
    const found = this.#exhibit.trades
      .filter(({ market, trade }) => {
        const at = seconds(trade.at);
        return (ticker === null || market.id === ticker) && at >= from && at <= to;
      })
      .reverse();
    if (query.get("is_block_trade") === "true") found.length = 0;
    return page(query, 100, 1000, "GetTradesParams", found, "trades", ({ market, trade }) => ({
      ...tradeFields(trade),
      created_time: timeText(trade.at),
      ticker: market.id,
      trade_id: trade.id,
    }));
  }

  #events(query: URLSearchParams, now: Micros): ServerResponse {
    const byEvent = new Map<KalshiEvent, KalshiMarket[]>();
    for (const market of this.#listed(now)) {
      const markets = byEvent.get(market.event);
      if (markets === undefined) byEvent.set(market.event, [market]);
      else markets.push(market);
    }
    const status = query.get("status");
    const stages = status === null || status === "" ? null : STATUS_FILTER[status];
    if (stages === undefined) return failed(400, "bad_request", "bad request", "invalid status filter");
    const series = query.get("series_ticker");
    const tickers = list(query, "tickers");
    const closes = Number(query.get("min_close_ts") ?? 0);
    const found = [...byEvent].filter(
      ([event, markets]) =>
        (series === null || event.series.ticker === series) &&
        (tickers.length === 0 || tickers.includes(event.ticker)) &&
        (stages === null || markets.some((market) => stages.includes(market.stage))) &&
        markets.some((market) => seconds(market.closeAt) >= closes),
    );
    const nested = query.get("with_nested_markets") === "true";
    return page(query, 200, 200, "GetEventsParams", found, "events", ([event, markets]) => ({
      ...eventObject(event),
      ...(nested && { markets: markets.map(marketObject) }),
    }));
  }

  #event(ticker: string, query: URLSearchParams, now: Micros): ServerResponse {
    const markets = [...this.#listed(now)].filter((market) => market.event.ticker === ticker);
    const event = markets[0]?.event;
    if (event === undefined) return notFound;
    const objects = markets.map(marketObject);
    if (query.get("with_nested_markets") !== "true") return ok({ event: eventObject(event), markets: objects });
    return ok({ event: { ...eventObject(event), markets: objects }, markets: [] });
  }

  #series(ticker: string | undefined, query: URLSearchParams): ServerResponse {
    const all = new Map<string, KalshiSeries>();
    for (const { event } of this.#exhibit.markets.values()) all.set(event.series.ticker, event.series);
    if (ticker !== undefined) {
      const series = all.get(ticker);
      return series === undefined ? notFound : ok({ series: seriesObject(series, this.#startAt) });
    }
    const category = query.get("category");
    const found = [...all.values()].filter((series) => category === null || series.category === category);
    return ok({ series: found.map((series) => seriesObject(series, this.#startAt)) });
  }

  /** One change is announced, of the first series, for the day after. */
  #feeChanges(): ServerResponse {
    const [market] = this.#exhibit.markets.values();
    if (market === undefined) return ok({ series_fee_change_arr: [] });
    const scheduled_ts = timeText(this.#startAt + 86_400_000_000);
    const series_ticker = market.event.series.ticker;
    const change = {
      fee_multiplier: 1,
      fee_type: "quadratic",
      id: `fee-${series_ticker}`,
      scheduled_ts,
      series_ticker,
    };
    return ok({ series_fee_change_arr: [change] });
  }

  /** Everything of this session is live: the cut-off between live and historical lies before it. */
  #cutoff(): ServerResponse {
    const text = timeText(Math.floor((this.#startAt - 7_776_000_000_000) / 86_400_000_000) * 86_400_000_000);
    return ok({
      market_positions_last_updated_ts: text,
      market_settled_ts: text,
      orders_updated_ts: text,
      trades_created_ts: text,
    });
  }
}

/** Which timestamp filters go together (docs.kalshi.com, GET /markets): each with its own states only, `min_updated_ts` with nearly nothing. */
function combines(query: URLSearchParams): boolean {
  const status = query.get("status") ?? "";
  const uses = (name: string) => query.has(`min_${name}_ts`) || query.has(`max_${name}_ts`);
  if (query.has("min_updated_ts")) {
    const alone = [...query.keys()].every((key) =>
      ["min_updated_ts", "mve_filter", "series_ticker", "limit", "cursor"].includes(key),
    );
    return alone && (!query.has("series_ticker") || query.get("mve_filter") === "exclude");
  }
  if (uses("created") && !["", "open", "unopened"].includes(status)) return false;
  if (uses("close") && !["", "closed"].includes(status)) return false;
  if (uses("settled") && !["", "settled"].includes(status)) return false;
  return ["created", "close", "settled"].filter(uses).length <= 1;
}

function list(query: URLSearchParams, name: string): string[] {
  return query
    .getAll(name)
    .flatMap((text) => text.split(","))
    .filter((text) => text !== "");
}

/** One page: the cursor is opaque, empty on the last page; a cursor that cannot be read gives page 1 (demo, June 2026). */
function page<T>(
  query: URLSearchParams,
  usual: number,
  most: number,
  params: string,
  items: readonly T[],
  name: string,
  print: (item: T) => unknown,
): ServerResponse {
  const asked = query.get("limit");
  const limit = asked === null || asked === "" ? usual : Number(asked);
  if (!Number.isInteger(limit) || limit < 0) return flat(400, "invalid_parameters", "limit must be an integer");
  if (limit > most) return overLimit(params);
  const position = /^at:(\d+)$/.exec(Buffer.from(query.get("cursor") ?? "", "base64url").toString("latin1"));
  const from = position === null ? 0 : Number(position[1]);
  const to = from + (limit === 0 ? usual : limit);
  const cursor = to < items.length ? Buffer.from(`at:${to}`).toString("base64url") : "";
  return ok({ cursor, [name]: items.slice(from, to).map(print) });
}

function book(market: KalshiMarket, depth: number) {
  const best = Number.isInteger(depth) && depth > 0 ? Math.min(depth, 100) : Infinity;
  const cut = (levels: [string, string][]) => (best === Infinity ? levels : levels.slice(-best));
  return { no_dollars: cut(noLevels(market.asks, false)), yes_dollars: cut(yesLevels(market.bids)) };
}

const SHARDS = ["Default", "Combos", "Crypto & Commodities"];

function exchange(part: string | undefined): ServerResponse {
  const active = { exchange_active: true, intra_exchange_transfers_active: true, trading_active: true };
  if (part === "status") {
    const shards = SHARDS.map((description, exchange_index) => ({ ...active, description, exchange_index }));
    return ok({ ...active, exchange_index_statuses: shards });
  }
  if (part !== "schedule") return notFound;
  const day = [{ close_time: "00:00", open_time: "00:00" }];
  const days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
  return ok({
    schedule: {
      maintenance_windows: [],
      standard_hours: [
        {
          start_time: "2025-01-01T00:00:00Z",
          end_time: "2035-01-01T00:00:00Z",
          ...Object.fromEntries(
            days.map((name) => [
              name,
              name === "thursday"
                ? [
                    { open_time: "00:00", close_time: "03:00" },
                    { open_time: "05:00", close_time: "00:00" },
                  ]
                : day,
            ]),
          ),
        },
      ],
    },
  });
}

const COSTS = { default_cost: 10, endpoint_costs: [{ cost: 2, method: "GET", path: "/portfolio/orders/{order_id}" }] };

const LIMITS = {
  grants: [],
  read: { bucket_capacity: 400, refill_rate: 200 },
  usage_tier: "basic",
  write: { bucket_capacity: 100, refill_rate: 100 },
};
