import { isAscii, isUtf8 } from "node:buffer";
import { parseMillionths } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";
import { ONE } from "../../model/decimal.ts";
import { parseTime } from "../../model/time.ts";
import type { Micros } from "../../model/time.ts";

/** A JSON object of the venue: nothing is known of it before it is looked at. */
export type WireObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is WireObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Why something could not be read: `reason` is a stable word for `quarantine`, `detail` says what exactly. */
export interface Unreadable {
  readonly reason: string;
  readonly detail: string;
}

/** Text of a frame or body, or null where the bytes are no UTF-8. */
export function textOf(bytes: Buffer): string | null {
  if (isAscii(bytes)) return bytes.toString("latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : null;
}

/** A value that is read as text: a string that is not empty. Ids are opaque. */
export function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** The decimal text of a string or of a JSON number in its shortest form; null for anything else and for `""`. */
export function decimalText(value: unknown): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  return typeof value === "number" && Number.isFinite(value) ? String(value) : null;
}

/** An exact decimal in millionths, or null where there is none, or one with more than six decimals. */
export function decimal(value: unknown): Millionths | null {
  const digits = decimalText(value);
  return digits === null ? null : parseMillionths(digits);
}

/** A price of a share, 0…1 dollars. NaN where it is none. */
export function priceOf(value: unknown): Millionths {
  const price = typeof value === "string" ? parseMillionths(value) : decimal(value);
  return price === null || price < 0 || price > ONE ? Number.NaN : price;
}

/** A number of shares, not negative. NaN where it is none. */
export function sizeOf(value: unknown): Millionths {
  const size = typeof value === "string" ? parseMillionths(value) : decimal(value);
  return size === null || size < 0 ? Number.NaN : size;
}

/**
 * A best bid or ask: null for an empty side, which the venue writes as `""`, as a bid of 0 or as an ask of 1 (both
 * shapes in @polymarket/client's schemas). NaN where it cannot be read.
 */
export function bestOf(value: unknown): Millionths | null {
  if (value === "" || value === null) return null;
  const price = priceOf(value);
  return price === 0 || price === ONE ? null : price;
}

/**
 * The `timestamp` of a WebSocket message: Unix milliseconds, a string of digits (or a number). Null where it is
 * missing or no time between 2001 and 2255: some documentation samples show other units, the wire does not.
 */
export function millisTime(value: unknown): Micros | null {
  const ms = typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  return Number.isSafeInteger(ms) && ms >= 1e12 && ms < 9e12 ? ms * 1000 : null;
}

/** Unix seconds or milliseconds, told apart by size, or RFC 3339 text, also with a space and a short offset (`+00`). */
export function anyTime(value: unknown): Micros | null {
  if (typeof value === "string" && value.includes("-")) return parseTime(value);
  const number =
    typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number)) return null;
  return number >= 1e8 && number < 1e10 ? number * 1_000_000 : millisTime(number);
}

/** `BUY` or `SELL` in any case. */
export function isBuy(value: unknown): boolean | null {
  if (value === "BUY") return true;
  if (value === "SELL") return false;
  if (typeof value !== "string") return null;
  const side = value.toUpperCase();
  return side === "BUY" ? true : side === "SELL" ? false : null;
}

/** A list of strings: a JSON array, or a string that holds one. Null where it is neither. */
export function strings(value: unknown): readonly string[] | null {
  let list: unknown = value;
  if (typeof value === "string" && value.startsWith("[")) {
    const parsed = parseJson(value);
    if (!parsed.ok) return null;
    list = parsed.value;
  }
  return Array.isArray(list) && list.every((item) => typeof item === "string") ? list : null;
}

/** `JSON.parse` whose failure is a value. */
export function parseJson(
  source: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string } {
  try {
    return { ok: true, value: JSON.parse(source) };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

/** The type of a message without `event_type`, told by keys that no other message has. */
export function typeByShape(message: WireObject): string | undefined {
  if (message["price_changes"] !== undefined || message["changes"] !== undefined) return "price_change";
  return message["bids"] !== undefined && message["asks"] !== undefined ? "book" : undefined;
}
