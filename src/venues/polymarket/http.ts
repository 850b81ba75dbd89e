import { clobMarket, compactMarket } from "./clob.ts";
import type { ClobMarket } from "./clob.ts";
import { gammaEvent, gammaMarket, gammaQuote, gammaSeries, idOf } from "./gamma.ts";
import { readBook, shown } from "./levels.ts";
import { decimalText, isObject, millisTime, parseJson, strings, text, textOf } from "./wire.ts";
import type { WireObject } from "./wire.ts";
import type { Emitter } from "./emitter.ts";
import type { MarketStates } from "./market-state.ts";
import { tradeHistory } from "./trade-history.ts";
import type { HttpExchange } from "../../journal/record.ts";
import type { MarketFacts } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";

/** Answers that hold nothing for these tables: candles are made by `backfill`, the rest are lists for discovery. */
const NOT_FACTS =
  /\/((batch-)?prices-history|time|ok|sports|tags(\/[^/]+)?|teams|comments|tick-size|neg-risk|fee-rate|holders|oi|live-volume)$/;

/** Reads REST answers of the Gamma API, the CLOB and the Data API, told apart by path and by shape. */
export class HttpAnswers {
  readonly #emitter: Emitter;
  readonly #markets: MarketStates;

  constructor(emitter: Emitter, markets: MarketStates) {
    this.#emitter = emitter;
    this.#markets = markets;
  }

