import { parseComputedSpot, parseSpot, type Spot } from "../../model/decimal.ts";
import type { SpotTick } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import type { Defect } from "./defect.ts";
import { describe, integer, isObject, type JsonObject } from "./fields.ts";

/** The channel of CF Benchmarks' index values (docs.kalshi.com/websockets/cfbenchmarks-value). */
export const INDEX_CHANNEL = "cfbenchmarks_value";

export interface IndexValue {
  /** `BRTI`; its averages are `BRTI.avg_60s` and `BRTI.avg_60s_15min`. */
  readonly product: string;
  readonly ts: Micros | null;
  readonly price: Spot;
}

/**
 * Reads one message: the index itself, from the vendor's JSON in `data`; the trailing average of 60 seconds; and, in the
 * last minute of each quarter of an hour, the average since that minute began, on which 15-minute markets settle. The
 * averages are computed, so digits beyond the eighth place are cut. Their time is the end of their window.
 */
export function readIndex(message: JsonObject): readonly [IndexValue, ...IndexValue[]] | Defect {
  const id = message["index_id"];
  if (typeof id !== "string" || id === "") return { reason: "missing_field", detail: `index_id is ${describe(id)}` };
  const data = vendorData(message["data"]);
  if (data === null) return { reason: "missing_field", detail: `data is ${describe(message["data"])}` };
  const price = spotOf(data["value"], parseSpot);
  if (price === null) return { reason: "bad_number", detail: `value is ${describe(data["value"])}` };
  const ts = milliseconds(data["time"]) ?? milliseconds(message["received_at"]);
  const values: [IndexValue, ...IndexValue[]] = [{ product: id, ts, price }];
  for (const [key, suffix] of AVERAGES) {
    const average = message[key];
    if (!isObject(average)) continue;
    const value = spotOf(average["value"], parseComputedSpot);
    if (value === null) return { reason: "bad_number", detail: `${key}.value is ${describe(average["value"])}` };
    const end = milliseconds(average["window_end_ts_exclusive"]) ?? milliseconds(average["window_end_ts_ms"]);
    values.push({ product: `${id}.${suffix}`, ts: end ?? ts, price: value });
  }
  return values;
}

const AVERAGES = [
  ["avg_60s_data", "avg_60s"],
  ["last_60s_windowed_average_15min", "avg_60s_15min"],
] as const;

/** A value as a row of `spot_ticks`. Indices have neither quotes nor volume. */
export function spotTick({ product, ts, price }: IndexValue, sequence: number | null): SpotTick {
  return {
    type: "spot_tick",
    venue: "cfbenchmarks",
    product,
    ts,
    price,
    bid: null,
    bidSize: null,
    ask: null,
    askSize: null,
    volume24h: null,
    sequence,
    isStale: false,
  };
}

function vendorData(data: unknown): JsonObject | null {
  if (typeof data !== "string") return isObject(data) ? data : null;
  try {
    const parsed: unknown = JSON.parse(data);
    return isObject(parsed) ? parsed : null;
  } catch {
    // The caller says what it was.
    return null;
  }
}

function spotOf(value: unknown, parse: (text: string) => Spot | null): Spot | null {
  return typeof value === "string" || typeof value === "number" ? parse(String(value)) : null;
}

function milliseconds(value: unknown): Micros | null {
  const whole = integer(value);
  return whole !== null && whole > 1e12 && whole < 9e12 ? whole * 1_000 : null;
}
