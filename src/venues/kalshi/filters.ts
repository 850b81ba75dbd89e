import { z } from "zod";

const list = z.array(z.string()).default([]);

/** A Kalshi listener's `filters`: any of these, combined with AND; lists are OR. */
export const kalshiFilters = z.strictObject({
  series_tickers: list.describe("series, for example KXHIGHNY; * stands for any text, for example KXNFL*"),
  event_tickers: list.describe("events, for example KXHIGHCHI-26NOV21"),
  market_tickers: list.describe("single markets"),
  categories: list.describe("the series' category, for example Climate and Weather"),
  strike_periods: list.describe(
    "how long the markets run: fifteen_min, hour, day, week, month, year (also hourly, daily …)",
  ),
  status: z
    .enum(["unopened", "open", "paused", "closed", "settled"])
    .default("open")
    .describe("in Kalshi's filter words"),
  min_volume: z.number().min(0).default(0).describe("contracts traded so far"),
  min_open_interest: z.number().min(0).default(0).describe("contracts open"),
  index_ids: list
    .default(["BRTI"])
    .describe("CF Benchmarks' indices of the channel index, for example BRTI, on which Bitcoin markets settle"),
  title_contains: z.string().default("").describe("text in the title of the market or its event, in any case"),
});

export type KalshiFilters = z.infer<typeof kalshiFilters>;
