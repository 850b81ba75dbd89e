import type { Facts } from "./facts.ts";
import { type Fields, isObject, jsonText, type JsonObject } from "./fields.ts";
import type { Market, Memory } from "./memory.ts";
import { lifecycleStatus } from "./status.ts";

/** Steps in the life of markets and events, from the `market_lifecycle_v2` channel. */
export class LifecycleMessages {
  readonly #memory: Memory;
  readonly #facts: Facts;

  constructor(memory: Memory, facts: Facts) {
    this.#memory = memory;
    this.#facts = facts;
  }

  /**
   * `market_lifecycle_v2`. The message has no time of its own: `ts` is the determination or settlement it reports.
   * Kinds that change no status (`close_date_updated`, `metadata_updated` …) and unknown ones have no `toStatus`.
   */
  market(market: Market, message: JsonObject, fields: Fields): void {
    const kind = fields.text("event_type");
    const ts = fields.firstTime(["determination_ts", 1_000_000], ["settled_ts", 1_000_000]);
    const detail = jsonText(message);
    if (detail === null) fields.defects.push({ reason: "malformed_json", detail: "nested too deep" });
    if (fields.defects.length > 0 || detail === null) return;
    market.result = fields.optionalText("result") ?? market.result;
    const toStatus = lifecycleStatus(kind, market.result);
    const fromStatus = toStatus === null ? null : market.status;
    this.#memory.emit({ type: "lifecycle", instrument: market.instrument, ts, fromStatus, toStatus, kind, detail });
    market.status = toStatus ?? market.status;
    if (kind === "created") this.#facts.market(createdMarket(message, market.instrument.market), detail);
  }

  /** `event_lifecycle`: an event was made. */
  event(message: JsonObject): void {
    this.#facts.event({ ...message, sub_title: message["subtitle"], strike_date: seconds(message["strike_date"]) });
  }

  /** `event_fee_update`: null in the message clears the override. */
  eventFee(message: JsonObject): void {
    this.#facts.eventFee(message);
  }
}

/** A `created` message in the shape of a REST market object, which has the same facts under other names. */
function createdMarket(message: JsonObject, ticker: string): JsonObject {
  const metadata = isObject(message["additional_metadata"]) ? message["additional_metadata"] : {};
  return {
    ...metadata,
    title: metadata["title"] ?? metadata["name"],
    expected_expiration_time: seconds(metadata["expected_expiration_ts"]),
    ...message,
    ticker,
    open_time: seconds(message["open_ts"]),
    close_time: seconds(message["close_ts"]),
    status: "initialized",
  };
}

/** Seconds since 1970 as the RFC 3339 text that REST would send; anything else as it is. */
function seconds(value: unknown): unknown {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || Math.abs(value) > 8_640_000_000_000) return value;
  return value === 0 ? null : new Date(value * 1000).toISOString();
}
