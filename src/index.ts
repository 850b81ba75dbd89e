/**
 * Foretape as a library: reading a recorded tape.
 *
 * ```ts
 * import { openTape } from "foretape";
 * await using tape = await openTape("./tape");
 * const book = await tape.bookAt({ venue: "kalshi", market: "KXBTCD-26NOV2117-T95000", at: "2026-11-21T16:59:00Z" });
 * for await (const event of tape.events({ venue: "kalshi", market: "KXBTCD-26NOV2117-T95000" })) {
 *   if (event.type === "trade") console.log(event.price, event.size);
 * }
 * ```
 *
 * @module
 */
export { openTape, Tape } from "./tape/tape.ts";
export type { BookRequest, CoverageRequest, Instant, TapeBook, TopOfBookChange } from "./tape/tape.ts";
export type { CoverageRow, CoverageState, Uncovered } from "./tape/coverage.ts";
export type { TapeEvent } from "./tape/journal-events.ts";
export type { TapeQuery } from "./tape/query.ts";
export { formatMillionths, formatSpot, parseMillionths, parseSpot } from "./model/decimal.ts";
export type { Millionths, Spot } from "./model/decimal.ts";
export { formatTime, parseTime } from "./model/time.ts";
export type { Micros } from "./model/time.ts";
export type * from "./model/events.ts";
export type { Instrument } from "./model/instrument.ts";
export type { MarketStatus } from "./model/market-status.ts";
export type { BookState } from "./books/book-row.ts";
export { ForetapeError, StorageError, UsageError } from "./ops/errors.ts";
