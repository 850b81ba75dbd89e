import type { Millionths } from "../model/decimal.ts";
import { ONE } from "../model/decimal.ts";
import type { Levels, PriceRange } from "../venues/server.ts";

/** One side of the exchange's own book. */
export class BookSide implements Levels {
  readonly prices: Millionths[] = [];
  readonly sizes: Millionths[] = [];

  /** Index of the first level at or above a price. */
  at(price: Millionths): number {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.prices[middle] ?? 0) < price) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  size(price: Millionths): Millionths {
    const i = this.at(price);
    return this.prices[i] === price ? (this.sizes[i] ?? 0) : 0;
  }

  set(price: Millionths, size: Millionths): void {
    const i = this.at(price);
    if (this.prices[i] === price) {
      if (size === 0) {
        this.prices.splice(i, 1);
        this.sizes.splice(i, 1);
      } else this.sizes[i] = size;
    } else if (size !== 0) {
      this.prices.splice(i, 0, price);
      this.sizes.splice(i, 0, size);
    }
  }

  clear(): void {
    this.prices.length = 0;
    this.sizes.length = 0;
  }
}

function rangeAt(ticks: readonly PriceRange[], price: Millionths): PriceRange {
  return ticks.find((range) => price < range.end) ?? (ticks[ticks.length - 1] as PriceRange);
}

/** The highest valid price at or below a price; 0 where there is none. */
export function floorTick(ticks: readonly PriceRange[], price: Millionths): Millionths {
  if (price <= 0) return 0;
  if (price >= ONE) return priceBelow(ticks, ONE);
  const range = rangeAt(ticks, price);
  return range.start + Math.floor((price - range.start) / range.step) * range.step;
}

/** The next valid price below a valid price; 0 where there is none. */
export function priceBelow(ticks: readonly PriceRange[], price: Millionths): Millionths {
  if (price <= 0) return 0;
  return price - rangeAt(ticks, price - 1).step;
}

/** The next valid price above a valid price; 1 dollar where there is none. */
export function priceAbove(ticks: readonly PriceRange[], price: Millionths): Millionths {
  if (price >= ONE) return ONE;
  return price + rangeAt(ticks, price).step;
}
