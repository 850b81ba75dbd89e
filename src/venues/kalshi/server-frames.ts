import { ONE } from "../../model/decimal.ts";
import type { Happening, LevelChange, Trade } from "../server.ts";
import type { KalshiMarket } from "./server-market.ts";
import { count, dollars, milliseconds, noLevels, priceRanges, seconds, timeText, yesLevels } from "./server-text.ts";
import type { Micros } from "../../model/time.ts";

/** Variations of the wire format that were or are on the venue's servers. */
export interface KalshiFormat {
  /** Every frame carries `sending_ts_ms`, since October 2026 (docs.kalshi.com, changelog). */
  readonly sendingTime: boolean;
  /** Deltas carry `ts_ms`: announced 2026-04-15, on all of them since May 2026 (seen on the wire). */
  readonly deltaMilliseconds: boolean;
}

/** The `msg` of a snapshot. A side without orders is absent, and there is no time (seen on the wire, August 2026). */
export function snapshotMessage(market: KalshiMarket, yesPrice: boolean): string {
  return JSON.stringify({
    market_ticker: market.id,
    market_id: market.marketId,
    ...(market.bids.prices.length > 0 && { yes_dollars_fp: yesLevels(market.bids) }),
    ...(market.asks.prices.length > 0 && { no_dollars_fp: noLevels(market.asks, yesPrice) }),
  });
}

/** The `msg` of a delta: the signed change of one level. */
export function deltaMessage(
  market: KalshiMarket,
  change: LevelChange,
  at: Micros,
  yesPrice: boolean,
  format: KalshiFormat,
): string {
  const yes = change.side === "bid";
  const price = yes || yesPrice ? change.price : ONE - change.price;
  return (
    `{"market_ticker":"${market.id}","market_id":"${market.marketId}","price_dollars":"${dollars(price)}",` +
    `"delta_fp":"${count(change.change)}","side":"${yes ? "yes" : "no"}","ts":"${timeText(at)}"` +
    `${format.deltaMilliseconds ? `,"ts_ms":${milliseconds(at)}` : ""}}`
  );
}

/** The top of the book as Kalshi states it: 0.0000 and 1.0000 with size 0 where a side is empty. */
export function topOfBook(market: KalshiMarket) {
  const { bids, asks } = market;
  const last = bids.prices.length - 1;
  return {
    bid: bids.prices[last] ?? 0,
    bidSize: bids.sizes[last] ?? 0,
    ask: asks.prices[0] ?? ONE,
    askSize: asks.sizes[0] ?? 0,
  };
}

export function tickerMessage(market: KalshiMarket, at: Micros): string {
  const top = topOfBook(market);
  return JSON.stringify({
    market_ticker: market.id,
    market_id: market.marketId,
    price_dollars: dollars(market.last?.price ?? 0),
    yes_bid_dollars: dollars(top.bid),
    yes_ask_dollars: dollars(top.ask),
    yes_bid_size_fp: count(top.bidSize),
    yes_ask_size_fp: count(top.askSize),
    last_trade_size_fp: count(market.last?.size ?? 0),
    volume_fp: count(market.volume),
    open_interest_fp: count(market.openInterest),
    dollar_volume: Math.floor(market.volume / ONE / 2),
    dollar_open_interest: Math.floor(market.openInterest / ONE / 2),
    ts: seconds(at),
    ts_ms: milliseconds(at),
    time: timeText(at),
  });
}

/** A match, as the stream and (with other names for ticker and time) REST print it. */
export function tradeFields(trade: Trade) {
  const yes = trade.taker === 0;
  return {
    yes_price_dollars: dollars(trade.price),
    no_price_dollars: dollars(ONE - trade.price),
    count_fp: count(trade.size),
    taker_outcome_side: yes ? "yes" : "no",
    taker_book_side: yes ? "bid" : "ask",
    taker_side: yes ? "yes" : "no",
    is_block_trade: false,
  };
}

export function tradeMessage(market: KalshiMarket, trade: Trade): string {
  return JSON.stringify({
    trade_id: trade.id,
    market_ticker: market.id,
    ...tradeFields(trade),
    ts: seconds(trade.at),
    ts_ms: milliseconds(trade.at),
  });
}

/** Strike facts as lifecycle messages carry them; the numbers are JSON numbers. */
function strikeFields(market: KalshiMarket) {
  const { strike } = market;
  return {
    ...(strike !== null && { strike_type: strike.type }),
    ...(strike?.floor !== undefined && { floor_strike: strike.floor }),
    ...(strike?.cap !== undefined && { cap_strike: strike.cap }),
    ...(strike?.custom !== undefined && { custom_strike: strike.custom }),
    yes_sub_title: market.yesSubTitle,
  };
}

/**
 * Lifecycle messages (docs.kalshi.com, AsyncAPI, `market_lifecycle_v2`), as pairs of frame type and `msg`. Nothing is
 * sent when a market opens at its time or closes at its time.
 */
export function lifecycleMessages(happening: Happening<KalshiMarket>): { type: string; msg: string }[] {
  const { market, at } = happening;
  const one = (type: string, fields: object) => [
    { type: "market_lifecycle_v2", msg: JSON.stringify({ market_ticker: market.id, ...fields, event_type: type }) },
  ];
  switch (happening.kind) {
    case "created":
      return [...(happening.newEvent ? [newEvent(market)] : []), ...one("created", createdFields(market))];
    case "described":
      return one("metadata_updated", strikeFields(market));
    case "paused":
      return one("deactivated", { is_deactivated: true });
    case "resumed":
      return one("activated", { is_deactivated: false });
    case "determined":
      return one("determined", {
        determination_ts: seconds(at),
        result: market.winner === 0 ? "yes" : "no",
        settlement_value: dollars(market.winner === 0 ? ONE : 0),
      });
    case "settled":
      return one("settled", { settled_ts: seconds(at) });
    case "regridded":
      return one("price_level_structure_updated", {
        price_level_structure: market.structure,
        price_ranges: priceRanges(market.ticks),
      });
    default:
      return [];
  }
}

function createdFields(market: KalshiMarket) {
  return {
    exchange_index: market.event.series.exchangeIndex,
    open_ts: seconds(market.openAt),
    close_ts: seconds(market.closeAt),
    additional_metadata: {
      name: market.yesSubTitle,
      title: market.title,
      no_sub_title: market.noSubTitle,
      rules_primary: market.rules,
      rules_secondary: "",
      can_close_early: true,
      event_ticker: market.event.ticker,
      expected_expiration_ts: seconds(market.closeAt) + 300,
      ...strikeFields(market),
    },
    price_level_structure: market.structure,
    price_ranges: priceRanges(market.ticks),
  };
}

function newEvent(market: KalshiMarket): { type: string; msg: string } {
  const { event } = market;
  return {
    type: "event_lifecycle",
    msg: JSON.stringify({
      event_ticker: event.ticker,
      series_ticker: event.series.ticker,
      title: event.title,
      subtitle: event.subTitle,
      exchange_index: event.series.exchangeIndex,
      collateral_return_type: event.mutuallyExclusive ? "MECNET" : "",
      ...(event.strikeAt === null ? { strike_period: "" } : { strike_date: seconds(event.strikeAt) }),
    }),
  };
}
