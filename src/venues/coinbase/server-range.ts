import { formatSpot, type Spot } from "../../model/decimal.ts";
import type { SpotMarket } from "../server.ts";

/** What a ticker says of a product's last day: of the trades that are kept, as a session is shorter than a day. */
export function rangeOf({ prints, bid }: SpotMarket): {
  readonly first: Spot;
  readonly last: Spot;
  readonly low: string;
  readonly high: string;
} {
  const prices = prints.length > 0 ? prints.map(({ price }) => price) : [bid];
  return {
    first: prices[0]!,
    last: prices.at(-1)!,
    low: formatSpot(Math.min(...prices)),
    high: formatSpot(Math.max(...prices)),
  };
}
