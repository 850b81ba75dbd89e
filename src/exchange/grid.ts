import { ONE } from "../model/decimal.ts";
import type { PriceRange } from "../venues/server.ts";

const CENT = ONE / 100;
const DECI = ONE / 1000;

/** Kalshi's price grids by name (docs.kalshi.com, "Price level structures"). */
export const KALSHI_GRIDS = {
  linear_cent: [{ start: 0, end: ONE, step: CENT }],
  deci_cent: [{ start: 0, end: ONE, step: DECI }],
  tapered_deci_cent: [
    { start: 0, end: 10 * CENT, step: DECI },
    { start: 10 * CENT, end: 90 * CENT, step: CENT },
    { start: 90 * CENT, end: ONE, step: DECI },
  ],
} as const satisfies Record<string, readonly PriceRange[]>;

/** A Polymarket tick size, which is one step everywhere. */
export function uniformGrid(step: number): readonly PriceRange[] {
  return [{ start: 0, end: ONE, step }];
}
