import type { Micros } from "../model/time.ts";
import type { KalshiMarket } from "../venues/kalshi/server-market.ts";
import type { PolymarketMarket } from "../venues/polymarket/server-market.ts";
import type { Exhibit } from "../venues/server.ts";

/** What the exchange shows: a generated world or a recorded capture. */
export interface Play {
  /** Virtual time, microseconds. */
  readonly now: Micros;
  readonly kalshi: Exhibit<KalshiMarket>;
  readonly polymarket: Exhibit<PolymarketMarket>;
  advance(until: Micros): void;
}
