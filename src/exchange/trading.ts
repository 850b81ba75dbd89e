import { type Millionths, ONE } from "../model/decimal.ts";
import type { Micros } from "../model/time.ts";
import type { LevelChange } from "../venues/server.ts";
import type { Actor } from "./actor.ts";
import { type BookSide, floorTick, priceAbove, priceBelow } from "./book.ts";
import type { Random } from "./random.ts";

/** Takes what traders do to one market, each call with the book in the state after it. */
export interface Floor {
  changed(changes: readonly LevelChange[], entered: 0 | 1): void;
  traded(price: Millionths, size: Millionths, taker: 0 | 1, outcome: 0 | 1): void;
}

type Side = LevelChange["side"];

const DEPTH = 24;
const LEAST_LEVELS = 6;

/** Sets a level and says what changed. */
export function put(actor: Actor, side: Side, price: Millionths, size: Millionths): LevelChange {
  const levels = side === "bid" ? actor.bids : actor.asks;
  const change = size - levels.size(price);
  levels.set(price, size);
  return { side, price, size, change };
}

/** A size as people type it: mostly whole, often round, at times with cents; grows with the distance from the top. */
function orderSize(random: Random, distance: number): Millionths {
  const base = Math.ceil(random.exponential() * 60 * (1 + distance * 0.6)) + 5;
  if (random.chance(0.3)) return Math.ceil(base / 50) * 50 * ONE;
  if (random.chance(0.3)) return base * ONE + random.int(1, 99) * 10_000;
  return base * ONE;
}

/** The best prices that makers want to show: never crossed, none where the grid has no room. */
function wantedTop(actor: Actor, at: Micros, random: Random): { bid: Millionths; ask: Millionths } {
  const { ticks } = actor.market;
  const fair = Math.round(actor.fair(at) * ONE);
  const bid = floorTick(ticks, Math.min(Math.max(fair - random.int(0, 5_000), 0), ONE - 1));
  const lowest = priceAbove(ticks, bid);
  const ask = random.chance(0.6) ? lowest : priceAbove(ticks, lowest);
  return { bid, ask };
}

/** Fills an empty book around the fair value, away from the top first so that it is never thin on the way. */
export function fillBook(actor: Actor, at: Micros, random: Random, floor: Floor | null): void {
  const { ticks } = actor.market;
  const top = wantedTop(actor, at, random);
  const steps: { side: Side; price: Millionths; distance: number }[] = [];
  for (let price = top.bid, i = 0; price > 0 && i < DEPTH; price = priceBelow(ticks, price), i++) {
    if (i < 3 || random.chance(0.8)) steps.push({ side: "bid", price, distance: i });
  }
  for (let price = top.ask, i = 0; price < ONE && i < DEPTH; price = priceAbove(ticks, price), i++) {
    if (i < 3 || random.chance(0.8)) steps.push({ side: "ask", price, distance: i });
  }
  steps.sort((a, b) => b.distance - a.distance);
  for (const { side, price, distance } of steps) {
    const change = put(actor, side, price, orderSize(random, distance));
    floor?.changed([change], random.chance(0.5) ? 0 : 1);
  }
}

/** One burst of activity in a market. */
export function act(actor: Actor, at: Micros, random: Random, floor: Floor): void {
  const u = random.next();
  if (u < 0.07 && take(actor, random, floor)) return;
  if (u < 0.5 && requote(actor, at, random, floor)) return;
  resize(actor, random, floor);
}

/** A taker walks up to three levels of the other side. */
function take(actor: Actor, random: Random, floor: Floor): boolean {
  const taker: 0 | 1 = random.chance(0.5) ? 0 : 1;
  const outcome: 0 | 1 = random.chance(0.5) ? 0 : 1;
  const side: Side = taker === 0 ? "ask" : "bid";
  const levels = side === "ask" ? actor.asks : actor.bids;
  let left = orderSize(random, 0);
  // A dollar amount instead of a round size leaves six decimals, as market orders do on Polymarket.
  if (actor.venue === "polymarket" && random.chance(0.3)) left += random.int(1, 999_999);
  let filled = false;
  for (let i = 0; i < 3 && left > 0 && levels.prices.length > 1; i++) {
    const best = side === "ask" ? 0 : levels.prices.length - 1;
    const price = levels.prices[best] ?? 0;
    const resting = levels.sizes[best] ?? 0;
    const size = Math.min(left, resting);
    left -= size;
    // The last price is part of the book that is hashed after the match, so it is set before the levels change.
    actor.market.last = { price, size, outcome };
    floor.changed([put(actor, side, price, resting - size)], outcome);
    floor.traded(price, size, taker, outcome);
    filled = true;
  }
  return filled;
}

