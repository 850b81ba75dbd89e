import { z } from "zod";
import { duration } from "../config/units.ts";

/** A name that can be part of a file's name on any system. */
export const identifier = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, "use 1 to 63 letters, digits, - and _, the first a letter or digit");

/** `off`, `fallback` or an interval. */
const restPoll = z
  .union([
    z.enum(["off", "fallback"]),
    duration.refine((micros) => micros >= 1_000_000, "at least 1s, or off, or fallback"),
  ])
  .describe(
    "when markets are looked at over REST: off, fallback (only while their stream is down or stale), or always at an interval, for example 5s",
  );

/** What every listener has, whichever its venue; the venue adds `venue` and `filters`. */
export const listenerShape = {
  name: identifier.describe("shown in logs and in the table `subscriptions`; each name once"),
  max_markets: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(30_000)
    .describe("at most this many markets, the busiest first; what was left out is recorded"),
  discovery_every: duration.default(300_000_000).describe("how often the venue is asked for new markets"),
  channels: z
    .array(z.enum(["book", "trades", "ticker", "lifecycle", "index"]))
    .min(1)
    .default(["book", "trades", "ticker", "lifecycle"])
    .describe("what is subscribed"),
  rest_poll: restPoll.default("fallback"),
  outcomes: z
    .enum(["both", "first"])
    .default("both")
    .describe(
      "Polymarket's two outcomes of a market are subscribed one by one and mirror each other: first spares the other's books",
    ),
  paused: z.boolean().default(false).describe("true: kept in the configuration, not recorded"),
} as const;
