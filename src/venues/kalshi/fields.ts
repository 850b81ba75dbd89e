import { ONE, parseMillionths, parseScaled } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";
import { parseTime } from "../../model/time.ts";
import type { Micros } from "../../model/time.ts";
import { type Defect, shorten } from "./defect.ts";

/** A JSON object as `JSON.parse` gives it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for what JSON calls an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The JSON text of a parsed value; null where it is nested too deep to be printed. */
export function jsonText(value: unknown): string | null {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** A whole number, sent as a JSON number or as text; null for anything else. */
export function integer(value: unknown): number | null {
  const number = typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}

/** Decimal text, or the shortest text of a JSON number, in millionths; null when it is no plain decimal. */
export function millionths(value: unknown): Millionths | null {
  if (typeof value === "string") return parseMillionths(value);
  return typeof value === "number" ? parseMillionths(String(value)) : null;
}

/** Integer cents in millionths of a dollar; null when it is no whole number. */
export function cents(value: unknown): Millionths | null {
  const whole = integer(value);
  return whole === null ? null : parseScaled(String(whole), 4);
}

/**
 * Reads the fields of one object and keeps in mind what was wrong with them. Kalshi sends dollar strings
 * (`*_dollars`) and fixed-point counts (`*_fp`); until 2026-03-12 it sent integer cents and counts, for months beside
 * the new keys (docs.kalshi.com changelog). The new key wins where both are there; `""` stands for "none".
 */
export class Fields {
  readonly #object: JsonObject;
  readonly defects: Defect[] = [];

  constructor(object: JsonObject) {
    this.#object = object;
  }

  get(key: string): unknown {
    return this.#object[key];
  }

  /** Text that must be there. */
  text(key: string): string {
    const value = this.#object[key];
    if (typeof value === "string" && value !== "") return value;
    this.#fail("missing_field", `${key} is ${describe(value)}`);
    return "";
  }

  /** Text, or null where it is absent, empty or no text. */
  optionalText(key: string): string | null {
    const value = this.#object[key];
    return typeof value === "string" && value !== "" ? value : null;
  }

  optionalBoolean(key: string): boolean | null {
    const value = this.#object[key];
    return typeof value === "boolean" ? value : null;
  }

  /** A price in dollars, 0…1: from `dollars`, else from integer cents. Null where neither is there. */
  price(dollars: string, centsKey: string): Millionths | null {
    const price = this.money(dollars, centsKey);
    if (price === null || (price >= 0 && price <= ONE)) return price;
    this.#fail("bad_number", `${this.#present(dollars) ? dollars : centsKey} is outside 0…1 dollars`);
    return null;
  }

  /** An amount in dollars: from `dollars`, else from integer cents. Null where neither is there. */
  money(dollars: string, centsKey: string): Millionths | null {
    if (this.#present(dollars)) return this.#number(dollars, millionths);
    if (this.#object[dollars] === "") return null;
    return this.#present(centsKey) ? this.#number(centsKey, cents) : null;
  }

  /** A number of contracts: from fixed-point text, else from the old integer. Null where neither is there. */
  count(fixed: string, whole: string): Millionths | null {
    if (this.#present(fixed)) return this.#number(fixed, millionths);
    return this.#present(whole) ? this.#number(whole, millionths) : null;
  }

  /** A number as it is. Null where it is absent. */
  number(key: string): Millionths | null {
    return this.#present(key) ? this.#number(key, millionths) : null;
  }

  /** A value that must be there: adds a defect where it is null and nothing else is wrong with it. */
  required(value: number | null, keys: string): number {
    if (value !== null) return value;
    if (this.defects.length === 0) this.#fail("missing_field", `${keys} is missing`);
    return 0;
  }

  /** RFC 3339 text as a time. Null where it is absent, empty, or Go's zero time, which Kalshi sends for "none". */
  time(key: string): Micros | null {
    const value = this.#object[key];
    if (value === undefined || value === null || value === "") return null;
    if (typeof value === "string") {
      if (value.startsWith("0001-01-01")) return null;
      const time = parseTime(value);
      if (time !== null) return time;
    }
    this.#fail("bad_time", `${key} is ${describe(value)}`);
    return null;
  }

  /** Whole seconds or milliseconds since 1970 as a time, by `unit` in microseconds. Null where it is absent or 0. */
  epoch(key: string, unit: 1_000 | 1_000_000): Micros | null {
    const value = this.#object[key];
    if (value === undefined || value === null || value === "" || value === 0) return null;
    const whole = integer(value);
    if (whole !== null && Number.isSafeInteger(whole * unit)) return whole * unit;
    this.#fail("bad_time", `${key} is ${describe(value)}`);
    return null;
  }

  /**
   * The first of these that is a readable time: RFC 3339 text where the unit is null, else a whole number of that unit.
   * One that cannot be read matters only where no other can.
   */
  firstTime(...candidates: readonly (readonly [key: string, unit: 1_000 | 1_000_000 | null])[]): Micros | null {
    const before = this.defects.length;
    for (const [key, unit] of candidates) {
      const time = unit === null ? this.time(key) : this.epoch(key, unit);
      if (time === null) continue;
      this.defects.length = before;
      return time;
    }
    return null;
  }

  #present(key: string): boolean {
    const value = this.#object[key];
    return value !== undefined && value !== null && value !== "";
  }

  #number(key: string, read: (value: unknown) => number | null): number | null {
    const value = read(this.#object[key]);
    if (value === null) this.#fail("bad_number", `${key} is ${describe(this.#object[key])}`);
    return value;
  }

  #fail(reason: Defect["reason"], detail: string): void {
    this.defects.push({ reason, detail });
  }
}

/** Says in a few characters what a field held. */
export function describe(value: unknown): string {
  if (value === undefined) return "missing";
  return shorten(jsonText(value) ?? "nested too deep");
}
