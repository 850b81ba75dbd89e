import type { MarketStatus } from "../../model/market-status.ts";

/**
 * Kalshi's words for the life of a market (docs.kalshi.com, market lifecycle) in the one vocabulary. An amended
 * determination is a determination; what it was stays in `venue_status`.
 */
const STATUSES: Readonly<Record<string, MarketStatus>> = {
  initialized: "unopened",
  active: "open",
  inactive: "paused",
  closed: "closed",
  determined: "determined",
  disputed: "disputed",
  amended: "determined",
  finalized: "settled",
  // Words of the older API, kept for imports and of the `status` filter.
  unopened: "unopened",
  open: "open",
  paused: "paused",
  settled: "settled",
};

/** Steps that `market_lifecycle_v2` announces. The venue announces neither the opening nor the close by the clock. */
const STEPS: Readonly<Record<string, MarketStatus>> = {
  created: "unopened",
  activated: "open",
  deactivated: "paused",
  determined: "determined",
  settled: "settled",
};

/** No order can rest in such a market any more, so its book waits for nothing. */
const OVER: ReadonlySet<MarketStatus | null> = new Set(["closed", "determined", "disputed", "settled", "voided"]);

/**
 * Status of a market object. A market that finalised with the result `void` is `voided`; one with the result `scalar`
 * is settled like any other, at its `settlement_value`. Null for a word that is not known.
 */
export function marketStatus(word: string | null, result: string | null): MarketStatus | null {
  const status = word === null ? null : (own(STATUSES, word) ?? null);
  return status === "settled" && result === "void" ? "voided" : status;
}

/** Status that a lifecycle message leads to; null where it changes something else. */
export function lifecycleStatus(kind: string, result: string | null): MarketStatus | null {
  const status = own(STEPS, kind) ?? null;
  return status === "settled" && result === "void" ? "voided" : status;
}

/** How far a market has come, for telling an old answer from news. */
const PROGRESS: Readonly<Record<MarketStatus, number>> = {
  unopened: 0,
  open: 1,
  paused: 1,
  closed: 2,
  determined: 3,
  disputed: 4,
  settled: 5,
  voided: 5,
};

/** Whether the market has come further than it was. */
export function isFurther(status: MarketStatus, than: MarketStatus): boolean {
  return PROGRESS[status] > PROGRESS[than];
}

/** True where the market takes no orders any more. */
export function isOver(status: MarketStatus | null): boolean {
  return OVER.has(status);
}

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
