import { ONE } from "../../model/decimal.ts";
import type { Micros } from "../../model/time.ts";
import { topOfBook } from "./server-frames.ts";
import type { KalshiEvent, KalshiMarket, KalshiSeries } from "./server-market.ts";
import { count, dollars, priceRanges, secondText, timeText } from "./server-text.ts";

/** Words of a market's `status` (docs.kalshi.com, "Market lifecycle"). */
const STATUS = {
  unopened: "initialized",
  open: "active",
  paused: "inactive",
  closed: "closed",
  determined: "determined",
  settled: "finalized",
} as const;

/** A market as REST prints it: the field set of October 2026 (OpenAPI 3.30.0; seen on the wire 2026-10-06). */
export function marketObject(market: KalshiMarket): Record<string, unknown> {
  const { event, strike } = market;
  const top = topOfBook(market);
  const settled = market.stage === "settled";
  const last = dollars(market.last?.price ?? 0);
  return {
    can_close_early: true,
    close_time: secondText(market.closeAt),
    created_time: timeText(market.createdAt),
    ...(strike?.cap !== undefined && { cap_strike: strike.cap }),
    ...(strike?.custom !== undefined && { custom_strike: strike.custom }),
    ...(strike?.floor !== undefined && { floor_strike: strike.floor }),
    early_close_condition: "This market will close and expire after a winner is declared.",
    event_ticker: event.ticker,
    exchange_index: event.series.exchangeIndex,
    expected_expiration_time: secondText(market.closeAt + 300_000_000),
    expiration_time: secondText(market.closeAt + 604_800_000_000),
    expiration_value: market.expirationValue,
    last_price_dollars: last,
    latest_expiration_time: secondText(market.closeAt + 604_800_000_000),
    market_type: "binary",
    no_ask_dollars: dollars(ONE - top.bid),
    no_bid_dollars: dollars(ONE - top.ask),
    no_sub_title: market.noSubTitle,
    notional_value_dollars: "1.0000",
    open_interest_fp: count(market.openInterest),
    open_time: secondText(market.openAt),
    previous_price_dollars: last,
    previous_yes_ask_dollars: dollars(top.ask),
    previous_yes_bid_dollars: dollars(top.bid),
    price_level_structure: market.structure,
    price_ranges: priceRanges(market.ticks),
    result: market.winner === null ? "" : market.winner === 0 ? "yes" : "no",
    rules_primary: market.rules,
    rules_secondary: "",
    settlement_bounds_type: "default",
    settlement_timer_seconds: 60,
    ...(settled && market.settledAt !== null && { settlement_ts: timeText(market.settledAt) }),
    ...(market.winner !== null && { settlement_value_dollars: dollars(market.winner === 0 ? ONE : 0) }),
    status: STATUS[market.stage],
    ...(strike !== null && { strike_type: strike.type }),
    ticker: market.id,
    title: market.title,
    updated_time: timeText(market.updatedAt),
    volume_24h_fp: count(Math.floor(market.volume / 20_000) * 10_000),
    volume_fp: count(market.volume),
    yes_ask_dollars: dollars(top.ask),
    yes_ask_size_fp: count(top.askSize),
    yes_bid_dollars: dollars(top.bid),
    yes_bid_size_fp: count(top.bidSize),
    yes_sub_title: market.yesSubTitle,
  };
}

/** An event as REST prints it; `status` is not among its fields. */
export function eventObject(event: KalshiEvent): Record<string, unknown> {
  return {
    category: event.series.category,
    collateral_return_type: event.mutuallyExclusive ? "MECNET" : "",
    event_ticker: event.ticker,
    exchange_index: event.series.exchangeIndex,
    last_updated_ts: "0001-01-01T00:00:00Z",
    mutually_exclusive: event.mutuallyExclusive,
    product_metadata: event.productMetadata,
    series_ticker: event.series.ticker,
    settlement_sources: [event.series.settlementSource],
    ...(event.strikeAt === null ? { strike_period: "" } : { strike_date: secondText(event.strikeAt) }),
    sub_title: event.subTitle,
    title: event.title,
  };
}

export function seriesObject(series: KalshiSeries, startAt: Micros): Record<string, unknown> {
  return {
    additional_prohibitions: [],
    categories: [series.category],
    category: series.category,
    contract_terms_url: `https://assets.kalshi.com/contract_terms/${series.ticker}.pdf`,
    contract_url: `https://assets.kalshi.com/regulatory/product-certifications/${series.ticker}.pdf`,
    exchange_index: series.exchangeIndex,
    fee_multiplier: series.feeMultiplier,
    fee_type: series.feeType,
    frequency: series.frequency,
    last_updated_ts: timeText(startAt),
    settlement_sources: [series.settlementSource],
    tags: series.tags,
    ticker: series.ticker,
    title: series.title,
  };
}
