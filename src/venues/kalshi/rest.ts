import type { HttpExchange } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";
import { Bulletins } from "./bulletins.ts";
import { type Defect, shorten } from "./defect.ts";
import type { Facts } from "./facts.ts";
import { Fields, isObject, type JsonObject } from "./fields.ts";
import { readLadder } from "./levels.ts";
import { readTrade } from "./market-data.ts";
import type { Market, Memory } from "./memory.ts";
import { decodeFrame } from "./wire.ts";

/** Endpoints whose answers fill other tables or none (docs.kalshi.com, REST reference). */
const SILENT = [
  /\/candlesticks$/,
  /^\/historical\/cutoff$/,
  /^\/account\//,
  /^\/milestones/,
  /^\/live_data\//,
  /\/metadata$/,
];

/** REST answers: facts, quotes, past trades, and the top of books as a second witness. */
export class RestAnswers {
  readonly #memory: Memory;
  readonly #facts: Facts;
  readonly #bulletins: Bulletins;
  readonly #quarantine: (defect: Defect, market?: Market | null) => void;
  /** When the request went out that is being read. */
  #askedAt: Micros = 0;

  constructor(memory: Memory, facts: Facts, quarantine: (defect: Defect, market?: Market | null) => void) {
    this.#memory = memory;
    this.#facts = facts;
    this.#bulletins = new Bulletins(memory, quarantine);
    this.#quarantine = quarantine;
  }

  read({ head, body }: HttpExchange): void {
    const where = locate(head.url);
    if (where === null) return this.#quarantine({ reason: "unknown_path", detail: shorten(head.url) });
    const { path, query } = where;
    if (head.status !== 200) {
      const said = shorten(body.toString("utf8"));
      return this.#quarantine({ reason: "http_status", detail: `${head.status} from ${path}: ${said}` });
    }
    if (SILENT.some((pattern) => pattern.test(path))) return;
    const { frame: answer, defect } = decodeFrame(body);
    this.#askedAt = head.sentAt;
    if (answer === null) return this.#quarantine({ reason: "http_body", detail: `${path}: ${defect.detail}` });
    if (!this.#dispatch(livePath(path), query, answer)) {
      this.#quarantine({ reason: "unknown_path", detail: path });
    }
  }

  #dispatch(path: string, query: URLSearchParams, answer: JsonObject): boolean {
    const [, collection, name, part] = path.split("/");
    if (collection === "exchange" || name === "fee_changes") return this.#bulletins.read(path, answer);
    if (collection === "markets") {
      if (name === "trades") this.#each(answer, "trades", path, (trade) => this.#trade(trade));
      else if (name === "orderbooks")
        this.#each(answer, "orderbooks", path, (book) => this.#book(book, book["ticker"]));
      else if (part === "orderbook") this.#book(answer, decodeURIComponent(name ?? ""));
      else if (part !== undefined) return false;
      else if (name === undefined) {
        this.#each(answer, "markets", path, (market) => this.#market(market, query.get("series_ticker")));
      } else this.#one(answer, "market", path, (market) => this.#market(market, null));
    } else if (collection === "events" && part === undefined) {
      if (name === undefined || name === "multivariate")
        this.#each(answer, "events", path, (event) => this.#event(event));
      else {
        this.#one(answer, "event", path, (event) => this.#event(event));
        const series = isObject(answer["event"]) ? answer["event"]["series_ticker"] : null;
        const markets = Array.isArray(answer["markets"]) ? (answer["markets"] as unknown[]) : [];
        for (const market of markets) {
          if (isObject(market)) this.#market(market, typeof series === "string" ? series : null);
        }
      }
    } else if (collection === "series" && part === undefined) {
      if (name === undefined) this.#each(answer, "series", path, (series) => this.#facts.series(series));
      else this.#one(answer, "series", path, (series) => this.#facts.series(series));
    } else return false;
    return true;
  }

  #market(market: JsonObject, series: string | null): void {
    this.#facts.market(market, undefined, series);
    this.#facts.quote(market);
  }

  #event(event: JsonObject): void {
    this.#facts.event(event);
    const { markets, series_ticker: series } = event;
    for (const market of Array.isArray(markets) ? (markets as unknown[]) : []) {
      if (isObject(market)) this.#market(market, typeof series === "string" ? series : null);
    }
  }

  #trade(object: JsonObject): void {
    const fields = new Fields(object);
    const ticker = fields.text("ticker");
    const ts = fields.time("created_time");
    const market = ticker === "" ? null : this.#memory.market(ticker);
    const trade = market === null ? null : readTrade(fields, market, ts, "history", null);
    if (trade !== null) return this.#memory.emit(trade);
    for (const defect of fields.defects) this.#quarantine(defect, market);
  }

  /** A book over REST is behind or ahead of the stream by an unknown time: a witness. */
  #book(answer: JsonObject, ticker: unknown): void {
    const inside = answer["orderbook_fp"] ?? answer["orderbook"];
    if (typeof ticker !== "string" || ticker === "" || !isObject(inside)) {
      return this.#quarantine({ reason: "missing_field", detail: "an order book without ticker or levels" });
    }
    const market = this.#memory.market(ticker);
    const ladder = readLadder(inside, false);
    if ("reason" in ladder) return this.#quarantine(ladder, market);
    const { instrument } = market;
    const origin = { ts: null, askedAt: this.#askedAt, venueHash: null };
    this.#memory.emit({ type: "book_witness", instrument, ...origin, ...ladder });
  }

  #each(answer: JsonObject, key: string, path: string, read: (item: JsonObject) => void): void {
    const items = answer[key];
    if (!Array.isArray(items)) {
      return this.#quarantine({ reason: "missing_field", detail: `${path}: ${key} is no list` });
    }
    for (const item of items as unknown[]) {
      if (isObject(item)) read(item);
      else this.#quarantine({ reason: "missing_field", detail: `${path}: ${key} holds something else than objects` });
    }
  }

  #one(answer: JsonObject, key: string, path: string, read: (item: JsonObject) => void): void {
    const item = answer[key];
    if (isObject(item)) read(item);
    else this.#quarantine({ reason: "missing_field", detail: `${path}: ${key} is no object` });
  }
}

/** Old markets and trades are under `/historical`, in the same shapes. */
function livePath(path: string): string {
  return path === "/historical/trades" ? "/markets/trades" : path.replace(/^\/historical/, "");
}

/** Path below the API's prefix, and the query; null where the text is no URL. */
function locate(url: string): { path: string; query: URLSearchParams } | null {
  const parsed = URL.parse(url, "https://kalshi.invalid");
  if (parsed === null) return null;
  return { path: parsed.pathname.replace(/^.*\/trade-api\/v2/, "").replace(/\/$/, ""), query: parsed.searchParams };
}
