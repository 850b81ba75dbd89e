import { hash } from "node:crypto";

/** One price level in the venue's own text. The text matters: `0.50` hashes differently from `0.5`. */
export interface LevelText {
  readonly price: string;
  readonly size: string;
}

/** The ten fields that the hash covers, in the venue's own text. The `hash` field itself counts as `""`. */
export interface HashedBook {
  readonly market: string;
  readonly assetId: string;
  /** Unix milliseconds, the message's own text. */
  readonly timestamp: string;
  /** Worst first, that is by ascending price. */
  readonly bids: readonly LevelText[];
  /** Worst first, that is by descending price. */
  readonly asks: readonly LevelText[];
  readonly minOrderSize: string;
  readonly tickSize: string;
  readonly negRisk: boolean;
  readonly lastTradePrice: string;
}

/**
 * The SHA-1 that Polymarket puts in the `hash` field of its books and of its price changes: over the compact JSON of
 * the whole book with the keys in this order and `hash` empty (`generate_orderbook_summary_hash` of
 * Polymarket/py-clob-client-v2). It has had ten fields since about December 2025; recomputed without one difference
 * for 31 REST books of April to July 2026 and for a WebSocket session of 2026-07-20.
 */
export function bookHash(book: HashedBook): string {
  return hashOf(book, book.bids.map(levelJson).join(","), book.asks.map(levelJson).join(","));
}

/** `bookHash` for those who keep the levels as JSON already: `{"price":"0.5","size":"3"},…`, worst first. */
export function hashOf(book: Omit<HashedBook, "bids" | "asks">, bids: string, asks: string): string {
  return hash(
    "sha1",
    `{"market":${JSON.stringify(book.market)},"asset_id":${JSON.stringify(book.assetId)},` +
      `"timestamp":${JSON.stringify(book.timestamp)},"hash":"","bids":[${bids}],"asks":[${asks}],` +
      `"min_order_size":${JSON.stringify(book.minOrderSize)},"tick_size":${JSON.stringify(book.tickSize)},` +
      `"neg_risk":${book.negRisk},"last_trade_price":${JSON.stringify(book.lastTradePrice)}}`,
    "hex",
  );
}

/** One level as it stands in the hashed JSON. */
export function levelJson(level: LevelText): string {
  return `{"price":${JSON.stringify(level.price)},"size":${JSON.stringify(level.size)}}`;
}
