import { ONE } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";
import type { Trade } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import type { Defect } from "./defect.ts";
import type { Fields, JsonObject } from "./fields.ts";
import { readLadder } from "./levels.ts";
import type { Connection, Feed, Market, Memory } from "./memory.ts";
import { BOOK_CHANNEL, type Sequence } from "./sequence.ts";

/** A change of one level, as the wire says it. */
export interface DeltaFields {
  /** The message's side, `no` for a NO level. */
  isNo: boolean;
  price: Millionths;
  change: Millionths;
  ts: Micros | null;
}

/** Where a message came from: its place on the wire. */
export interface Origin {
  readonly connection: Connection;
  readonly feed: Feed;
  readonly seq: number | null;
  readonly at: Micros | null;
}

/** Turns the messages of the data channels into events. */
export class MarketData {
  readonly #memory: Memory;
  readonly #sequence: Sequence;

  constructor(memory: Memory, sequence: Sequence) {
    this.#memory = memory;
    this.#sequence = sequence;
  }

  /** `orderbook_delta`, whose number was taken. */
  delta(connection: Connection, feed: Feed, seq: number, market: Market, delta: DeltaFields, at: Micros | null): void {
    if (market.book !== feed) this.seen(connection, feed, market, at);
    this.#sequence.flows(connection, feed.channel, at);
    market.emptied = false;
    const price = delta.isNo && !feed.useYesPrice ? ONE - delta.price : delta.price;
    this.#memory.emit({
      type: "book_delta",
      instrument: market.instrument,
      ts: delta.ts,
      seq,
      epoch: connection.epoch,
      sid: feed.sid,
      side: delta.isNo ? "ask" : "bid",
      price,
      size: null,
      change: delta.change,
      venueHash: null,
    });
  }

  /** `orderbook_snapshot`. `requested`: it answers a `get_snapshot` of ours. */
  snapshot(
    { connection, feed, seq, at }: Origin,
    market: Market,
    message: JsonObject,
    requested: boolean,
  ): Defect | null {
    const ladder = readLadder(message, feed.useYesPrice);
    if ("reason" in ladder) return ladder;
    const { instrument } = market;
    const isFirst = market.book !== feed;
    if (isFirst) this.seen(connection, feed, market, at);
    this.#sequence.flows(connection, feed.channel, at);
    // An empty first or requested snapshot may be an open market without orders; one that the venue pushes is a close.
    const isEmpty = ladder.bids.prices.length === 0 && ladder.asks.prices.length === 0;
    market.emptied = isEmpty && !requested && !isFirst;
    const origin = { ts: null, seq, epoch: connection.epoch, sid: feed.sid, venueHash: null };
    const trigger = requested ? "resync" : "venue";
    this.#memory.emit({ type: "book_snapshot", instrument, trigger, ...origin, ...ladder });
    return null;
  }

  /** `ticker`: last trade, best prices with sizes, totals. Coalesced by the venue to about one a second. */
  ticker({ connection, feed, at }: Origin, market: Market, fields: Fields): void {
    const quote = readQuote(fields, { price: "price_dollars", priceCents: "price", lastSize: "last_trade_size_fp" });
    const volumeUsd = fields.number("dollar_volume");
    const ts = fields.firstTime(["time", null], ["ts_ms", 1_000], ["ts", 1_000_000]);
    if (fields.defects.length > 0) return;
    this.seen(connection, feed, market, at);
    this.#sequence.flows(connection, "ticker", at);
    const { instrument } = market;
    this.#memory.emit({ type: "quote", instrument, trigger: "tick", ts, ...quote, volumeUsd, liquidityUsd: null });
    if (market.book !== null && !market.emptied) {
      this.#memory.emit({ type: "top_of_book", instrument, bid: quote.bid, ask: quote.ask });
    }
  }

  /** `trade`. */
  trade({ connection, feed, seq, at }: Origin, market: Market, fields: Fields): void {
    const ts = fields.firstTime(["ts_ms", 1_000], ["ts", 1_000_000]);
    const trade = readTrade(fields, market, ts, "stream", seq);
    if (trade === null) return;
    this.seen(connection, feed, market, at);
    this.#sequence.flows(connection, "trade", at);
    this.#memory.emit(trade);
  }

  /** Notes the first data of a market on a feed, and who feeds its book. */
  seen(connection: Connection, feed: Feed, market: Market, at: Micros | null): void {
    if (feed.channel === BOOK_CHANNEL) {
      if (market.book !== feed) market.emptied = false;
      market.book = feed;
    } else if (feed.channel !== null && connection.subscriptions.isFlowing(feed.channel)) return;
    if (feed.seen.has(market)) return;
    feed.seen.add(market);
    feed.members.add(market);
    connection.subscriptions.firstData(feed, market, at);
  }
}

