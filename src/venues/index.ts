import { kalshi } from "./kalshi/index.ts";
import { polymarket } from "./polymarket/index.ts";
import type { Venue } from "./venue.ts";

/** All venues; the only list of them. */
export const venues: readonly Venue[] = [kalshi, polymarket];
