import type { Micros } from "../../model/time.ts";
import type { Control } from "./control.ts";
import type { Defect } from "./defect.ts";
import { Fields, integer, isObject, type JsonObject } from "./fields.ts";
import { INDEX_CHANNEL, readIndex, spotTick } from "./index-value.ts";
import type { LifecycleMessages } from "./lifecycle.ts";
import type { DeltaFields, MarketData, Origin } from "./market-data.ts";
import type { Connection, Feed, Market, Memory } from "./memory.ts";
import { BOOK_CHANNEL, type Sequence } from "./sequence.ts";
import { decodeFrame } from "./wire.ts";

/** Channel of each type of data message. A type that is not here is no data. */
const CHANNELS: Readonly<Record<string, string>> = {
  orderbook_snapshot: BOOK_CHANNEL,
  orderbook_delta: BOOK_CHANNEL,
  ticker: "ticker",
  trade: "trade",
  market_lifecycle_v2: "market_lifecycle_v2",
  event_lifecycle: "market_lifecycle_v2",
  event_fee_update: "market_lifecycle_v2",
  multivariate_market_lifecycle: "multivariate_market_lifecycle",
  cfbenchmarks_value: INDEX_CHANNEL,
};

/** The parts of the interpreter that frames go to. */
export interface FrameParts {
  readonly memory: Memory;
  readonly sequence: Sequence;
  readonly control: Control;
  readonly data: MarketData;
  readonly lifecycle: LifecycleMessages;
}

/** Reads received frames of any type and generation, by their shape. */
export class Frames {
  readonly #parts: FrameParts;

  constructor(parts: FrameParts) {
    this.#parts = parts;
  }

  read(connection: Connection, bytes: Buffer, at: Micros | null): void {
    const { sequence } = this.#parts;
    const { frame, defect } = decodeFrame(bytes);
    if (frame === null) return sequence.unreadable(connection, defect, bytes.length, at);
    const { type } = frame;
    const isData = typeof type === "string" && Object.hasOwn(CHANNELS, type);
    const seq = integer(frame["seq"]);
    let sid = integer(frame["sid"]);
    if (type === "unsubscribed" && sid === null && isObject(frame["msg"])) sid = integer(frame["msg"]["sid"]);
    const isNew = isData || type === "ok";
    const feed = sid === null ? null : isNew ? this.#feed(connection, sid, type) : (connection.feeds.get(sid) ?? null);
    if (feed?.ended === true) {
      return sequence.quarantine({
        reason: "unknown_sid",
        detail: `sid ${feed.sid} was ended and sent ${String(type)}`,
      });
    }
    if (isData && feed !== null) feed.channel ??= CHANNELS[type] ?? null;
    const id = integer(frame["id"]);
    const goodAt = feed?.at ?? feed?.acknowledgedAt ?? null;
    const requested = type === "orderbook_snapshot" && this.#isRequested(connection, id, frame["msg"]);
    if (feed !== null && seq !== null && !this.#take(connection, feed, seq, type, requested, at)) return;
    // A snapshot with an id answers a command, also in captures that lack what was sent.
    if (isData) this.#data(connection, feed, seq, type, frame, requested || id !== null, at);
    else if (type === "error") this.#parts.control.error({ connection, feed, id, goodAt }, frame["msg"], at);
    else this.#answer(connection, feed, seq, id, frame, connection.controlTime(at));
  }

  /** The feed of a sid. An `ok` shows that one which had ended lives again. */
  #feed(connection: Connection, sid: number, type: unknown): Feed {
    if (type === "ok" && connection.feeds.get(sid)?.ended === true) {
      const channel = connection.feeds.get(sid)?.channel ?? null;
      connection.feeds.delete(sid);
      connection.feed(sid).channel = channel;
    }
    return connection.feed(sid);
  }

