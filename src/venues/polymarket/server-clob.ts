import { formatMillionths, ONE } from "../../model/decimal.ts";
import { formatTime, type Micros } from "../../model/time.ts";
import type { Exhibit, ServerRequest, ServerResponse } from "../server.ts";
import type { TokenIndex } from "./server.ts";
import { bestOf, MIN_ORDER_SIZE, type TokenBooks, tickText } from "./server-books.ts";
import type { PolymarketMarket } from "./server-market.ts";

type Found = { readonly market: PolymarketMarket; readonly outcome: 0 | 1 };

const ok = (body: unknown): ServerResponse => ({ status: 200, body });
const failed = (status: number, error: string): ServerResponse => ({ status, body: { error } });
const noBook = failed(404, "No orderbook exists for the requested token id");

/** Most tokens of one `POST /books`; more is refused somewhere past this number. */
const MOST_BOOKS = 500;

/** Answers the public requests of the CLOB, pure (docs.polymarket.com, "CLOB"). */
export class ClobRest {
  readonly #exhibit: Exhibit<PolymarketMarket>;
  readonly #tokens: TokenIndex;
  readonly #books: TokenBooks;

  constructor(exhibit: Exhibit<PolymarketMarket>, tokens: TokenIndex, books: TokenBooks) {
    this.#exhibit = exhibit;
    this.#tokens = tokens;
    this.#books = books;
  }

  answer(request: ServerRequest, now: Micros): ServerResponse {
    const [first = "", second] = request.path
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    if (request.method === "POST") return this.#batch(first, request.body);
    if (request.method !== "GET") return failed(405, "method not allowed");
    switch (first) {
      case "":
      case "ok":
        return ok("OK");
      case "time":
        return ok(Math.floor(now / 1_000_000));
      case "markets":
      case "sampling-markets":
      case "simplified-markets":
      case "sampling-simplified-markets":
        if (second === undefined) return this.#list(request.query);
        return this.#market(second);
      case "markets-by-token": {
        const found = this.#tokens.get(second ?? "");
        return found === undefined
          ? failed(404, "market not found")
          : ok({
              condition_id: found.market.id,
              primary_token_id: found.market.tokens[0],
              secondary_token_id: found.market.tokens[1],
            });
      }
      case "clob-markets": {
        const market = this.#exhibit.markets.get(second ?? "");
        return market === undefined ? failed(404, "market not found") : ok(compact(market));
      }
      default:
        return this.#ofToken(first, request.query);
    }
  }

