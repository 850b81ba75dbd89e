import { HashedLevels } from "./hashed-levels.ts";
import { decimalText, isObject, priceOf, sizeOf } from "./wire.ts";
import type { Unreadable } from "./wire.ts";
import type { Levels, Side } from "../../model/events.ts";
import type { Millionths } from "../../model/decimal.ts";

/** Both sides of a book that the venue sent, and its text for the hash. */
export interface ReadBook {
  readonly bids: Levels;
  readonly asks: Levels;
  readonly hashed: HashedLevels;
}

/** Reads the two lists of levels of a `book`, in whatever order they are. One bad level makes the book unreadable. */
export function readBook(bids: unknown, asks: unknown): ReadBook | Unreadable {
  const hashed = new HashedLevels();
  const bidLevels = readSide(bids, "bid", hashed);
  if ("reason" in bidLevels) return bidLevels;
  const askLevels = readSide(asks, "ask", hashed);
  if ("reason" in askLevels) return askLevels;
  return { bids: bidLevels, asks: askLevels, hashed };
}

function readSide(list: unknown, side: Side, hashed: HashedLevels): Levels | Unreadable {
  if (!Array.isArray(list)) return { reason: "missing_field", detail: `a book without its list of ${side}s` };
  const levels: [price: Millionths, size: Millionths][] = [];
  for (const level of list as readonly unknown[]) {
    if (!isObject(level)) return { reason: "missing_field", detail: `a ${side} level that is no object` };
    const price = priceOf(level["price"]);
    const size = sizeOf(level["size"]);
    if (Number.isNaN(price) || Number.isNaN(size)) {
      return {
        reason: "bad_number",
        detail: `a ${side} level of price ${shown(level["price"])}, size ${shown(level["size"])}`,
      };
    }
    if (size === 0) continue;
    levels.push([price, size]);
    hashed.set(side, price, decimalText(level["price"]) ?? "", decimalText(level["size"]) ?? "", false);
  }
  // Worst first on the wire (captures of 2026); the documentation shows the contrary in places.
  levels.reverse();
  if (!isSorted(levels, side)) levels.sort(side === "bid" ? ([a], [b]) => b - a : ([a], [b]) => a - b);
  for (let i = 1; i < levels.length; i++) {
    if (levels[i]?.[0] === levels[i - 1]?.[0]) {
      return { reason: "duplicate_level", detail: `two ${side} levels of the same price` };
    }
  }
  return { prices: levels.map(([price]) => price), sizes: levels.map(([, size]) => size) };
}

function isSorted(levels: readonly (readonly [Millionths, Millionths])[], side: Side): boolean {
  for (let i = 1; i < levels.length; i++) {
    const step = (levels[i]?.[0] ?? 0) - (levels[i - 1]?.[0] ?? 0);
    if (side === "bid" ? step > 0 : step < 0) return false;
  }
  return true;
}

/** A venue's value in words for `quarantine`, cut to a readable length. */
export function shown(value: unknown): string {
  return value === undefined ? "nothing" : (JSON.stringify(value) ?? typeof value).slice(0, 120);
}
