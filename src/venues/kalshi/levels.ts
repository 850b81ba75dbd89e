import { ONE } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";
import type { Levels, Side } from "../../model/events.ts";
import type { Defect } from "./defect.ts";
import { cents, describe, millionths, type JsonObject } from "./fields.ts";

/** Both sides of a book in YES terms. */
export interface Ladder {
  readonly bids: Levels;
  readonly asks: Levels;
}

/**
 * Reads the two sides of a book, of a WebSocket snapshot or of a REST answer: arrays of [price, count], worst first
 * as seen on the wire, but the order is not relied on. A side without offers is absent, null or empty. NO bids at P
 * are YES asks at 1 − P; with `useYesPrice` the venue has turned them already.
 */
export function readLadder(message: JsonObject, useYesPrice: boolean): Ladder | Defect {
  const bids = readSide(message, "yes", "bid", false);
  if ("reason" in bids) return bids;
  const asks = readSide(message, "no", "ask", !useYesPrice);
  return "reason" in asks ? asks : { bids, asks };
}

function readSide(message: JsonObject, name: "yes" | "no", side: Side, mirrored: boolean): Levels | Defect {
  const keys = [`${name}_dollars_fp`, `${name}_dollars`, name];
  const key = keys.find((candidate) => message[candidate] !== undefined && message[candidate] !== null);
  if (key === undefined) return { prices: [], sizes: [] };
  const levels = message[key];
  if (!Array.isArray(levels)) return { reason: "bad_levels", detail: `${key} is ${describe(levels)}` };
  const read: { price: Millionths; size: Millionths }[] = [];
  for (const level of levels as unknown[]) {
    const pair = Array.isArray(level) && level.length >= 2 ? (level as unknown[]) : [];
    const price = key === name ? cents(pair[0]) : millionths(pair[0]);
    const size = millionths(pair[1]);
    if (price === null || size === null || price < 0 || price > ONE || size < 0) {
      return { reason: "bad_number", detail: `${key} has the level ${describe(level)}` };
    }
    if (size > 0) read.push({ price: mirrored ? ONE - price : price, size });
  }
  read.sort(side === "bid" ? (a, b) => b.price - a.price : (a, b) => a.price - b.price);
  for (let i = 1; i < read.length; i++) {
    if (read[i]?.price === read[i - 1]?.price) return { reason: "bad_levels", detail: `${key} has one price twice` };
  }
  return { prices: read.map((level) => level.price), sizes: read.map((level) => level.size) };
}