  read({ head, body }: HttpExchange): void {
    const url = URL.parse(head.url, "http://unknown");
    const path = (url?.pathname ?? head.url).replace(/\/+$/, "");
    if (head.status < 200 || head.status > 299) {
      return this.#emitter.quarantine("http_status", `${head.method} ${path} was answered with status ${head.status}`);
    }
    if (NOT_FACTS.test(path)) return;
    const source = textOf(body);
    if (source === null)
      return this.#emitter.quarantine("invalid_utf8", `the answer to ${head.method} ${path} is no UTF-8`);
    const parsed = parseJson(source);
    if (!parsed.ok) return this.#emitter.quarantine("malformed_json", `${head.method} ${path}: ${parsed.error}`);
    const answer = parsed.value;
    const seen = new Set<string>();
    if (/\/(book|books)$/.test(path)) return this.#each(answer, path, (book) => this.#book(book, head.sentAt));
    if (/\/clob-markets\/[^/]+$/.test(path))
      return this.#each(answer, path, (market) => this.#clob(compactMarket(market), path));
    if (path.endsWith("/trades")) {
      const rows = isObject(answer) ? answer["data"] : answer;
      if (!Array.isArray(rows)) return this.#emitter.quarantine("unknown_shape", `${path} gave no list of trades`);
      const takers = url?.searchParams.get("takerOnly") ?? url?.searchParams.get("taker_only");
      return tradeHistory(this.#emitter, rows, takers !== "false");
    }
    if (/\/markets(\/[^/]+|\/slug\/[^/]+)?$|\/(sampling|simplified)-markets$/.test(path)) {
      const markets = isObject(answer) ? (answer["markets"] ?? answer["data"] ?? answer) : answer;
      return this.#each(markets, path, (market) => {
        if (market["condition_id"] !== undefined) this.#clob(clobMarket(market), path);
        else this.#market(market, null, seen);
      });
    }
    if (/\/events(\/[^/]+|\/slug\/[^/]+)?$|\/public-search$/.test(path)) {
      const events = isObject(answer) ? (answer["events"] ?? answer) : answer;
      return this.#each(events, path, (event) => this.#event(event, seen));
    }
    if (/\/series(\/[^/]+)?$/.test(path)) return this.#each(answer, path, (series) => this.#series(series, seen));
    this.#emitter.quarantine("unknown_route", `${head.method} ${path} is no answer that can be read`);
  }

  /** `answer` is a list of objects or one object. */
  #each(answer: unknown, path: string, read: (object: WireObject) => void): void {
    for (const object of Array.isArray(answer) ? (answer as readonly unknown[]) : [answer]) {
      if (isObject(object)) read(object);
      else this.#emitter.quarantine("unknown_shape", `${path} gave ${shown(object)} where an object was expected`);
    }
  }

  #event(event: WireObject, seen: Set<string>): void {
    const id = idOf(event);
    if (id === null) return this.#emitter.quarantine("missing_field", "an event without id");
    this.#group(event, seen);
    const markets = event["markets"];
    for (const market of Array.isArray(markets) ? (markets as readonly unknown[]) : []) {
      if (isObject(market)) this.#market(market, event, seen);
      else this.#emitter.quarantine("unknown_shape", `event ${id} lists ${shown(market)} as a market`);
    }
  }

  /** The facts of an event and of its series, once per answer. */
  #group(event: WireObject, seen: Set<string>): void {
    const id = idOf(event);
    if (id === null || seen.has(`event ${id}`)) return;
    seen.add(`event ${id}`);
    const series = event["series"];
    for (const each of Array.isArray(series) ? (series as readonly unknown[]) : []) {
      if (isObject(each)) this.#series(each, seen);
    }
    this.#emitter.emit(gammaEvent(event, id));
  }

  #series(series: WireObject, seen: Set<string>): void {
    const id = idOf(series);
    if (id === null) return this.#emitter.quarantine("missing_field", "a series without id");
    if (seen.has(`series ${id}`)) return;
    seen.add(`series ${id}`);
    this.#emitter.emit(gammaSeries(series, id));
  }

  #market(market: WireObject, event: WireObject | null, seen: Set<string>): void {
    const conditionId = text(market["conditionId"]);
    if (conditionId === null) {
      return this.#emitter.quarantine("missing_field", `market ${shown(market["id"])} without conditionId`);
    }
    const { events } = market;
    if (event === null) {
      for (const each of Array.isArray(events) ? (events as readonly unknown[]) : []) {
        if (isObject(each)) this.#group(each, seen);
      }
    }
    const tokens = (strings(market["clobTokenIds"]) ?? []).filter((token) => token !== "");
    const state = this.#markets.name(conditionId, tokens);
    state.minOrderSize = decimalText(market["orderMinSize"]) ?? state.minOrderSize;
    if (typeof market["negRisk"] === "boolean") state.negRisk = market["negRisk"];
    // Cached for up to five minutes: the stream knows better once it has said anything.
    state.tickSize ??= decimalText(market["orderPriceMinTickSize"]);
    this.#facts(gammaMarket(market, conditionId, event));
    const [token] = tokens;
    const quote = token === undefined ? null : gammaQuote(market, this.#emitter.instrument(conditionId, token));
    if (quote !== null) this.#emitter.emit(quote);
  }

  #clob(market: ClobMarket | null, path: string): void {
    if (market === null) return this.#emitter.quarantine("missing_field", `${path} gave a market without condition id`);
    const state = this.#markets.name(market.facts.market, market.tokens);
    state.minOrderSize = market.minOrderSize ?? state.minOrderSize;
    state.negRisk = market.negRisk ?? state.negRisk;
    state.tickSize ??= market.tickSize;
    this.#facts(market.facts);
  }

  /** Facts of a market, and the step in its life if its status is another than it was. */
  #facts(facts: MarketFacts): void {
    this.#emitter.emit(facts);
    const state = this.#markets.get(facts.market);
    const { status, venueStatus } = facts;
    // A cached answer may still call a market open that the stream has already resolved.
    if (status === null || status === state.status || this.#markets.isOver(facts.market)) return;
    if (state.status !== null) {
      this.#emitter.emit({
        type: "lifecycle",
        instrument: this.#emitter.instrument(facts.market, null),
        ts: null,
        fromStatus: state.status,
        toStatus: status,
        kind: venueStatus ?? status,
        detail: JSON.stringify({ venue_status: venueStatus, result: facts.result }),
      });
    }
    state.status = status;
  }

  /** A book over REST is a witness, and its best prices are a quote. `last_trade_price` may be the other token's. */
  #book(book: WireObject, askedAt: Micros): void {
    const market = text(book["market"]);
    const token = text(book["asset_id"]);
    if (market === null || token === null) {
      return this.#emitter.quarantine("missing_field", "a REST book without market or asset_id", market, token);
    }
    const levels = readBook(book["bids"], book["asks"]);
    if ("reason" in levels) return this.#emitter.quarantine(levels.reason, levels.detail, market, token);
    const state = this.#markets.name(market, [token]);
    state.minOrderSize = decimalText(book["min_order_size"]) ?? state.minOrderSize;
    if (typeof book["neg_risk"] === "boolean") state.negRisk = book["neg_risk"];
    state.tickSize ??= decimalText(book["tick_size"]);
    const last = book["last_trade_price"];
    if (typeof last === "string") state.lastTradePrice ??= last;
    const { bids, asks } = levels;
    const instrument = this.#emitter.instrument(market, token);
    const ts = millisTime(book["timestamp"]);
    const venueHash = text(book["hash"]);
    this.#emitter.emit({ type: "book_witness", instrument, ts, askedAt, venueHash, bids, asks });
    const bid = { bid: bids.prices[0] ?? null, bidSize: bids.sizes[0] ?? null };
    const ask = { ask: asks.prices[0] ?? null, askSize: asks.sizes[0] ?? null };
    const unsaid = { lastPrice: null, lastSize: null, volume: null, volumeUsd: null, openInterest: null };
    if (bid.bid === null && ask.ask === null) return;
    const quote = { ...bid, ...ask, ...unsaid, liquidityUsd: null };
    this.#emitter.emit({ type: "quote", instrument, trigger: "poll", ts, ...quote });
  }
}
