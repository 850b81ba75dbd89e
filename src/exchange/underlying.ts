import type { Micros } from "../model/time.ts";
import type { Random } from "./random.ts";

/** A seeded random walk that several markets' fair values hang on. */
export class Underlying {
  value: number;
  readonly geometric: boolean;
  /** Standard deviation over one second: relative where the walk is geometric. */
  readonly sigma: number;
  #at: Micros;
  readonly #random: Random;

  constructor(random: Random, start: Micros, options: { value: number; sigma: number; geometric: boolean }) {
    this.#random = random;
    this.#at = start;
    this.value = options.value;
    this.sigma = options.sigma;
    this.geometric = options.geometric;
  }

  /** Walks on to a time. */
  advance(at: Micros): void {
    if (at <= this.#at) return;
    const step = this.sigma * Math.sqrt((at - this.#at) / 1_000_000) * this.#random.normal();
    this.value = this.geometric ? this.value * Math.exp(step) : this.value + step;
    this.#at = at;
  }
}

/** The normal distribution function (Abramowitz and Stegun 26.2.17, error below 10⁻⁷). */
export function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail =
    ((Math.exp((-x * x) / 2) * t) / Math.sqrt(2 * Math.PI)) *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x >= 0 ? 1 - tail : tail;
}

/** The probability that a geometric walk ends above a strike. */
export function chanceAbove(underlying: Underlying, strike: number, secondsLeft: number): number {
  const deviation = underlying.sigma * Math.sqrt(Math.max(secondsLeft, 0.5));
  return normalCdf(Math.log(underlying.value / strike) / deviation);
}
