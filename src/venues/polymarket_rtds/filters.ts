import { z } from "zod";
import { TOPICS } from "./config.ts";

/** A listener's `filters` on this venue. */
export const rtdsFilters = z.strictObject({
  topics: z.array(z.enum(TOPICS)).default([]).describe("topics; none: venues.polymarket_rtds.topics"),
});
