import { formatMillionths, type Millionths, ONE } from "../../model/decimal.ts";
import { hashOf } from "./book-hash.ts";
import type { PolymarketMarket } from "./server-market.ts";

/** The venue's smallest order, shares; part of what is hashed (`min_order_size` of `GET /book`). */
export const MIN_ORDER_SIZE = "5";

interface BookText {
  readonly bids: string;
  readonly asks: string;
  readonly hash: string;
  readonly timestamp: string;
}

/** Prints books of tokens. Level texts are kept per price, because all of them are hashed after every change. */
export class TokenBooks {
  readonly #levels = new WeakMap<PolymarketMarket, Map<Millionths, { size: Millionths; json: string }>[]>();
  readonly #lastPrices = new WeakMap<object, string>();

  /** The book of a token, worst price first on both sides; time and hash are those of its last change. */
  book(market: PolymarketMarket, outcome: 0 | 1): BookText {
    const bids = this.#side(market, outcome, "bid");
    const asks = this.#side(market, outcome, "ask");
    const timestamp = String(Math.floor(market.bookAt / 1000));
    const hash = hashOf(
      {
        market: market.id,
        assetId: market.tokens[outcome],
        timestamp,
        minOrderSize: MIN_ORDER_SIZE,
        tickSize: tickText(market),
        negRisk: market.event.negRiskMarketId !== null,
        lastTradePrice: this.lastPrice(market),
      },
      bids,
      asks,
    );
    return { bids, asks, hash, timestamp };
  }

  /** The last trade's price, in terms of the token traded, for both tokens alike; empty before any trade. */
  lastPrice(market: PolymarketMarket): string {
    const { last } = market;
    if (last === null) return "";
    let text = this.#lastPrices.get(last);
    if (text === undefined) {
      text = threeDecimals(last.outcome === 0 ? last.price : ONE - last.price);
      this.#lastPrices.set(last, text);
    }
    return text;
  }

  #side(market: PolymarketMarket, outcome: 0 | 1, side: "bid" | "ask"): string {
    let caches = this.#levels.get(market);
    if (caches === undefined) {
      caches = [new Map(), new Map(), new Map(), new Map()];
      this.#levels.set(market, caches);
    }
    // The other token's bids are this one's asks at 1 − P.
    const source = (side === "bid") === (outcome === 0) ? market.bids : market.asks;
    const cache = caches[outcome * 2 + (side === "bid" ? 0 : 1)] ?? new Map();
    const { prices, sizes } = source;
    const texts: string[] = [];
    for (let i = 0; i < prices.length; i++) {
      const price = prices[i] ?? 0;
      const size = sizes[i] ?? 0;
      let level = cache.get(price);
      if (level === undefined || level.size !== size) {
        const own = formatMillionths(outcome === 0 ? price : ONE - price);
        level = { size, json: `{"price":"${own}","size":"${formatMillionths(size)}"}` };
        cache.set(price, level);
      }
      texts.push(level.json);
    }
    if (source === market.asks) texts.reverse();
    return texts.join(",");
  }
}

/** The tick size as text, `0.01`. */
export function tickText(market: PolymarketMarket): string {
  return formatMillionths(market.ticks[0]?.step ?? 0);
}

/**
 * The last price as books state it and as it is hashed: at least three decimals, `0.410` at a tick of 0.01 too (all
 * captured books of April to July 2026).
 */
function threeDecimals(price: Millionths): string {
  const [whole = "0", fraction = ""] = formatMillionths(price).split(".");
  return `${whole}.${fraction.padEnd(3, "0")}`;
}

/** Best bid and ask of a token; null where the side is empty. */
export function bestOf(market: PolymarketMarket, outcome: 0 | 1): { bid: Millionths | null; ask: Millionths | null } {
  const bid = market.bids.prices.at(-1) ?? null;
  const ask = market.asks.prices[0] ?? null;
  if (outcome === 0) return { bid, ask };
  return { bid: ask === null ? null : ONE - ask, ask: bid === null ? null : ONE - bid };
}
