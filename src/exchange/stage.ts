import type { Micros } from "../model/time.ts";
import type { Random } from "./random.ts";
import { Underlying } from "./underlying.ts";

/** What the markets of a session hang on. */
export interface Stage {
  readonly random: Random;
  readonly startAt: Micros;
  readonly bitcoin: Underlying;
  readonly temperature: Underlying;
  readonly game: Underlying;
  readonly rates: readonly Underlying[];
  /** All of the above. */
  readonly underlyings: readonly Underlying[];
}

/** Livelier than life, so that a short session shows something. */
export function setStage(random: Random, startAt: Micros): Stage {
  const bitcoin = new Underlying(random, startAt, {
    value: 92_000 + random.int(0, 6_000),
    sigma: 2e-4,
    geometric: true,
  });
  const temperature = new Underlying(random, startAt, { value: random.int(42, 52), sigma: 0.02, geometric: false });
  const game = new Underlying(random, startAt, { value: 0.3, sigma: 0.01, geometric: false });
  const rates = [-1, 1, -1.5].map((value) => new Underlying(random, startAt, { value, sigma: 0.01, geometric: false }));
  return { random, startAt, bitcoin, temperature, game, rates, underlyings: [bitcoin, temperature, game, ...rates] };
}
