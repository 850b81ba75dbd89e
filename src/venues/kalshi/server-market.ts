import type { TradedMarket } from "../server.ts";

export interface KalshiSeries {
  readonly ticker: string;
  readonly title: string;
  readonly category: string;
  readonly frequency: string;
  readonly tags: readonly string[];
  readonly settlementSource: { readonly name: string; readonly url: string };
  readonly feeType: "quadratic" | "quadratic_with_maker_fees";
  readonly feeMultiplier: number;
  readonly exchangeIndex: number;
}

export interface KalshiEvent {
  readonly ticker: string;
  readonly series: KalshiSeries;
  readonly title: string;
  readonly subTitle: string;
  readonly mutuallyExclusive: boolean;
  /** Unix microseconds; where null the event has a `strike_period`, which may be empty. */
  readonly strikeAt: number | null;
  readonly productMetadata: Readonly<Record<string, string>>;
}

export interface KalshiStrike {
  readonly type: "greater" | "greater_or_equal" | "less" | "between" | "structured";
  readonly floor?: number;
  readonly cap?: number;
  readonly custom?: Readonly<Record<string, string>>;
}

export interface KalshiMarket extends TradedMarket {
  /** UUID; only the WebSocket names it. */
  readonly marketId: string;
  readonly event: KalshiEvent;
  readonly title: string;
  yesSubTitle: string;
  readonly noSubTitle: string;
  readonly rules: string;
  /** Null until known, as 15-minute markets get theirs when they open. */
  strike: KalshiStrike | null;
  /** Name of the price grid, `linear_cent`, `deci_cent`, `tapered_deci_cent`. */
  structure: string;
  /** What the underlying was at settlement, decimal text; empty until known. */
  expirationValue: string;
}
