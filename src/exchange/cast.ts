import type { Micros } from "../model/time.ts";
import type { KalshiEvent, KalshiMarket, KalshiSeries, KalshiStrike } from "../venues/kalshi/server-market.ts";
import type { PolymarketEvent, PolymarketMarket } from "../venues/polymarket/server-market.ts";
import type { PriceRange } from "../venues/server.ts";
import type { Actor } from "./actor.ts";
import { BookSide } from "./book.ts";
import { KALSHI_GRIDS } from "./grid.ts";
import type { Random } from "./random.ts";

/** When a market lives. */
export interface Lifetime {
  readonly createdAt: Micros;
  readonly openAt: Micros;
  readonly closeAt: Micros;
}

interface Part {
  readonly fair: Actor["fair"];
  readonly decide: Actor["decide"];
  readonly valueText: Actor["valueText"];
  readonly weight: number;
  readonly onOpen?: () => void;
  readonly recurring?: boolean;
}

function traded(id: string, life: Lifetime, ticks: readonly PriceRange[], sides: { bids: BookSide; asks: BookSide }) {
  return {
    ...life,
    ...sides,
    id,
    ticks,
    stage: "unopened" as const,
    updatedAt: life.createdAt,
    bookAt: life.createdAt,
    determinedAt: null,
    settledAt: null,
    winner: null,
    last: null,
    volume: 0,
    openInterest: 0,
  };
}

function actor(part: Part, sides: { bids: BookSide; asks: BookSide }) {
  const { fair, decide, valueText, weight } = part;
  return { ...sides, fair, decide, valueText, weight, onOpen: part.onOpen ?? null, recurring: part.recurring ?? false };
}

/** Casts a Kalshi market. */
export function castKalshi(
  random: Random,
  life: Lifetime,
  facts: {
    readonly ticker: string;
    readonly event: KalshiEvent;
    readonly title: string;
    readonly yesSubTitle: string;
    readonly noSubTitle?: string;
    readonly strike: KalshiStrike | null;
    readonly structure: keyof typeof KALSHI_GRIDS;
    readonly rules: string;
  },
  part: Part,
): Actor & { venue: "kalshi" } {
  const sides = { bids: new BookSide(), asks: new BookSide() };
  const market: KalshiMarket = {
    ...traded(facts.ticker, life, KALSHI_GRIDS[facts.structure], sides),
    marketId: random.uuid(),
    event: facts.event,
    title: facts.title,
    yesSubTitle: facts.yesSubTitle,
    noSubTitle: facts.noSubTitle ?? facts.yesSubTitle,
    rules: facts.rules,
    strike: facts.strike,
    structure: facts.structure,
    expirationValue: "",
  };
  return { venue: "kalshi", market, ...actor(part, sides) };
}

/** Casts a Polymarket market with fresh ids. */
export function castPolymarket(
  random: Random,
  life: Lifetime,
  facts: {
    readonly event: PolymarketEvent;
    readonly question: string;
    readonly slug: string;
    readonly outcomes: readonly [string, string];
    readonly groupItemTitle?: string;
    readonly sportsMarketType?: string;
    readonly ticks: readonly PriceRange[];
    readonly fee: PolymarketMarket["fee"];
  },
  part: Part,
): Actor & { venue: "polymarket" } {
  const sides = { bids: new BookSide(), asks: new BookSide() };
  const market: PolymarketMarket = {
    ...traded(`0x${random.hex(64)}`, life, facts.ticks, sides),
    gammaId: random.digits(7),
    questionId: `0x${random.hex(64)}`,
    question: facts.question,
    slug: facts.slug,
    event: facts.event,
    groupItemTitle: facts.groupItemTitle ?? "",
    tokens: [random.digits(77), random.digits(77)],
    outcomes: facts.outcomes,
    sportsMarketType: facts.sportsMarketType ?? "",
    fee: facts.fee,
  };
  return { venue: "polymarket", market, ...actor(part, sides) };
}

/** A series with the facts that matter, and what is usual for the rest. */
export function kalshiSeries(
  ticker: string,
  title: string,
  category: string,
  facts: Partial<KalshiSeries>,
): KalshiSeries {
  return {
    ticker,
    title,
    category,
    frequency: "custom",
    tags: [],
    settlementSource: { name: "the Governing League", url: "https://www.nfl.com/" },
    feeType: "quadratic",
    feeMultiplier: 1,
    exchangeIndex: 0,
    ...facts,
  };
}
