import { formatMillionths, ONE } from "../../model/decimal.ts";
import { formatTime, type Micros } from "../../model/time.ts";
import { bestOf, MIN_ORDER_SIZE, tickText } from "./server-books.ts";
import { feeSchedule } from "./server-frames.ts";
import type { PolymarketEvent, PolymarketMarket } from "./server-market.ts";

const number = (millionths: number): number => millionths / ONE;

/** A time as Gamma writes `closedTime`: a space and a short offset, which is not ISO (seen on the wire, July 2026). */
function closedTime(at: Micros): string {
  return `${formatTime(at).slice(0, 19).replace("T", " ")}+00`;
}

function prices(market: PolymarketMarket): [string, string] {
  if (market.winner !== null) return market.winner === 0 ? ["1", "0"] : ["0", "1"];
  const { bid, ask } = bestOf(market, 0);
  const first = Math.round(((bid ?? 0) + (ask ?? ONE)) / 2);
  return [formatMillionths(first), formatMillionths(ONE - first)];
}

/** A market as Gamma prints it (field set of July 2026). Lists inside are JSON in strings. */
export function gammaMarket(market: PolymarketMarket, withEvents: boolean): Record<string, unknown> {
  const { bid, ask } = bestOf(market, 0);
  const closed = market.stage === "settled";
  const accepting = market.stage === "open";
  const volume = number(market.volume);
  const liquidity = number(market.openInterest);
  return {
    id: market.gammaId,
    question: market.question,
    conditionId: market.id,
    slug: market.slug,
    resolutionSource: "",
    endDate: `${formatTime(market.closeAt).slice(0, 19)}Z`,
    liquidity: String(liquidity),
    startDate: formatTime(market.openAt),
    image: "",
    icon: "",
    description: market.event.description,
    outcomes: JSON.stringify(market.outcomes),
    outcomePrices: JSON.stringify(prices(market)),
    volume: String(volume),
    active: true,
    closed,
    marketMakerAddress: "",
    createdAt: formatTime(market.createdAt),
    updatedAt: formatTime(market.updatedAt),
    ...(closed && market.settledAt !== null && { closedTime: closedTime(market.settledAt) }),
    new: false,
    featured: false,
    archived: false,
    restricted: true,
    groupItemTitle: market.groupItemTitle,
    questionID: market.questionId,
    enableOrderBook: true,
    orderPriceMinTickSize: Number(tickText(market)),
    orderMinSize: Number(MIN_ORDER_SIZE),
    volumeNum: volume,
    liquidityNum: liquidity,
    endDateIso: formatTime(market.closeAt).slice(0, 10),
    startDateIso: formatTime(market.openAt).slice(0, 10),
    hasReviewedDates: true,
    volume24hr: volume / 4,
    volume1wk: volume,
    volume1mo: volume,
    volume1yr: volume,
    clobTokenIds: JSON.stringify(market.tokens),
    umaBond: "500",
    umaReward: "5",
    volumeClob: volume,
    liquidityClob: liquidity,
    makerBaseFee: 1000,
    takerBaseFee: 1000,
    acceptingOrders: accepting,
    acceptingOrdersTimestamp: formatTime(market.openAt),
    negRisk: market.event.negRiskMarketId !== null,
    ...(market.event.negRiskMarketId !== null && { negRiskMarketID: market.event.negRiskMarketId }),
    ready: false,
    funded: false,
    cyom: false,
    competitive: 0.9,
    spread: number((ask ?? ONE) - (bid ?? 0)),
    lastTradePrice: number(market.last?.price ?? 0),
    bestBid: number(bid ?? 0),
    bestAsk: number(ask ?? ONE),
    ...(market.stage === "determined" && { umaResolutionStatus: "proposed" }),
    ...(closed && { umaResolutionStatus: "resolved" }),
    umaResolutionStatuses: market.stage === "determined" || closed ? '["proposed"]' : "[]",
    automaticallyActive: true,
    clearBookOnStart: true,
    negRiskOther: false,
    ...(market.sportsMarketType !== "" && { sportsMarketType: market.sportsMarketType }),
    feesEnabled: true,
    feeType: market.fee.type,
    feeSchedule: feeSchedule(market),
    ...(withEvents && { events: [gammaEvent(market.event, [market])] }),
  };
}

/** An event as Gamma prints it, without its markets. */
export function gammaEvent(event: PolymarketEvent, markets: readonly PolymarketMarket[]): Record<string, unknown> {
  const volume = markets.reduce((sum, market) => sum + number(market.volume), 0);
  const closed = markets.every((market) => market.stage === "settled");
  const end = Math.max(...markets.map((market) => market.closeAt));
  return {
    id: event.id,
    ticker: event.slug,
    slug: event.slug,
    title: event.title,
    description: event.description,
    resolutionSource: "",
    startDate: formatTime(event.createdAt),
    creationDate: formatTime(event.createdAt),
    endDate: `${formatTime(end).slice(0, 19)}Z`,
    image: "",
    icon: "",
    active: true,
    closed,
    archived: false,
    new: false,
    featured: false,
    restricted: true,
    liquidity: volume / 4,
    volume,
    openInterest: volume / 8,
    createdAt: formatTime(event.createdAt),
    updatedAt: formatTime(Math.max(...markets.map((market) => market.updatedAt))),
    enableOrderBook: true,
    negRisk: event.negRiskMarketId !== null,
    enableNegRisk: event.negRiskMarketId !== null,
    ...(event.negRiskMarketId !== null && { negRiskMarketID: event.negRiskMarketId }),
    ...(event.series !== null && { series: [gammaSeries(event)], seriesSlug: event.series.slug }),
    tags: event.tags.map(({ id, label, slug }) => ({ id, label, slug })),
  };
}

export function gammaSeries({ series }: PolymarketEvent): Record<string, unknown> {
  return {
    id: series?.id,
    ticker: series?.slug,
    slug: series?.slug,
    title: series?.title,
    seriesType: "single",
    recurrence: series?.recurrence,
    active: true,
    closed: false,
    archived: false,
  };
}