/** Makers move the top to where the fair value went: cancels and new orders in one burst. */
function requote(actor: Actor, at: Micros, random: Random, floor: Floor): boolean {
  const top = wantedTop(actor, at, random);
  const entered: 0 | 1 = random.chance(0.5) ? 0 : 1;
  const cancels = [
    ...stale(actor.bids, (price) => price > top.bid).map((price) => ["bid", price] as const),
    ...stale(actor.asks, (price) => price < top.ask).map((price) => ["ask", price] as const),
  ];
  const orders = (
    [
      ["bid", top.bid],
      ["ask", top.ask],
    ] as const
  ).filter(([side, price]) => price > 0 && price < ONE && (side === "bid" ? actor.bids : actor.asks).size(price) === 0);
  if (cancels.length + orders.length === 0) return false;
  const cancel = () =>
    cancels.map(
      ([side, price]) =>
        () =>
          put(actor, side, price, 0),
    );
  const order = () =>
    orders.map(
      ([side, price]) =>
        () =>
          put(actor, side, price, orderSize(random, 0)),
    );
  // New orders before the cancels: the book is locked or crossed until the burst is over, as on the venues.
  const steps = random.chance(0.04) ? [...order(), ...cancel()] : [...cancel(), ...order()];
  if (random.chance(0.15))
    floor.changed(
      steps.map((step) => step()),
      entered,
    );
  else for (const step of steps) floor.changed([step()], entered);
  return true;
}

function stale(levels: BookSide, gone: (price: Millionths) => boolean): Millionths[] {
  return levels.prices.filter(gone);
}

/** Somebody adds to a level, takes an order back, or fills a hole behind the top. */
function resize(actor: Actor, random: Random, floor: Floor): void {
  const side: Side = random.chance(0.5) ? "bid" : "ask";
  const levels = side === "bid" ? actor.bids : actor.asks;
  const count = levels.prices.length;
  if (count === 0) return;
  const entered: 0 | 1 = random.chance(0.5) ? 0 : 1;
  const depth = Math.min(count - 1, Math.floor(random.exponential() * 4));
  const index = side === "bid" ? count - 1 - depth : depth;
  const price = levels.prices[index] ?? 0;
  const size = levels.sizes[index] ?? 0;
  const { ticks } = actor.market;
  const behind = side === "bid" ? priceBelow(ticks, price) : priceAbove(ticks, price);
  const hole = behind > 0 && behind < ONE && levels.size(behind) === 0;
  if (hole && (count < LEAST_LEVELS || random.chance(count < DEPTH ? 0.4 : 0.1))) {
    floor.changed([put(actor, side, behind, orderSize(random, depth + 1))], entered);
    return;
  }
  if (random.chance(0.5)) {
    floor.changed([put(actor, side, price, size + orderSize(random, depth))], entered);
    return;
  }
  const whole = random.chance(count > LEAST_LEVELS ? 0.35 : 0);
  const rest = whole ? 0 : Math.floor(size / ONE / 2) * ONE;
  if (rest === 0 && count <= LEAST_LEVELS) return;
  floor.changed([put(actor, side, price, rest)], entered);
}

/** Takes every order out of the book, level by level from the top, as at a market's close. */
export function strip(actor: Actor, floor: Floor, keep: number): void {
  for (const side of ["bid", "ask"] as const) {
    const levels = side === "bid" ? actor.bids : actor.asks;
    while (levels.prices.length > keep) {
      const price = levels.prices[side === "bid" ? levels.prices.length - 1 : 0] ?? 0;
      floor.changed([put(actor, side, price, 0)], 0);
    }
  }
}
