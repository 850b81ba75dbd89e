import type { Millionths } from "../model/decimal.ts";
import type { Levels, Side } from "../model/events.ts";

/**
 * The order book of one instrument: prices and sizes as exact integers in millionths. A level exists while its size is
 * positive.
 */
export class OrderBook {
  readonly #bids = new Ladder(1);
  readonly #asks = new Ladder(-1);

  /** Highest bid, null when nobody bids. */
  get bestBid(): Millionths | null {
    return this.#bids.best;
  }

  /** Lowest ask, null when nobody asks. */
  get bestAsk(): Millionths | null {
    return this.#asks.best;
  }

  /** Number of levels on both sides. */
  get depth(): number {
    return this.#bids.length + this.#asks.length;
  }

  /** True when the best bid is at or above the best ask: a book that cannot last on a working exchange. */
  get isCrossed(): boolean {
    const bid = this.#bids.best;
    const ask = this.#asks.best;
    return bid !== null && ask !== null && bid >= ask;
  }

  /** Sets a level's total; zero or less removes it. Returns the total before. */
  apply(side: Side, price: Millionths, size: Millionths): Millionths {
    return this.#ladder(side).set(price, size);
  }

  /** Changes a level's total and returns the new one. A negative result is only reported: the level stays as it was. */
  add(side: Side, price: Millionths, change: Millionths): Millionths {
    return this.#ladder(side).add(price, change);
  }

  /** Total at a price, 0 when there is no such level. */
  sizeAt(side: Side, price: Millionths): Millionths {
    return this.#ladder(side).sizeAt(price);
  }

  /** Forgets everything and takes over these levels. Those without a positive size are left out. */
  replace(bids: Levels, asks: Levels): void {
    this.#bids.replace(bids);
    this.#asks.replace(asks);
  }

  /** A copy of one side, best first. */
  levels(side: Side): Levels {
    return this.#ladder(side).levels();
  }

  /** True when both books have the same levels. */
  equals(other: OrderBook): boolean {
    return this.#bids.equals(other.#bids) && this.#asks.equals(other.#asks);
  }

  #ladder(side: Side): Ladder {
    return side === "bid" ? this.#bids : this.#asks;
  }
}

/**
 * One side as two parallel arrays, best level last: nearly all changes happen near the best price, so they move few
 * elements. Keys are prices times `sign`, so that a higher key is a better price on both sides.
 */
class Ladder {
  readonly #sign: 1 | -1;
  readonly #keys: number[] = [];
  readonly #sizes: Millionths[] = [];

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  get length(): number {
    return this.#keys.length;
  }

  get best(): Millionths | null {
    const key = this.#keys[this.#keys.length - 1];
    return key === undefined ? null : key * this.#sign;
  }

  sizeAt(price: Millionths): Millionths {
    const i = this.#find(price * this.#sign);
    return i < 0 ? 0 : this.#sizes[i]!;
  }

  set(price: Millionths, size: Millionths): Millionths {
    const key = price * this.#sign;
    const i = this.#find(key);
    const before = i < 0 ? 0 : this.#sizes[i]!;
    this.#put(i, key, size);
    return before;
  }

  add(price: Millionths, change: Millionths): Millionths {
    const key = price * this.#sign;
    const i = this.#find(key);
    const size = (i < 0 ? 0 : this.#sizes[i]!) + change;
    if (size >= 0) this.#put(i, key, size);
    return size;
  }

  replace(levels: Levels): void {
    this.#keys.length = 0;
    this.#sizes.length = 0;
    for (let i = levels.prices.length - 1; i >= 0; i--) {
      const key = levels.prices[i]! * this.#sign;
      const size = levels.sizes[i]!;
      const best = this.#keys[this.#keys.length - 1];
      if (best === undefined || key > best) {
        if (size > 0) this.#append(key, size);
      } else this.#put(this.#find(key), key, size);
    }
  }

  levels(): Levels {
    const prices: Millionths[] = [];
    const sizes: Millionths[] = [];
    for (let i = this.#keys.length - 1; i >= 0; i--) {
      prices.push(this.#keys[i]! * this.#sign);
      sizes.push(this.#sizes[i]!);
    }
    return { prices, sizes };
  }

  equals(other: Ladder): boolean {
    return (
      this.#keys.length === other.#keys.length &&
      this.#keys.every((key, i) => key === other.#keys[i] && this.#sizes[i] === other.#sizes[i])
    );
  }

  #append(key: number, size: Millionths): void {
    this.#keys.push(key);
    this.#sizes.push(size);
  }

  /**
   * Index of the key, or the complement (`~`) of where it belongs. Looked for from the best price in doubling steps:
   * that is where changes are, and a search by halves would touch memory all over the book.
   */
  #find(key: number): number {
    const keys = this.#keys;
    let high = keys.length - 1;
    let step = 1;
    while (high >= 0 && keys[high]! > key) {
      high -= step;
      step *= 2;
    }
    let low = Math.max(0, high);
    high = Math.min(keys.length - 1, high + step);
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = keys[middle]!;
      if (found === key) return middle;
      if (found < key) low = middle + 1;
      else high = middle - 1;
    }
    return ~low;
  }

  #put(i: number, key: number, size: Millionths): void {
    if (i >= 0) {
      if (size > 0) this.#sizes[i] = size;
      else {
        this.#keys.splice(i, 1);
        this.#sizes.splice(i, 1);
      }
    } else if (size > 0) {
      if (~i === this.#keys.length) this.#append(key, size);
      else {
        this.#keys.splice(~i, 0, key);
        this.#sizes.splice(~i, 0, size);
      }
    }
  }
}
