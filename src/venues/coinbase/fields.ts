import { parseSpot, type Spot } from "../../model/decimal.ts";
import { type Micros, parseTime } from "../../model/time.ts";
import type { WireObject } from "./wire.ts";

const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)$/;

/** Reads the fields of one object and keeps in mind what was wrong with them. Numbers come as decimal text. */
export class Fields {
  readonly #object: WireObject;
  readonly defects: { readonly reason: string; readonly detail: string }[] = [];

  constructor(object: WireObject) {
    this.#object = object;
  }

  /** Text that must be there. */
  text(key: string): string {
    const value = this.#object[key];
    if (typeof value === "string" && value !== "") return value;
    this.#fail("missing_field", key);
    return "";
  }

  optionalText(key: string): string | null {
    const value = this.#object[key];
    return typeof value === "string" && value !== "" ? value : null;
  }

  /** A price or size that must be there, exactly. */
  exact(key: string): Spot {
    const value = parseSpot(this.#digits(key) ?? "");
    if (value === null) this.#fail("bad_number", key);
    return value ?? 0;
  }

  /**
   * A quantity, null where there is none. One that is a number but finer than 10⁻⁸ or larger than a safe integer holds
   * (90 million units, which the daily volume of cheap coins exceeds) is null too; the frame has it.
   */
  quantity(key: string): Spot | null {
    const digits = this.#digits(key);
    if (digits === null) return null;
    if (!DECIMAL.test(digits)) this.#fail("bad_number", key);
    return parseSpot(digits);
  }

  /** RFC 3339 text; null where it is absent. */
  time(key: string): Micros | null {
    const value = this.#object[key];
    if (value === undefined || value === null || value === "") return null;
    const time = typeof value === "string" ? parseTime(value) : null;
    if (time === null) this.#fail("bad_time", key);
    return time;
  }

  #digits(key: string): string | null {
    const value = this.#object[key];
    if (value === undefined || value === null || value === "") return null;
    return typeof value === "string" ? value : typeof value === "number" ? String(value) : "not a number";
  }

  #fail(reason: string, key: string): void {
    const value = JSON.stringify(this.#object[key])?.slice(0, 100) ?? "missing";
    this.defects.push({ reason, detail: `${key} is ${value}` });
  }
}
