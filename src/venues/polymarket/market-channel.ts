import { readBook, shown } from "./levels.ts";
import { bestOf, decimalText, isBuy, isObject, millisTime, priceOf, sizeOf, text } from "./wire.ts";
import type { WireObject } from "./wire.ts";
import type { Connection, TokenStream } from "./connection.ts";
import type { Emitter } from "./emitter.ts";
import type { HashChecks } from "./hash-agreement.ts";
import type { Holes } from "./holes.ts";
import type { MarketState, MarketStates } from "./market-state.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Micros } from "../../model/time.ts";

/** Messages about one token: books, changes, trades, quotes, tick sizes. */
export class MarketChannel {
  readonly #emitter: Emitter;
  readonly #markets: MarketStates;
  readonly #subscriptions: Subscriptions;
  readonly #holes: Holes;
  readonly #hashes: HashChecks;

  constructor(emitter: Emitter, markets: MarketStates, subscriptions: Subscriptions, holes: Holes, hashes: HashChecks) {
    this.#emitter = emitter;
    this.#markets = markets;
    this.#subscriptions = subscriptions;
    this.#holes = holes;
    this.#hashes = hashes;
  }

  /** `book`: a complete book, on subscribing and after every trade of the token. */
  book(connection: Connection, message: WireObject, at: Micros | null): void {
    const market = text(message["market"]);
    const token = text(message["asset_id"]);
    if (market === null || token === null)
      return this.#lost(connection, market, token, at, "missing_field", "a book without market or asset_id");
    const book = readBook(message["bids"] ?? message["buys"], message["asks"] ?? message["sells"]);
    if ("reason" in book) {
      const stream = connection.tokens.get(token);
      if (stream !== undefined) stream.levels = null;
      return this.#lost(connection, market, token, at, book.reason, book.detail);
    }
    this.#good(connection, at);
    const stream = this.#stream(connection, market, token);
    this.#subscriptions.arrived(connection, stream, at, true);
    const state = this.#learn(market, token, message);
    const venueHash = text(message["hash"]);
    this.#emitter.emit({
      type: "book_snapshot",
      instrument: stream.instrument,
      trigger: stream.resync ? "resync" : "venue",
      ts: millisTime(message["timestamp"]),
      seq: null,
      epoch: connection.epoch,
      sid: null,
      venueHash,
      bids: book.bids,
      asks: book.asks,
    });
    stream.live = true;
    stream.resync = false;
    // The socket never says these two; without them there is nothing to hash, and the texts are not worth keeping.
    stream.levels = state.minOrderSize === null || state.negRisk === null ? null : book.hashed;
    const timestamp = decimalText(message["timestamp"]);
    if (venueHash === null || timestamp === null) return;
    this.#hashes.check(token, state, book.hashed, { market, timestamp, expected: venueHash, prices: [] });
  }

  /**
   * `price_change` in its three shapes: `price_changes` with a token in each entry (since 2025-09-15), `changes` of one
   * token, and one flat change (until about the end of 2024).
   */
  priceChange(connection: Connection, message: WireObject, at: Micros | null): void {
    const market = text(message["market"]);
    if (market === null)
      return this.#lost(
        connection,
        null,
        text(message["asset_id"]),
        at,
        "missing_field",
        "a price_change without market",
      );
    const entries =
      message["price_changes"] ?? message["changes"] ?? (message["price"] === undefined ? null : [message]);
    if (!Array.isArray(entries))
      return this.#lost(connection, market, null, at, "missing_field", "a price_change without changes");
    this.#good(connection, at);
    const ts = millisTime(message["timestamp"]);
    const count = entries.length;
    for (let i = 0; i < count; i++) this.#entry(connection, market, message, entries[i], i, ts, at);
    this.#afterAll(connection, market, message, entries as readonly unknown[], at ?? ts);
  }

  /** `last_trade_price`: a print. */
  trade(connection: Connection, message: WireObject, at: Micros | null): void {
    const market = text(message["market"]);
    const token = text(message["asset_id"]);
    const lost = (reason: string, detail: string): void => {
      this.#emitter.quarantine(reason, detail, market, token);
      this.#holes.unreadTrade(connection, market, token, at, reason);
    };
    if (market === null || token === null)
      return lost("missing_field", "a last_trade_price without market or asset_id");
    const price = priceOf(message["price"]);
    const size = sizeOf(message["size"]);
    if (Number.isNaN(price) || Number.isNaN(size)) {
      const detail = `a last_trade_price of price ${shown(message["price"])}, size ${shown(message["size"])}`;
      return lost("bad_number", detail);
    }
    this.#good(connection, at);
    const stream = this.#stream(connection, market, token);
    this.#subscriptions.arrived(connection, stream, at, false);
    const buy = isBuy(message["side"]);
    const side = buy === null ? null : buy ? "buy" : "sell";
    const transactionHash = text(message["transaction_hash"]);
    const timestamp = decimalText(message["timestamp"]) ?? "";
    this.#emitter.emit({
      type: "trade",
      instrument: stream.instrument,
      tradeId: connection.trades.next({ token, price, priceReported: null, size, side, transactionHash, timestamp }),
      ts: millisTime(message["timestamp"]),
      price,
      size,
      takerSide: side,
      source: "stream",
      isBlock: null,
      isAggregate: null,
      transactionHash,
      priceReported: null,
    });
    this.#markets.name(market, [token]).printedPrice = decimalText(message["price"]);
  }

  /** `best_bid_ask`: only compared with our book. */
  bestBidAsk(connection: Connection, message: WireObject, at: Micros | null): void {
    const market = text(message["market"]);
    const token = text(message["asset_id"]);
    if (market === null || token === null || (message["best_bid"] === undefined && message["best_ask"] === undefined)) {
      return this.#emitter.quarantine(
        "missing_field",
        "a best_bid_ask without market, asset_id or prices",
        market,
        token,
      );
    }
    this.#good(connection, at);
    const stream = this.#stream(connection, market, token);
    this.#subscriptions.arrived(connection, stream, at, false);
    this.#top(stream, message);
  }

  /**
   * `tick_size_change`: a fact about the market. The book stays: nothing on the wire says that its levels changed, and
   * the next `book` or the venue's own best prices show it if they did.
   */
  tickSizeChange(connection: Connection, message: WireObject, at: Micros | null): void {
    const market = text(message["market"]);
    const token = text(message["asset_id"]);
    const tick = decimalText(message["new_tick_size"]);
    if (market === null || token === null || tick === null) {
      return this.#emitter.quarantine(
        "missing_field",
        "a tick_size_change without market, asset_id or new_tick_size",
        market,
        token,
      );
    }
    this.#good(connection, at);
    const stream = this.#stream(connection, market, token);
    this.#subscriptions.arrived(connection, stream, at, false);
    this.#markets.name(market, [token]).tickSize = tick;
    this.#emitter.emit({
      type: "lifecycle",
      instrument: stream.instrument,
      ts: millisTime(message["timestamp"]),
      fromStatus: null,
      toStatus: null,
      kind: "tick_size_change",
      detail: JSON.stringify(message),
    });
  }

  #entry(
    connection: Connection,
    market: string,
    message: WireObject,
    entry: unknown,
    index: number,
    ts: Micros | null,
    at: Micros | null,
  ): void {
    if (!isObject(entry))
      return this.#lost(connection, market, null, at, "missing_field", `a price change that is ${shown(entry)}`);
    const token = entry["asset_id"] ?? message["asset_id"];
    if (typeof token !== "string" || token === "") {
      return this.#lost(connection, market, null, at, "missing_field", "a price change without asset_id");
    }
    const price = priceOf(entry["price"]);
    const size = sizeOf(entry["size"]);
    const buy = isBuy(entry["side"]);
    if (Number.isNaN(price) || Number.isNaN(size) || buy === null) {
      const stream = connection.tokens.get(token);
      if (stream !== undefined) stream.levels = null;
      const missing = entry["price"] === undefined || entry["size"] === undefined || entry["side"] === undefined;
      const reason = missing ? "missing_field" : buy === null ? "bad_side" : "bad_number";
      const { price: p, size: s, side } = entry;
      return this.#lost(connection, market, token, at, reason, `a price change ${shown({ price: p, size: s, side })}`);
    }
    const stream = this.#stream(connection, market, token);
    this.#subscriptions.arrived(connection, stream, at, false);
    const side = buy ? "bid" : "ask";
    const venueHash = entry["hash"] ?? message["hash"];
    this.#emitter.emit({
      type: "book_delta",
      instrument: stream.instrument,
      ts,
      seq: null,
      epoch: connection.epoch,
      sid: null,
      side,
      price,
      size,
      change: null,
      venueHash: typeof venueHash === "string" ? venueHash : null,
    });
    stream.levels?.set(side, price, decimalText(entry["price"]) ?? "", decimalText(entry["size"]) ?? "", size === 0);
    stream.lastEntry = index;
  }

  /** Once per token, from its last entry: the venue's best prices and its hash are those after the whole message. */
  #afterAll(
    connection: Connection,
    market: string,
    message: WireObject,
    entries: readonly unknown[],
    at: Micros | null,
  ): void {
    const timestamp = decimalText(message["timestamp"]);
    const state = this.#markets.find(market);
    let prices: readonly string[] | null = null;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (!isObject(entry)) continue;
      const token = entry["asset_id"] ?? message["asset_id"];
      const stream = typeof token === "string" ? connection.tokens.get(token) : undefined;
      if (stream === undefined || stream.lastEntry !== i) continue;
      stream.lastEntry = -1;
      this.#top(stream, entry, true);
      const expected = entry["hash"] ?? message["hash"];
      if (stream.levels === null || state === undefined || typeof expected !== "string" || timestamp === null) continue;
      if (!this.#hashes.due(at)) continue;
      prices ??= entries.flatMap((each) => (isObject(each) ? (decimalText(each["price"]) ?? []) : []));
      this.#hashes.check(stream.token, state, stream.levels, { market, timestamp, expected, prices });
    }
  }

  #top(stream: TokenStream, message: WireObject, exact = false): void {
    const { instrument } = stream;
    if (instrument === null || (message["best_bid"] === undefined && message["best_ask"] === undefined)) return;
    const bid = bestOf(message["best_bid"]);
    const ask = bestOf(message["best_ask"]);
    if (Number.isNaN(bid) || Number.isNaN(ask)) {
      const detail = `best_bid ${shown(message["best_bid"])}, best_ask ${shown(message["best_ask"])}`;
      this.#emitter.quarantine("bad_number", detail, instrument.market, stream.token);
      return;
    }
    this.#emitter.emit({ type: "top_of_book", instrument, bid, ask, ...(exact ? { exact } : {}) });
  }

  #stream(connection: Connection, market: string, token: string): Known {
    const stream = connection.token(token);
    if (stream.instrument === null || stream.instrument.market !== market) {
      stream.instrument = this.#emitter.instrument(market, token);
      this.#markets.name(market, [token]);
    }
    return stream as Known;
  }

  #learn(market: string, token: string, book: WireObject): MarketState {
    const state = this.#markets.name(market, [token]);
    // The venue's first `book` of a subscription carries these two; none carries the other two, which REST has.
    state.tickSize = text(book["tick_size"]) ?? state.tickSize;
    const last = book["last_trade_price"];
    if (typeof last === "string") state.lastTradePrice = last;
    state.minOrderSize = text(book["min_order_size"]) ?? state.minOrderSize;
    if (typeof book["neg_risk"] === "boolean") state.negRisk = book["neg_risk"];
    return state;
  }

  #good(connection: Connection, at: Micros | null): void {
    connection.used = true;
    if (at !== null) connection.lastGood = at;
    this.#holes.flows(connection, at);
  }

  #lost(
    connection: Connection,
    market: string | null,
    token: string | null,
    at: Micros | null,
    reason: string,
    detail: string,
  ): void {
    this.#emitter.quarantine(reason, detail, market, token);
    this.#holes.unreadable(connection, market, token, at, reason);
  }
}

type Known = TokenStream & { instrument: NonNullable<TokenStream["instrument"]> };
