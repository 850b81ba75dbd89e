import { z } from "zod";

/** A Coinbase listener's `filters`. */
export const coinbaseFilters = z.strictObject({
  products: z
    .array(z.string().min(1))
    .default([])
    .describe("products, for example BTC-USD; none: venues.coinbase.products"),
});