  #ofToken(what: string, query: URLSearchParams): ServerResponse {
    const found = this.#open(query.get("token_id") ?? "");
    if (found === undefined) return noBook;
    const { market, outcome } = found;
    const { bid, ask } = bestOf(market, outcome);
    switch (what) {
      case "book":
        return ok(this.#book(found));
      case "tick-size":
        return ok({ minimum_tick_size: Number(tickText(market)) });
      case "neg-risk":
        return ok({ neg_risk: market.event.negRiskMarketId !== null });
      case "fee-rate":
        return ok({ base_fee: 1000 });
      case "midpoint":
        return bid === null || ask === null ? noBook : ok({ mid: formatMillionths((bid + ask) / 2) });
      case "spread":
        return bid === null || ask === null ? noBook : ok({ spread: formatMillionths(ask - bid) });
      case "price": {
        const price = query.get("side") === "SELL" ? ask : bid;
        return price === null ? noBook : ok({ price: formatMillionths(price) });
      }
      case "last-trade-price":
        return ok(lastTrade(market, this.#books));
      default:
        return failed(404, "not found");
    }
  }

  #batch(what: string, body: string): ServerResponse {
    let asked: unknown;
    try {
      asked = JSON.parse(body);
    } catch {
      return failed(400, "Invalid payload");
    }
    if (!Array.isArray(asked)) return failed(400, "Invalid payload");
    if (asked.length > MOST_BOOKS) return failed(400, "Payload exceeds the limit");
    // Tokens without a book are left out, without an error.
    const found = asked.flatMap((item: { token_id?: unknown } | null) => {
      const entry = typeof item?.token_id === "string" ? this.#open(item.token_id) : undefined;
      return entry === undefined ? [] : [entry];
    });
    const byToken = (value: (found: Found) => unknown) =>
      ok(Object.fromEntries(found.map((entry) => [entry.market.tokens[entry.outcome], value(entry)])));
    const best = (entry: Found) => bestOf(entry.market, entry.outcome);
    switch (what) {
      case "books":
        return ok(found.map((entry) => this.#book(entry)));
      case "midpoints":
        return byToken((entry) => formatMillionths(((best(entry).bid ?? 0) + (best(entry).ask ?? ONE)) / 2));
      case "spreads":
        return byToken((entry) => formatMillionths((best(entry).ask ?? ONE) - (best(entry).bid ?? 0)));
      case "prices":
        return byToken((entry) => ({
          BUY: formatMillionths(best(entry).bid ?? 0),
          SELL: formatMillionths(best(entry).ask ?? ONE),
        }));
      case "last-trades-prices":
        return ok(
          found.map((entry) => ({
            ...lastTrade(entry.market, this.#books),
            token_id: entry.market.tokens[entry.outcome],
          })),
        );
      default:
        return failed(404, "not found");
    }
  }

  #open(token: string): Found | undefined {
    const found = this.#tokens.get(token);
    return found === undefined || found.market.stage === "settled" || found.market.stage === "determined"
      ? undefined
      : found;
  }

  /** Key order and text are the venue's: the hash covers them. */
  #book({ market, outcome }: Found): RawJson {
    const { bids, asks, hash, timestamp } = this.#books.book(market, outcome);
    return rawJson(
      `{"market":"${market.id}","asset_id":"${market.tokens[outcome]}","timestamp":"${timestamp}","hash":"${hash}",` +
        `"bids":[${bids}],"asks":[${asks}],"min_order_size":"${MIN_ORDER_SIZE}","tick_size":"${tickText(market)}",` +
        `"neg_risk":${market.event.negRiskMarketId !== null},"last_trade_price":"${this.#books.lastPrice(market)}"}`,
    );
  }

  #market(id: string): ServerResponse {
    const market = this.#exhibit.markets.get(id);
    return market === undefined ? failed(404, "market not found") : ok(clobMarket(market));
  }

  #list(query: URLSearchParams): ServerResponse {
    const markets = [...this.#exhibit.markets.values()];
    const cursor = Buffer.from(query.get("next_cursor") ?? "", "base64").toString("latin1");
    const from = /^\d+$/.test(cursor) ? Number(cursor) : 0;
    const limit = 500;
    const data = markets.slice(from, from + limit).map(clobMarket);
    // `LTE=` is base64 of -1 and says that this was the last page.
    const next = from + limit < markets.length ? String(from + limit) : "-1";
    return ok({ data, next_cursor: Buffer.from(next).toString("base64"), limit, count: data.length });
  }
}

type RawJson = unknown;

/** Text that is JSON already, parsed and so printed again in the same key order. */
function rawJson(text: string): RawJson {
  return JSON.parse(text);
}

function lastTrade(market: PolymarketMarket, books: TokenBooks) {
  return { price: books.lastPrice(market), side: market.last === null ? "" : "BUY" };
}

function clobMarket(market: PolymarketMarket): Record<string, unknown> {
  const settled = market.stage === "settled";
  const top = bestOf(market, 0);
  const first = market.winner === null ? ((top.bid ?? 0) + (top.ask ?? ONE)) / 2 / ONE : 1 - market.winner;
  return {
    enable_order_book: !settled,
    active: true,
    closed: settled,
    archived: false,
    accepting_orders: market.stage === "open",
    accepting_order_timestamp: `${formatTime(market.openAt).slice(0, 19)}Z`,
    minimum_order_size: Number(MIN_ORDER_SIZE),
    minimum_tick_size: Number(tickText(market)),
    condition_id: market.id,
    question_id: market.questionId,
    question: market.question,
    description: market.event.description,
    market_slug: market.slug,
    end_date_iso: `${formatTime(market.closeAt).slice(0, 19)}Z`,
    game_start_time: null,
    seconds_delay: 0,
    fpmm: "",
    maker_base_fee: 1000,
    taker_base_fee: 1000,
    notifications_enabled: true,
    neg_risk: market.event.negRiskMarketId !== null,
    neg_risk_market_id: market.event.negRiskMarketId ?? "",
    neg_risk_request_id: "",
    icon: "",
    image: "",
    rewards: { rates: null, min_size: 0, max_spread: 0 },
    is_50_50_outcome: false,
    tokens: market.tokens.map((token_id, i) => ({
      token_id,
      outcome: market.outcomes[i as 0 | 1],
      price: i === 0 ? first : 1 - first,
      winner: settled && market.winner === i,
    })),
    tags: market.event.tags.map(({ label }) => label),
  };
}

/** The short form (`GET /clob-markets/{conditionId}`). */
function compact(market: PolymarketMarket): Record<string, unknown> {
  return {
    c: market.id,
    t: market.tokens.map((t, i) => ({ t, o: market.outcomes[i as 0 | 1] })),
    mts: Number(tickText(market)),
    mos: Number(MIN_ORDER_SIZE),
    nr: market.event.negRiskMarketId !== null,
    fd: { r: market.fee.rate, e: 1, to: true },
    mbf: 1000,
    tbf: 1000,
    ao: market.stage === "open",
    aot: `${formatTime(market.openAt).slice(0, 19)}Z`,
    cbos: true,
  };
}
