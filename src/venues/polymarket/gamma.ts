import { eventFacts, marketFacts, outcomesJson, seriesFacts, tickSizesJson } from "./facts.ts";
import { standingOf } from "./status.ts";
import { anyTime, bestOf, decimal, decimalText, isObject, priceOf, strings, text } from "./wire.ts";
import type { WireObject } from "./wire.ts";
import type { Instrument } from "../../model/instrument.ts";
import type { EventFacts, MarketFacts, Quote, SeriesFacts } from "../../model/events.ts";

/**
 * Facts of a Gamma market object. `event` is the one it was listed in, else its own `events[0]` counts. Numbers with
 * more than six decimals (sums that Gamma computed in floats) are null here and whole in `raw`. `raw` leaves out the
 * nested `events`: they have rows of their own. `volume` is null because Gamma states it in dollars, not in shares.
 */
export function gammaMarket(market: WireObject, conditionId: string, event: WireObject | null): MarketFacts {
  const { events, ...own } = market;
  const parent = event ?? first(events);
  const series = parent === null ? null : first(parent["series"]);
  const standing = standingOf(market);
  return marketFacts({
    market: conditionId,
    eventId: parent === null ? null : idOf(parent),
    seriesId: series === null ? null : idOf(series),
    slug: text(market["slug"]),
    title: text(market["question"]),
    subtitle: text(market["groupItemTitle"]),
    ...standing,
    openAt: anyTime(market["acceptingOrdersTimestamp"]) ?? anyTime(market["startDate"]),
    closeAt: anyTime(market["endDate"]),
    settledAt: standing.status === "settled" ? (anyTime(market["umaEndDate"]) ?? anyTime(market["closedTime"])) : null,
    settlementSource: text(market["resolutionSource"]),
    strikePeriod: periodOf(series) ?? periodOf(parent) ?? duration(market),
    tickSizes: tickSizesJson(decimalText(market["orderPriceMinTickSize"])),
    fee: pick(market, [
      "feesEnabled",
      "feeType",
      "feeSchedule",
      "makerRebatesFeeShareBps",
      "makerBaseFee",
      "takerBaseFee",
    ]),
    outcomes: outcomesJson(strings(market["clobTokenIds"]), strings(market["outcomes"])),
    liquidityUsd: decimal(market["liquidity"]) ?? decimal(market["liquidityNum"]),
    rules: text(market["description"]),
    raw: JSON.stringify(own),
  });
}

/** Gamma's summary of an open market's first outcome, cached for up to five minutes; null where it says nothing. */
export function gammaQuote(market: WireObject, instrument: Instrument): Quote | null {
  if (market["closed"] === true) return null;
  const bid = orNull(bestOf(market["bestBid"] ?? null));
  const ask = orNull(bestOf(market["bestAsk"] ?? null));
  const last = orNull(priceOf(market["lastTradePrice"]));
  if (bid === null && ask === null && !last) return null;
  return {
    type: "quote",
    instrument,
    trigger: "poll",
    ts: anyTime(market["updatedAt"]),
    bid,
    bidSize: null,
    ask,
    askSize: null,
    lastPrice: last === 0 ? null : last,
    lastSize: null,
    volume: null,
    volumeUsd: decimal(market["volume"]) ?? decimal(market["volumeNum"]),
    openInterest: null,
    liquidityUsd: decimal(market["liquidity"]) ?? decimal(market["liquidityNum"]),
  };
}

/** Facts of a Gamma event object. `raw` leaves out the nested `markets`: they have rows of their own. */
export function gammaEvent(event: WireObject, eventId: string): EventFacts {
  const { markets: _, ...own } = event;
  const series = first(event["series"]);
  return eventFacts({
    eventId,
    seriesId: series === null ? null : idOf(series),
    title: text(event["title"]),
    subtitle: text(event["subtitle"]),
    category: text(event["category"]),
    strikeDate: anyTime(event["endDate"]),
    strikePeriod: periodOf(series) ?? periodOf(event),
    // Only a neg-risk event is built so that exactly one of its markets can win; of others nothing is said.
    mutuallyExclusive: event["negRisk"] === true ? true : null,
    frequency: series === null ? null : text(series["recurrence"]),
    raw: JSON.stringify(own),
  });
}

/** Facts of a Gamma series object. */
export function gammaSeries(series: WireObject, seriesId: string): SeriesFacts {
  const { events: _, ...own } = series;
  return seriesFacts({
    seriesId,
    title: text(series["title"]),
    subtitle: text(series["subtitle"]),
    strikePeriod: periodOf(series),
    frequency: text(series["recurrence"]),
    raw: JSON.stringify(own),
  });
}

/** The venue's id of a Gamma object: text, or a whole number. */
export function idOf(object: WireObject): string | null {
  const { id } = object;
  return typeof id === "number" && Number.isSafeInteger(id) ? String(id) : text(id);
}

/** The given fields of an object as JSON, those that it has; null where it has none. */
export function pick(object: WireObject, names: readonly string[]): string | null {
  const entries = names.filter((name) => object[name] !== undefined).map((name) => [name, object[name]]);
  return entries.length === 0 ? null : JSON.stringify(Object.fromEntries(entries));
}

/** The first object of a list. */
function first(list: unknown): WireObject | null {
  const [object] = Array.isArray(list) ? (list as readonly unknown[]) : [];
  return isObject(object) ? object : null;
}

function orNull(price: number | null): number | null {
  return price === null || Number.isNaN(price) ? null : price;
}

const PERIODS: Readonly<Record<string, string>> = {
  hourly: "hour",
  daily: "day",
  weekly: "week",
  monthly: "month",
  quarterly: "quarter",
  annual: "year",
  yearly: "year",
};

/** `recurrence` in the words of `strike_period`; lengths such as `5m` stay as they are. */
function periodOf(group: WireObject | null): string | null {
  const recurrence = group === null ? null : text(group["recurrence"]);
  return recurrence === null ? null : (PERIODS[recurrence] ?? recurrence);
}

/** Lengths in minutes of the up-or-down windows that Gamma lists. */
const WINDOWS: Readonly<Record<number, string>> = { 5: "5m", 15: "15m", 60: "hour", 240: "4h", 1440: "day" };

/** Length of an up-or-down window, told by its start and end; games have both too, but last as long as they last. */
function duration(market: WireObject): string | null {
  const start = anyTime(market["eventStartTime"]);
  const end = anyTime(market["endDate"]);
  if (start === null || end === null || text(market["sportsMarketType"]) !== null) return null;
  return WINDOWS[(end - start) / 60_000_000] ?? null;
}