/** Names of the fields of a market's summary that differ between `ticker` and the REST market object. */
interface QuoteKeys {
  readonly price: string;
  readonly priceCents: string;
  readonly lastSize: string;
}

/**
 * Best prices, last trade and totals, of a `ticker` message or a market object. Placeholders become null: a bid of 0
 * or an ask of 1 (or 0) without size, a last price of 0 before any trade.
 */
export function readQuote(fields: Fields, keys: QuoteKeys) {
  const bidSize = fields.count("yes_bid_size_fp", "yes_bid_size");
  const askSize = fields.count("yes_ask_size_fp", "yes_ask_size");
  const bidPrice = fields.price("yes_bid_dollars", "yes_bid");
  const askPrice = fields.price("yes_ask_dollars", "yes_ask");
  const bid = bidPrice === 0 && !bidSize ? null : bidPrice;
  const ask = (askPrice === ONE || askPrice === 0) && !askSize ? null : askPrice;
  const lastPrice = fields.price(keys.price, keys.priceCents) || null;
  const lastSize = fields.count(keys.lastSize, "");
  return {
    bid,
    bidSize: bid === null ? null : bidSize,
    ask,
    askSize: ask === null ? null : askSize,
    lastPrice,
    lastSize: lastPrice === null ? null : lastSize,
    volume: fields.count("volume_fp", "volume"),
    openInterest: fields.count("open_interest_fp", "open_interest"),
  };
}

const BUYS: Readonly<Record<string, "buy" | "sell">> = { yes: "buy", bid: "buy", no: "sell", ask: "sell" };

/**
 * A print, of the `trade` channel or of `/markets/trades`, stated for YES: a taker who bought NO sold YES. Null where
 * a field is wrong; `fields` then says which. Prints of 2025 had no id: theirs is made of what they say.
 */
export function readTrade(
  fields: Fields,
  market: Market,
  ts: Micros | null,
  source: "stream" | "history",
  seq: number | null,
): Trade | null {
  const yes = fields.price("yes_price_dollars", "yes_price");
  const no = yes === null ? fields.price("no_price_dollars", "no_price") : null;
  const price = fields.required(yes ?? (no === null ? null : ONE - no), "yes_price_dollars");
  const size = fields.required(fields.count("count_fp", "count"), "count_fp");
  const taker = ["taker_outcome_side", "taker_book_side", "taker_side"]
    .map((key) => fields.optionalText(key))
    .find((side) => side !== null);
  if (fields.defects.length > 0) return null;
  const takerSide = taker !== undefined && Object.hasOwn(BUYS, taker) ? (BUYS[taker] ?? null) : null;
  const { instrument } = market;
  let tradeId = fields.optionalText("trade_id");
  if (tradeId === null) {
    const print = [instrument.market, ts ?? "", price, size, takerSide ?? "", seq ?? ""].join("/");
    market.prints = market.print === print ? market.prints + 1 : 1;
    market.print = print;
    tradeId = `print/${print}/${market.prints}`;
  }
  return {
    type: "trade",
    instrument,
    tradeId,
    ts,
    price,
    size,
    takerSide,
    source,
    isBlock: fields.optionalBoolean("is_block_trade"),
    isAggregate: null,
    transactionHash: null,
    priceReported: null,
  };
}
