import { coinbase } from "./coinbase/index.ts";
import { kalshi } from "./kalshi/index.ts";
import { polymarket } from "./polymarket/index.ts";
import { polymarketRtds } from "./polymarket_rtds/index.ts";
import type { Venue } from "./venue.ts";

/** All venues; the only list of them. */
export const venues = [kalshi, polymarket, coinbase, polymarketRtds] as const satisfies readonly Venue[];
