import type { Seed } from "./seed.ts";
import { seed1 } from "./seed1.ts";
import { seed2 } from "./seed2.ts";
import { seed3 } from "./seed3.ts";
import { seed4 } from "./seed4.ts";
import { seed5 } from "./seed5.ts";

/** The systems that Foretape replaces, each a schema of views over its tables. */
export const seeds: readonly Seed[] = [seed1, seed2, seed3, seed4, seed5];

export const seedNames: readonly string[] = seeds.map(({ schema }) => schema);
