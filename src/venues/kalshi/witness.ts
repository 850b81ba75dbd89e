import { FetchError } from "../../ops/errors.ts";
import { isObject, text } from "../planned-discovery.ts";
import type { Witness } from "../venue.ts";

/** `GET /markets/orderbooks`: at most 100 tickers (docs.kalshi.com, since 2026-03-30). A market's print is its whole book. */
export function kalshiWitness(rest: string): Witness {
  return {
    marketsPerRequest: 100,
    request(markets) {
      const query = new URLSearchParams(markets.map(({ market }) => ["tickers", market]));
      return { method: "GET", url: `${rest}/markets/orderbooks?${query.toString()}`, purpose: "witness" };
    },
    prints(_markets, status, body) {
      const answer = status === 200 ? parse(body) : null;
      const books = isObject(answer) ? answer["orderbooks"] : null;
      if (!Array.isArray(books)) throw new FetchError(`no order books but HTTP ${status}`, { status });
      const prints = new Map<string, string>();
      for (const book of books.filter(isObject)) {
        const ticker = text(book, "ticker");
        if (ticker !== null) prints.set(ticker, JSON.stringify(book["orderbook_fp"] ?? null));
      }
      return prints;
    },
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The caller says what it wanted and did not get.
    return null;
  }
}
