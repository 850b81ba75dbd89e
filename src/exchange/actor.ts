import type { Micros } from "../model/time.ts";
import type { KalshiMarket } from "../venues/kalshi/server-market.ts";
import type { PolymarketMarket } from "../venues/polymarket/server-market.ts";
import type { Happening } from "../venues/server.ts";
import type { BookSide } from "./book.ts";

/** A market with what only the world knows of it: its fair value and the sides of the book that it may write. */
export type Actor = {
  readonly bids: BookSide;
  readonly asks: BookSide;
  /** Probability of the first outcome now, 0…1. */
  readonly fair: (at: Micros) => number;
  /** Which outcome has won, asked at the close. */
  readonly decide: () => 0 | 1;
  /** What the settlement value text is, asked at determination. */
  readonly valueText: () => string;
  /** Runs when the market opens, for facts that are only known then. */
  readonly onOpen: (() => void) | null;
  /** How busy, relative to others. */
  readonly weight: number;
  /** Its window is followed by another one like it. */
  readonly recurring: boolean;
} & (
  | { readonly venue: "kalshi"; readonly market: KalshiMarket }
  | { readonly venue: "polymarket"; readonly market: PolymarketMarket }
);

/** Takes what happens in the world, in order, while each market is in the state after it. */
export interface Audience {
  kalshi(happening: Happening<KalshiMarket>): void;
  polymarket(happening: Happening<PolymarketMarket>): void;
}
