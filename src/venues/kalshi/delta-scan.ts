import type { Millionths } from "../../model/decimal.ts";
import { ONE } from "../../model/decimal.ts";
import type { Micros } from "../../model/time.ts";

const QUOTE = 34;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const OPEN = 123;
const CLOSE = 125;

/** Keys that matter, each with its bit. */
const Key = {
  none: 0,
  type: 1,
  sid: 2,
  seq: 4,
  msg: 8,
  ticker: 16,
  price: 32,
  change: 64,
  side: 128,
  ts: 256,
  tsMs: 512,
  /** A key of an older generation: not for us. */
  other: 1024,
} as const;

const REQUIRED = Key.type | Key.sid | Key.seq | Key.msg | Key.ticker | Key.price | Key.change | Key.side;

const DELTA = Buffer.from("orderbook_delta");
const TYPE = Buffer.from("type");
const SID = Buffer.from("sid");
const SEQ = Buffer.from("seq");
const MSG = Buffer.from("msg");
const TICKER = Buffer.from("market_ticker");
const PRICE = Buffer.from("price_dollars");
const CHANGE = Buffer.from("delta_fp");
const SIDE = Buffer.from("side");
const TS = Buffer.from("ts");
const TS_MS = Buffer.from("ts_ms");
const YES = Buffer.from("yes");
const NO = Buffer.from("no");
const OLD_PRICE = Buffer.from("price");
const OLD_CHANGE = Buffer.from("delta");

/**
 * Reads a well-formed `orderbook_delta` of the fixed-point generation straight from its bytes, its keys in any order,
 * unknown keys with text or whole numbers skipped. Anything else — another message, white space, escapes, a value out
 * of the ordinary — is refused, and the JSON path reads it: that one decides what is wrong with a frame, and for what
 * this scanner takes it gives the same fields (a property test holds them together). One object serves every frame.
 */
export class DeltaScan {
  sid = 0;
  seq = 0;
  /** Where the ticker's bytes are. */
  tickerFrom = 0;
  tickerTo = 0;
  price: Millionths = 0;
  change: Millionths = 0;
  isNo = false;
  ts: Micros | null = null;
  /** The frame says that it is an `orderbook_delta`, also where it is refused after that. */
  isDelta = false;
  #at = 0;
  #number = 0;
  #day = -1;
  #dayStart: Micros = 0;

