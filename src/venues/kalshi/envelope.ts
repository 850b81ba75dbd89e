/** What a frame is to the recorder: a book change, a complete book, a quote (the one kind without `seq`), an answer to a command, or anything else. */
export type FrameClass = "delta" | "snapshot" | "ticker" | "control" | "other";

const QUOTE = 34;
const BACKSLASH = 92;

/**
 * Reads the outer keys of a Kalshi frame (`type`, `sid`, `seq`, `id`) by scanning its first bytes up to `msg`, without
 * parsing or allocating. A frame of another layout is parsed whole. One object is reused for every frame.
 */
export class Envelope {
  class: FrameClass = "other";
  /** −1 where absent, like `seq` and `id`. */
  sid = -1;
  seq = -1;
  id = -1;
  /** Where `msg` begins; −1 where the frame had to be parsed whole. */
  bodyAt = -1;

  /** False where the frame is no JSON object. */
  read(frame: Buffer): boolean {
    this.class = "other";
    this.sid = -1;
    this.seq = -1;
    this.id = -1;
    this.bodyAt = -1;
    return this.#scan(frame) || this.#parse(frame);
  }

  /** False where not all of `type`, `sid` and `seq` come before `msg`, or there are spaces or escapes. */
  #scan(frame: Buffer): boolean {
    const end = frame.length;
    let i = 0;
    if (frame[i++] !== 123 /* { */) return false;
    let typed = false;
    while (i < end) {
      if (frame[i] !== QUOTE) return frame[i] === 125 /* } */ && typed;
      const keyAt = i + 1;
      i = closingQuote(frame, keyAt);
      if (i < 0 || frame[i + 1] !== 58 /* : */) return false;
      const keyLength = i - keyAt;
      i += 2;
      const key = frame[keyAt];
      const first = frame[i];
      if (first === QUOTE) {
        const at = i + 1;
        i = closingQuote(frame, at);
        if (i < 0) return false;
        if (keyLength === 4 && key === 116 /* type */) {
          this.class = classify(frame[at], i - at);
          typed = true;
        }
        i++;
      } else if (first !== undefined && first >= 48 && first <= 57) {
        let value = 0;
        let c: number | undefined = first;
        while (c !== undefined && c >= 48 && c <= 57) {
          value = value * 10 + (c - 48);
          c = frame[++i];
        }
        if (keyLength === 3 && key === 115) {
          if (frame[keyAt + 1] === 105) this.sid = value;
          else if (frame[keyAt + 1] === 101) this.seq = value;
        } else if (keyLength === 2 && key === 105) this.id = value;
      } else {
        this.bodyAt = i;
        return (
          typed &&
          keyLength === 3 &&
          key === 109 /* msg */ &&
          this.sid >= 0 &&
          (this.seq >= 0 || this.class === "ticker")
        );
      }
      if (frame[i] === 44 /* , */) i++;
    }
    return false;
  }

  #parse(frame: Buffer): boolean {
    let value: unknown;
    try {
      value = JSON.parse(frame.toString());
    } catch {
      return false;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const { type, sid, seq, id } = value as Record<string, unknown>;
    this.class = typeof type === "string" ? classify(type.charCodeAt(0), type.length) : "other";
    this.sid = typeof sid === "number" ? sid : -1;
    this.seq = typeof seq === "number" ? seq : -1;
    this.id = typeof id === "number" ? id : -1;
    return true;
  }
}

function closingQuote(frame: Buffer, from: number): number {
  for (let i = from; i < frame.length; i++) {
    const c = frame[i];
    if (c === QUOTE) return i;
    if (c === BACKSLASH) return -1;
  }
  return -1;
}

/** First letter and length tell the types apart (docs.kalshi.com/asyncapi.yaml 2.0.0). */
function classify(first: number | undefined, length: number): FrameClass {
  if (first === 111 /* o */)
    return length === 15 ? "delta" : length === 18 ? "snapshot" : length === 2 ? "control" : "other";
  if (first === 116 /* t */) return length === 6 ? "ticker" : "other";
  if (first === 115 /* s */) return length === 10 ? "control" : "other";
  if (first === 117 /* u */) return length === 12 ? "control" : "other";
  if (first === 101 /* e */) return length === 5 ? "control" : "other";
  return "other";
}
