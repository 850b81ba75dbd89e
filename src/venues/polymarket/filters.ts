import { z } from "zod";

const list = z.array(z.string()).default([]);

/** A Polymarket listener's `filters`: any of these, combined with AND; lists are OR. None at all: every open market. */
export const polymarketFilters = z.strictObject({
  series_ids: list.describe("Gamma series ids, for example 10345 (NBA)"),
  tag_ids: list.describe("Gamma tag ids"),
  tag_slugs: list.describe("Gamma tags by their slug, for example elections"),
  sports: list.describe("sports as Gamma's /sports names them, for example nba: their series of this season"),
  slug_patterns: list.describe("parts of market or event slugs, for example btc-updown-5m; * stands for any text"),
  condition_ids: list.describe("single markets"),
  min_liquidity: z.number().min(0).default(0).describe("dollars in the book"),
  min_volume: z.number().min(0).default(0).describe("dollars traded so far"),
});

export type PolymarketFilters = z.infer<typeof polymarketFilters>;
