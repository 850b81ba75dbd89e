/** What the bytes so far are: a whole JSON value, the beginning of one, or none. */
export type JsonVerdict = "whole" | "open" | "wrong";

const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const COLON = 4;
const COMMA_OR_END = 5;
const DONE = 6;

const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/**
 * Recognises one JSON value line by line and notes where its members lie, so that a part of it can be taken out byte
 * for byte: parsing and printing again would change numbers. Escapes in strings are not checked.
 */
export class JsonScanner {
  /** Per member of the outermost object or array: start and end of its key (with quotes; -1 in arrays) and of its value. */
  readonly members: number[] = [];
  /** First byte of the value, 0 before it. */
  first = 0;
  /** There is white space between tokens. */
  spaced = false;
  readonly #open: number[] = [];
  #state = VALUE;
  #length = 0;
  #key = -1;
  #keyEnd = -1;
  #value = -1;

  reset(): void {
    this.members.length = 0;
    this.first = 0;
    this.spaced = false;
    this.#open.length = 0;
    this.#state = VALUE;
    this.#length = 0;
    this.#key = -1;
    this.#keyEnd = -1;
  }

  /** Reads on with the next line. No token spans two lines. */
  scan(bytes: Buffer): JsonVerdict {
    const base = this.#length;
    this.#length += bytes.length;
    for (let i = 0; i < bytes.length;) {
      const c = bytes[i]!;
      if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) {
        this.spaced = true;
        i++;
        continue;
      }
      const next = this.#token(bytes, i, c, base);
      if (next < 0) return "wrong";
      i = next;
    }
    return this.#state === DONE ? "whole" : "open";
  }

  /** Reads the token at `i` and returns the offset behind it, or -1. */
  #token(bytes: Buffer, i: number, c: number, base: number): number {
    switch (this.#state) {
      case COLON:
        if (c !== 0x3a) return -1;
        this.#state = VALUE;
        return i + 1;
      case COMMA_OR_END:
        if (c === 0x2c) {
          this.#state = this.#open[this.#open.length - 1] === 0x7b ? KEY : VALUE;
          return i + 1;
        }
        return this.#close(c, base + i) ? i + 1 : -1;
      case KEY_OR_END:
      case KEY: {
        if (c === 0x7d && this.#state === KEY_OR_END) return this.#close(c, base + i) ? i + 1 : -1;
        const end = c === 0x22 ? stringEnd(bytes, i) : -1;
        if (end < 0) return -1;
        if (this.#open.length === 1) {
          this.#key = base + i;
          this.#keyEnd = base + end;
        }
        this.#state = COLON;
        return end;
      }
      case VALUE_OR_END:
      case VALUE:
        if (c === 0x5d && this.#state === VALUE_OR_END) return this.#close(c, base + i) ? i + 1 : -1;
        return this.#startValue(bytes, i, c, base);
      default:
        return -1;
    }
  }

  #startValue(bytes: Buffer, i: number, c: number, base: number): number {
    if (this.#open.length === 0) this.first = c;
    else if (this.#open.length === 1) this.#value = base + i;
    if (c === 0x7b || c === 0x5b) {
      this.#open.push(c);
      this.#state = c === 0x7b ? KEY_OR_END : VALUE_OR_END;
      return i + 1;
    }
    const end = c === 0x22 ? stringEnd(bytes, i) : literalEnd(bytes, i);
    if (end > 0) this.#endValue(base + end);
    return end;
  }

  #close(c: number, at: number): boolean {
    if (this.#open.pop() !== (c === 0x7d ? 0x7b : c === 0x5d ? 0x5b : 0)) return false;
    this.#endValue(at + 1);
    return true;
  }

  #endValue(end: number): void {
    const depth = this.#open.length;
    if (depth === 1) this.members.push(this.#key, this.#keyEnd, this.#value, end);
    this.#state = depth === 0 ? DONE : COMMA_OR_END;
  }
}

function stringEnd(bytes: Buffer, start: number): number {
  for (let i = start + 1; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c === 0x22) return i + 1;
    if (c === 0x5c) i++;
    else if (c < 0x20) return -1;
  }
  return -1;
}

function literalEnd(bytes: Buffer, start: number): number {
  let end = start;
  for (; end < bytes.length; end++) {
    const c = bytes[end]!;
    if (c <= 0x20 || c === 0x2c || c === 0x5d || c === 0x7d) break;
  }
  return LITERAL.test(bytes.toString("latin1", start, end)) ? end : -1;
}

/** JSON text without white space between its tokens, every token as it was. */
export function compactJson(text: Buffer): Buffer {
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (inString) {
      if (c === 0x5c) out[length++] = text[i++]!;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) continue;
    out[length++] = text[i]!;
  }
  return out.subarray(0, length);
}