  #isRequested(connection: Connection, id: number | null, message: unknown): boolean {
    const ticker = isObject(message) ? message["market_ticker"] : null;
    return typeof ticker === "string" && this.#parts.control.takeRequested(connection, id, ticker);
  }

  /** Takes the number of a frame; false where it is a repetition. */
  #take(
    connection: Connection,
    feed: Feed,
    seq: number,
    type: unknown,
    requested: boolean,
    at: Micros | null,
  ): boolean {
    // After a restart in the middle, acknowledgements are read again: their numbers are old.
    if (connection.resumed && feed.seq < 0 && (type === "ok" || type === "subscribed")) return true;
    // Whether a requested snapshot gets a number of its own is not documented: with the last one it is no repetition.
    if (requested && seq === feed.seq) return true;
    return this.#parts.sequence.advance(connection, feed, seq, at);
  }

  #data(
    connection: Connection,
    feed: Feed | null,
    seq: number | null,
    type: string,
    frame: JsonObject,
    requested: boolean,
    at: Micros | null,
  ): void {
    const { memory, sequence } = this.#parts;
    const message = frame["msg"];
    const fields = new Fields(isObject(message) ? message : {});
    if (type === INDEX_CHANNEL) return this.#index(connection, feed, seq, message, at);
    const isEvent = type === "event_lifecycle" || type === "event_fee_update";
    const ticker = isEvent ? null : fields.text("market_ticker");
    const market = ticker === null || ticker === "" ? null : memory.market(ticker);
    if (feed === null) fields.defects.push({ reason: "missing_field", detail: `${type} has no sid` });
    if (type.startsWith("orderbook") && seq === null) {
      fields.defects.push({ reason: "missing_field", detail: `${type} has no seq` });
    }
    if (fields.defects.length === 0 && feed !== null && isObject(message)) {
      if (seq === null && type !== "ticker") sequence.good(connection, feed, at);
      this.#dispatch({ connection, feed, seq, at }, type, market, message, fields, requested);
    }
    const [defect] = fields.defects;
    if (defect === undefined) return;
    if (feed !== null) sequence.unusable(connection, feed, seq, market, defect, at);
    else sequence.quarantine(defect, market);
  }

  #index(connection: Connection, feed: Feed | null, seq: number | null, message: unknown, at: Micros | null): void {
    const { memory, sequence } = this.#parts;
    const values = readIndex(isObject(message) ? message : {});
    if ("reason" in values) {
      if (feed === null) return sequence.quarantine(values);
      return sequence.unusable(connection, feed, seq, null, values, at);
    }
    const [{ product }] = values;
    if (feed !== null) {
      if (seq === null) sequence.good(connection, feed, at);
      sequence.flows(connection, INDEX_CHANNEL, at);
      const index = memory.market(product);
      if (!feed.seen.has(index)) {
        feed.seen.add(index);
        connection.subscriptions.firstData(feed, index, at);
      }
    }
    for (const value of values) memory.emit(spotTick(value, seq));
  }

  #dispatch(
    origin: Origin,
    type: string,
    market: Market | null,
    message: JsonObject,
    fields: Fields,
    requested: boolean,
  ): void {
    const { data, lifecycle, sequence } = this.#parts;
    const { connection, feed, seq, at } = origin;
    if (market === null) {
      sequence.flows(connection, feed.channel, at);
      if (type === "event_lifecycle") lifecycle.event(message);
      else lifecycle.eventFee(message);
    } else if (type === "orderbook_delta") {
      const delta = readDelta(fields);
      if (delta !== null) data.delta(connection, feed, seq ?? 0, market, delta, at);
    } else if (type === "orderbook_snapshot") {
      const defect = data.snapshot(origin, market, message, requested);
      if (defect !== null) fields.defects.push(defect);
    } else if (type === "ticker") data.ticker(origin, market, fields);
    else if (type === "trade") data.trade(origin, market, fields);
    else {
      data.seen(connection, feed, market, at);
      sequence.flows(connection, feed.channel, at);
      lifecycle.market(market, message, fields);
    }
  }

  #answer(
    connection: Connection,
    feed: Feed | null,
    seq: number | null,
    id: number | null,
    frame: JsonObject,
    at: Micros | null,
  ): void {
    const { control, sequence, memory } = this.#parts;
    const { type, msg: message } = frame;
    if (type === "subscribed") return control.subscribed(connection, id, message, at);
    if (type === "ok") return control.ok(connection, feed, id, message, at);
    if (type === "unsubscribed" && feed !== null) return control.unsubscribed(connection, feed, at);
    const defect: Defect =
      typeof type === "string"
        ? { reason: "unknown_type", detail: type.slice(0, 100) }
        : { reason: "missing_field", detail: "type is missing" };
    const ticker = isObject(message) ? message["market_ticker"] : null;
    const market = typeof ticker === "string" ? memory.market(ticker) : null;
    if (feed?.channel === BOOK_CHANNEL) sequence.unusable(connection, feed, seq, market, defect, at);
    else sequence.quarantine(defect, market);
  }
}

/**
 * The fields of an `orderbook_delta`. Its time is `ts` where that is text (microseconds, of 2025 nanoseconds), else
 * `ts_ms`. Null where one is wrong; `fields` then says which.
 */
export function readDelta(fields: Fields): DeltaFields | null {
  const price = fields.required(fields.price("price_dollars", "price"), "price_dollars");
  const change = fields.required(fields.count("delta_fp", "delta"), "delta_fp");
  const side = fields.text("side");
  if (side !== "yes" && side !== "no" && side !== "") {
    fields.defects.push({ reason: "missing_field", detail: `side is ${side.slice(0, 100)}` });
  }
  const ts = fields.firstTime(["ts", null], ["ts_ms", 1_000]);
  return fields.defects.length > 0 ? null : { isNo: side === "no", price, change, ts };
}
