import { coinbase } from "./coinbase/index.ts";
import { kalshi } from "./kalshi/index.ts";
import { polymarket } from "./polymarket/index.ts";
import type { Venue } from "./venue.ts";

/** All venues; the only list of them. */
export const venues = [kalshi, polymarket, coinbase] as const satisfies readonly Venue[];
