import type { TradedMarket } from "../server.ts";

export interface PolymarketSeries {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly recurrence: string;
}

export interface PolymarketTag {
  readonly id: string;
  readonly label: string;
  readonly slug: string;
}

export interface PolymarketEvent {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly description: string;
  readonly series: PolymarketSeries | null;
  readonly tags: readonly PolymarketTag[];
  /** Set where the outcomes of several markets exclude each other. */
  readonly negRiskMarketId: string | null;
  readonly createdAt: number;
}

export interface PolymarketMarket extends TradedMarket {
  readonly gammaId: string;
  readonly questionId: string;
  readonly question: string;
  readonly slug: string;
  readonly event: PolymarketEvent;
  readonly groupItemTitle: string;
  /** Token ids, decimal text, in the order of `outcomes`. */
  readonly tokens: readonly [string, string];
  readonly outcomes: readonly [string, string];
  readonly sportsMarketType: string;
  readonly fee: { readonly type: string; readonly rate: number; readonly rebate: number };
}
