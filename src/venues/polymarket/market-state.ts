import type { MarketStatus } from "../../model/market-status.ts";

/** What the interpreter must remember of one market between records. Texts are the venue's own. */
export interface MarketState {
  tokens: readonly string[];
  minOrderSize: string | null;
  tickSize: string | null;
  negRisk: boolean | null;
  /**
   * As in the last book whose hash it fitted, or as first told; `""` before any trade. Both tokens of a market carry
   * the same one (REST books of 2026-05-17).
   */
  lastTradePrice: string | null;
  /** Price of the last print, which comes later than the books that count it. */
  printedPrice: string | null;
  status: MarketStatus | null;
}

/** Markets beyond this number are forgotten, the least recently named first. */
const LIMIT = 50_000;

/** The markets that were named so far, and which market a token belongs to. */
export class MarketStates {
  readonly #markets = new Map<string, MarketState>();
  readonly #marketOf = new Map<string, string>();

  find(market: string): MarketState | undefined {
    return this.#markets.get(market);
  }

  marketOf(token: string): string | undefined {
    return this.#marketOf.get(token);
  }

  get(market: string): MarketState {
    let state = this.#markets.get(market);
    if (state === undefined) {
      state = {
        tokens: [],
        minOrderSize: null,
        tickSize: null,
        negRisk: null,
        lastTradePrice: null,
        printedPrice: null,
        status: null,
      };
      this.#markets.set(market, state);
      this.#bound();
    }
    return state;
  }

  /** The venue has said how it ended: nothing more happens to its books. */
  isOver(market: string): boolean {
    const status = this.#markets.get(market)?.status;
    return status === "settled" || status === "voided";
  }

  /** These tokens belong to that market. */
  name(market: string, tokens: readonly string[]): MarketState {
    const state = this.get(market);
    for (const token of tokens) {
      if (state.tokens.includes(token)) continue;
      state.tokens = [...state.tokens, token];
      this.#marketOf.set(token, market);
    }
    this.#markets.delete(market);
    this.#markets.set(market, state);
    return state;
  }

  save(): unknown {
    return [...this.#markets];
  }

  restore(saved: unknown): void {
    for (const [market, state] of saved as [string, MarketState][]) {
      this.#markets.set(market, { ...state });
      for (const token of state.tokens) this.#marketOf.set(token, market);
    }
  }

  #bound(): void {
    if (this.#markets.size <= LIMIT) return;
    for (const [market, state] of this.#markets) {
      this.#markets.delete(market);
      for (const token of state.tokens) this.#marketOf.delete(token);
      return;
    }
  }
}
