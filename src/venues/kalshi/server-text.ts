import { type Millionths, ONE } from "../../model/decimal.ts";
import type { Micros } from "../../model/time.ts";
import type { Levels, PriceRange } from "../server.ts";

function fixed(value: number, decimals: number): string {
  const unit = 10 ** (6 - decimals);
  const scaled = Math.round(Math.abs(value) / unit);
  const digits = String(scaled).padStart(decimals + 1, "0");
  return `${value < 0 ? "-" : ""}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** A price as Kalshi prints it: dollars with four decimals, `0.4700`. */
export function dollars(price: Millionths): string {
  return fixed(price, 4);
}

/** A count as Kalshi prints it: two decimals, `300.00`. */
export function count(size: Millionths): string {
  return fixed(size, 2);
}

/** A time as Kalshi prints it: RFC 3339, zeros at the end of the fraction cut. */
export function timeText(at: Micros): string {
  const seconds = Math.floor(at / 1_000_000);
  const fraction = String(at - seconds * 1_000_000)
    .padStart(6, "0")
    .replace(/0+$/, "");
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}Z`;
}

/** A time of the calendar: whole seconds. */
export function secondText(at: Micros): string {
  return timeText(Math.floor(at / 1_000_000) * 1_000_000);
}

export const seconds = (at: Micros): number => Math.floor(at / 1_000_000);
export const milliseconds = (at: Micros): number => Math.floor(at / 1_000);

type Level = [price: string, count: string];

/** Bids for YES, ascending. */
export function yesLevels(bids: Levels): Level[] {
  return bids.prices.map((price, i) => [dollars(price), count(bids.sizes[i] ?? 0)]);
}

/** Bids for NO, ascending in NO terms: an ask at P is a NO bid at 1 − P. With `yesPrice` the venue prints P itself. */
export function noLevels(asks: Levels, yesPrice: boolean): Level[] {
  return asks.prices
    .map((price, i): Level => [dollars(yesPrice ? price : ONE - price), count(asks.sizes[i] ?? 0)])
    .reverse();
}

export function priceRanges(ticks: readonly PriceRange[]): { start: string; end: string; step: string }[] {
  return ticks.map(({ start, end, step }) => ({ end: dollars(end), start: dollars(start), step: dollars(step) }));
}
