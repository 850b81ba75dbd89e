import type { HashedLevels } from "./hashed-levels.ts";
import type { MarketState } from "./market-state.ts";
import type { Micros } from "../../model/time.ts";

/** How often the venue's hash of a book was recomputed from what was recorded, and how often it agreed. */
export interface HashCount {
  readonly checked: number;
  readonly matched: number;
}

/** Agreement in all and by token. */
export interface HashAgreement extends HashCount {
  readonly tokens: ReadonlyMap<string, HashCount>;
}

/** What came with a book: its hash, and what else went into it. */
export interface HashedMessage {
  readonly market: string;
  readonly timestamp: string;
  readonly expected: string;
  /** Prices in the message, its own texts. */
  readonly prices: readonly string[];
}

/** Changes are checked while fewer hashes than this were computed in this second: at 10 µs each, 2 % of a core. */
const PER_SECOND = 2000;

/** Prices of one message that are tried for the last trade price. */
const CANDIDATES = 4;

/** Tokens whose counts are kept; the first checked are forgotten, the total is not. */
const TOKENS = 20_000;

/**
 * Counts how often our books have the venue's hash. It is evidence and decides nothing: that a mismatch proves a loss
 * was seen in one session only. The policy is a function of the records alone: every `book` is checked, and the last
 * entry per token of a `price_change` while fewer than 2,000 hashes were computed in the same second of receive time.
 */
export class HashChecks {
  #second = 0;
  #inSecond = 0;
  #checked = 0;
  #matched = 0;
  readonly #tokens = new Map<string, { checked: number; matched: number }>();

  /** Whether a delta received at this time (or, where none is known, made at that venue time) is to be checked. */
  due(at: Micros | null): boolean {
    const second = Math.floor((at ?? 0) / 1_000_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    return this.#inSecond < PER_SECOND;
  }

  /**
   * Compares a book with the hash it came with, if all ten fields are known. `timestamp` is the message's own text.
   * The venue counts a trade's price as the last one before it sends the print (Polymarket/py-clob-client-v2#117), and
   * the print of an earlier trade may follow then. So where the last price that fitted does not fit, those of the last
   * print and of the message at hand are tried; the one that fits is remembered.
   */
  check(token: string, state: MarketState, levels: HashedLevels, message: HashedMessage): void {
    const { market, timestamp, expected } = message;
    const { minOrderSize, tickSize, negRisk } = state;
    const known = state.lastTradePrice ?? state.printedPrice;
    if (minOrderSize === null || tickSize === null || negRisk === null || known === null) return;
    const fields = { market, assetId: token, timestamp, minOrderSize, tickSize, negRisk };
    const fits = (lastTradePrice: string): boolean => {
      this.#inSecond++;
      return levels.hash({ ...fields, lastTradePrice }) === expected;
    };
    const fitting = fits(known) ? known : candidates(state, message.prices, known).find(fits);
    const matched = fitting !== undefined;
    if (matched) state.lastTradePrice = fitting;
    this.#checked++;
    if (matched) this.#matched++;
    let count = this.#tokens.get(token);
    if (count === undefined) {
      count = { checked: 0, matched: 0 };
      this.#tokens.set(token, count);
      if (this.#tokens.size > TOKENS) {
        for (const oldest of this.#tokens.keys()) {
          this.#tokens.delete(oldest);
          break;
        }
      }
    }
    count.checked++;
    if (matched) count.matched++;
  }

  agreement(): HashAgreement {
    return {
      checked: this.#checked,
      matched: this.#matched,
      tokens: new Map([...this.#tokens].map(([token, count]) => [token, { ...count }])),
    };
  }

  save(): unknown {
    return {
      second: this.#second,
      inSecond: this.#inSecond,
      checked: this.#checked,
      matched: this.#matched,
      tokens: [...this.#tokens],
    };
  }

  restore(saved: unknown): void {
    const state = saved as {
      second: number;
      inSecond: number;
      checked: number;
      matched: number;
      tokens: [string, { checked: number; matched: number }][];
    };
    this.#second = state.second;
    this.#inSecond = state.inSecond;
    this.#checked = state.checked;
    this.#matched = state.matched;
    for (const [token, count] of state.tokens) this.#tokens.set(token, { ...count });
  }
}

/** Other texts that may be the last trade price. */
function candidates(state: MarketState, prices: readonly string[], tried: string): string[] {
  const texts = new Set<string>();
  for (const price of [tried, state.printedPrice, ...prices.slice(0, CANDIDATES)]) {
    if (price !== null) texts.add(price).add(threeDecimals(price));
  }
  texts.delete(tried);
  return [...texts];
}

/** At least three decimals, as `last_trade_price` has in every captured book (`0.410` at a tick of 0.01). */
function threeDecimals(price: string): string {
  const point = price.indexOf(".");
  return point < 0 ? `${price}.000` : price.padEnd(point + 4, "0");
}
