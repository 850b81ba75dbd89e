import { POLYMARKET } from "./emitter.ts";
import type { EventFacts, MarketFacts, SeriesFacts } from "../../model/events.ts";

/** Facts of a market of which the venue said nothing but what is given. */
export function marketFacts(facts: Partial<MarketFacts> & Pick<MarketFacts, "market" | "raw">): MarketFacts {
  return {
    type: "market",
    venue: POLYMARKET,
    eventId: null,
    seriesId: null,
    slug: null,
    title: null,
    subtitle: null,
    status: null,
    venueStatus: null,
    openAt: null,
    closeAt: null,
    expectedExpirationAt: null,
    latestExpirationAt: null,
    settledAt: null,
    result: null,
    settlementValue: null,
    expirationValue: null,
    settlementSource: null,
    strikeType: null,
    floorStrike: null,
    capStrike: null,
    strikePeriod: null,
    tickSizes: null,
    fee: null,
    outcomes: null,
    volume: null,
    openInterest: null,
    liquidityUsd: null,
    rules: null,
    ...facts,
  };
}

const GROUP = {
  venue: POLYMARKET,
  seriesId: null,
  eventId: null,
  title: null,
  subtitle: null,
  category: null,
  strikeDate: null,
  strikePeriod: null,
  mutuallyExclusive: null,
  feeType: null,
  feeMultiplier: null,
  frequency: null,
} as const;

/** Facts of an event of which the venue said nothing but what is given. */
export function eventFacts(facts: Partial<EventFacts> & Pick<EventFacts, "eventId" | "raw">): EventFacts {
  return { type: "event", ...GROUP, ...facts };
}

/** Facts of a series of which the venue said nothing but what is given. */
export function seriesFacts(facts: Partial<SeriesFacts> & Pick<SeriesFacts, "seriesId" | "raw">): SeriesFacts {
  return { type: "series", ...GROUP, ...facts };
}

/** `outcomes` of a market: which token is which outcome. Null unless there is one label for each token. */
export function outcomesJson(tokens: readonly string[] | null, names: readonly string[] | null): string | null {
  if (tokens === null || names === null || tokens.length === 0 || tokens.length !== names.length) return null;
  return JSON.stringify(tokens.map((token, index) => ({ outcome_id: token, name: names[index] })));
}

/** `tick_sizes` of a market: Polymarket has one step over the whole range of prices. */
export function tickSizesJson(step: string | null): string | null {
  return step === null ? null : JSON.stringify([{ start: "0", end: "1", step }]);
}