  /** True where the fields hold what the frame says. */
  read(bytes: Buffer): boolean {
    let seen = 0;
    let depth = 0;
    let ts: Micros | null = null;
    let tsMs: Micros | null = null;
    let i = 1;
    this.isDelta = false;
    if (bytes[0] !== OPEN) return false;
    for (;;) {
      if (bytes[i] !== QUOTE) return false;
      const keyAt = i + 1;
      i = closing(bytes, keyAt);
      if (i < 0 || bytes[i + 1] !== COLON) return false;
      const key = depth === 0 ? outerKey(bytes, keyAt, i - keyAt) : innerKey(bytes, keyAt, i - keyAt);
      if ((seen & key) !== 0 || key === Key.other) return false;
      seen |= key;
      i += 2;
      const first = bytes[i];
      if (first === QUOTE) {
        const from = i + 1;
        const to = closing(bytes, from);
        if (to < 0) return false;
        i = to + 1;
        switch (key) {
          case Key.none:
            break;
          case Key.type:
            if (!equals(bytes, from, to - from, DELTA)) return false;
            this.isDelta = true;
            break;
          case Key.ticker:
            if (from === to) return false;
            this.tickerFrom = from;
            this.tickerTo = to;
            break;
          case Key.price:
            if (!this.#decimal(bytes, from, to) || this.#number < 0 || this.#number > ONE) return false;
            this.price = this.#number;
            break;
          case Key.change:
            if (!this.#decimal(bytes, from, to)) return false;
            this.change = this.#number;
            break;
          case Key.side:
            this.isNo = equals(bytes, from, to - from, NO);
            if (!this.isNo && !equals(bytes, from, to - from, YES)) return false;
            break;
          case Key.ts:
            if (!this.#time(bytes, from, to)) return false;
            ts = this.#number;
            break;
          default:
            return false;
        }
      } else if (first === OPEN) {
        if (key !== Key.msg) return false;
        depth = 1;
        i++;
        continue;
      } else {
        if (!this.#whole(bytes, i)) return false;
        i = this.#at;
        if (key === Key.sid) this.sid = this.#number;
        else if (key === Key.seq) this.seq = this.#number;
        else if (key === Key.tsMs && this.#number > 0 && this.#number < 1e13) tsMs = this.#number * 1_000;
        else if (key !== Key.none) return false;
      }
      if (bytes[i] === CLOSE && depth === 1) {
        depth = 0;
        i++;
      }
      const next = bytes[i++];
      if (next === COMMA) continue;
      if (next !== CLOSE || depth !== 0) return false;
      break;
    }
    for (; i < bytes.length; i++) if (bytes[i] !== 10) return false;
    this.ts = ts ?? tsMs;
    return (seen & REQUIRED) === REQUIRED;
  }

  /** A whole number of at most 15 digits, as JSON writes it; leaves it in `#number` and the place after it in `#at`. */
  #whole(bytes: Buffer, from: number): boolean {
    let value = 0;
    let i = from;
    let c = bytes[i];
    while (c !== undefined && c >= ZERO && c <= NINE) {
      value = value * 10 + (c - ZERO);
      c = bytes[++i];
    }
    const digits = i - from;
    if (digits === 0 || digits > 15 || (digits > 1 && bytes[from] === ZERO)) return false;
    this.#number = value;
    this.#at = i;
    return true;
  }

  /** Plain decimal text with at most 9 digits before and 6 after the point, in millionths. */
  #decimal(bytes: Buffer, from: number, to: number): boolean {
    const negative = bytes[from] === MINUS;
    const start = negative ? from + 1 : from;
    let value = 0;
    let i = start;
    let c = bytes[i] ?? 0;
    while (i < to && c >= ZERO && c <= NINE) {
      value = value * 10 + (c - ZERO);
      c = bytes[++i] ?? 0;
    }
    if (i === start || i - start > 9) return false;
    let missing = 6;
    if (i < to) {
      if (c !== DOT) return false;
      for (i++; i < to; i++) {
        c = bytes[i] ?? 0;
        if (c < ZERO || c > NINE || missing === 0) return false;
        value = value * 10 + (c - ZERO);
        missing--;
      }
    }
    while (missing-- > 0) value *= 10;
    this.#number = negative && value !== 0 ? -value : value;
    return true;
  }

  /** `2026-05-14T04:44:52.862234Z` with 0 to 9 digits of a second, in microseconds; finer digits are cut. */
  #time(bytes: Buffer, from: number, to: number): boolean {
    const length = to - from;
    if (length < 20 || length > 30 || bytes[to - 1] !== 90 /* Z */ || bytes[from + 10] !== 84 /* T */) return false;
    if (bytes[from + 4] !== MINUS || bytes[from + 7] !== MINUS) return false;
    if (bytes[from + 13] !== COLON || bytes[from + 16] !== COLON) return false;
    const century = pair(bytes, from);
    const year = pair(bytes, from + 2);
    const month = pair(bytes, from + 5);
    const date = pair(bytes, from + 8);
    const hour = pair(bytes, from + 11);
    const minute = pair(bytes, from + 14);
    const second = pair(bytes, from + 17);
    if ((century | year | month | date | hour | minute | second) < 0) return false;
    if (hour > 23 || minute > 59 || second > 59 || century < 19) return false;
    const day = ((century * 100 + year) * 100 + month) * 100 + date;
    if (day !== this.#day && !this.#startDay(century * 100 + year, month, date)) return false;
    let fraction = 0;
    let scale = 100_000;
    if (length > 20) {
      if (bytes[from + 19] !== DOT || length === 21) return false;
      for (let i = from + 20; i < to - 1; i++) {
        const digit = (bytes[i] ?? 0) - ZERO;
        if (digit < 0 || digit > 9) return false;
        if (scale >= 1) fraction += digit * scale;
        scale /= 10;
      }
    }
    this.#number = this.#dayStart + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
    return true;
  }

  #startDay(year: number, month: number, date: number): boolean {
    const start = new Date(Date.UTC(year, month - 1, date));
    if (start.getUTCMonth() !== month - 1 || start.getUTCDate() !== date) return false;
    this.#day = (year * 100 + month) * 100 + date;
    this.#dayStart = start.getTime() * 1_000;
    return true;
  }
}

/** 1 for what a text can hold without more ado: printable ASCII but quotes and escapes. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, c) =>
  c >= 32 && c <= 126 && c !== QUOTE && c !== BACKSLASH ? 1 : 0,
);

/** Place of the quote that ends the text at `i`; -1 where it holds anything that is not plain. */
function closing(bytes: Buffer, i: number): number {
  while (PLAIN[bytes[i] as number] === 1) i++;
  return bytes[i] === QUOTE ? i : -1;
}

function equals(bytes: Buffer, from: number, length: number, text: Buffer): boolean {
  if (length !== text.length) return false;
  for (let i = 0; i < length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

function outerKey(bytes: Buffer, from: number, length: number): number {
  if (length === 3) {
    if (equals(bytes, from, 3, SID)) return Key.sid;
    if (equals(bytes, from, 3, SEQ)) return Key.seq;
    return equals(bytes, from, 3, MSG) ? Key.msg : Key.none;
  }
  return equals(bytes, from, length, TYPE) ? Key.type : Key.none;
}

function innerKey(bytes: Buffer, from: number, length: number): number {
  switch (length) {
    case 2:
      return equals(bytes, from, 2, TS) ? Key.ts : Key.none;
    case 4:
      return equals(bytes, from, 4, SIDE) ? Key.side : Key.none;
    case 5:
      if (equals(bytes, from, 5, TS_MS)) return Key.tsMs;
      return equals(bytes, from, 5, OLD_PRICE) || equals(bytes, from, 5, OLD_CHANGE) ? Key.other : Key.none;
    case 8:
      return equals(bytes, from, 8, CHANGE) ? Key.change : Key.none;
    case 13:
      if (equals(bytes, from, 13, PRICE)) return Key.price;
      return equals(bytes, from, 13, TICKER) ? Key.ticker : Key.none;
    default:
      return Key.none;
  }
}

/** Two digits as a number, or -1. */
function pair(bytes: Buffer, at: number): number {
  const a = (bytes[at] ?? 0) - ZERO;
  const b = (bytes[at + 1] ?? 0) - ZERO;
  return a < 0 || a > 9 || b < 0 || b > 9 ? -1 : a * 10 + b;
}
