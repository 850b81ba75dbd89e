import { FetchError } from "../../ops/errors.ts";
import type { Witness } from "../venue.ts";
import { isObject, parseJson, text } from "./wire.ts";

/**
 * `POST /books` of the CLOB (docs.polymarket.com, "Get order books"; at most 500 tokens). A market's print is the hashes
 * of its tokens' books: each covers the book, its last change's time and the last trade.
 */
export function polymarketWitness(clob: string): Witness {
  return {
    marketsPerRequest: 100,
    request(markets) {
      const body = JSON.stringify(markets.flatMap(({ outcomes }) => outcomes.map((token_id) => ({ token_id }))));
      const headers = { "content-type": "application/json" };
      return { method: "POST", url: `${clob}/books`, headers, body, purpose: "witness" };
    },
    prints(markets, status, body) {
      const answer = parseJson(body);
      if (status !== 200 || !answer.ok || !Array.isArray(answer.value)) {
        throw new FetchError(`no order books but HTTP ${status}`, { status });
      }
      const hashes = new Map<string, string>();
      for (const book of (answer.value as readonly unknown[]).filter(isObject)) {
        const token = text(book["asset_id"]);
        const hash = text(book["hash"]);
        if (token !== null && hash !== null) hashes.set(token, hash);
      }
      const known = markets.filter(({ outcomes }) => outcomes.some((token) => hashes.has(token)));
      return new Map(
        known.map(({ market, outcomes }) => [market, outcomes.map((token) => hashes.get(token) ?? "").join(" ")]),
      );
    },
  };
}
