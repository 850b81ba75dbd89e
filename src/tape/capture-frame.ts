import { parseTime, type Micros } from "../model/time.ts";
import type { CaptureValue } from "./capture-file.ts";
import { compactJson, JsonScanner } from "./json-scanner.ts";

/** One frame of a capture made by others. */
export interface CaptureFrame {
  /** As received where the capture kept text; else the object's own text without white space. */
  readonly bytes: Buffer;
  /** Receive time; null where the capture has none. */
  readonly at: Micros | null;
  /** The capture gives a receive time that cannot be one. */
  readonly badTime: boolean;
  /** JSON text of whatever names the connection; empty where the capture names none. */
  readonly connection: string;
}

type Unit = "time" | "ns" | "us" | "ms" | "s";

/** Digits by which a number in this unit is shifted to become microseconds. */
const SHIFT: Readonly<Record<Unit, number>> = { time: 0, ns: -3, us: 0, ms: 3, s: 6 };

/** Spellings of the receive time: `received_at`, `recv_ns`, `recv_ts_ns`, `received_ms`, `ts_wall_ns` and their like. */
const TIME = /^(?:(?:received|recv)_at|(?:received|recv|ts_wall|rx)(?:_at|_ts|_time)?_(ns|us|ms|s))$/;
const TEXTS = ["frame", "raw", "payload"];

/** Receive times outside of these are a wrong unit: there was no prediction market on the wire before 2001. */
const EARLIEST: Micros = 1_000_000_000_000_000;
const LATEST: Micros = 4_102_444_800_000_000;

const known = new Map<string, Unit | null>();

function unitOf(key: string): Unit | null {
  let unit = known.get(key);
  if (unit === undefined) {
    const match = TIME.exec(key);
    unit = match === null ? null : ((match[1] as Unit | undefined) ?? "time");
    if (known.size < 1000) known.set(key, unit);
  }
  return unit;
}

interface Envelope {
  readonly start: number;
  readonly end: number;
  readonly at: Micros | null;
  readonly timed: boolean;
  readonly connection: string;
}

/** The frames in one value of a capture: one, or those of an array of envelopes. */
export function framesOf(value: CaptureValue): CaptureFrame[] {
  if (!value.json) return [bare(value.bytes)];
  if (value.first === 0x22) return [bare(textOf(value.bytes))];
  if (value.first === 0x7b) return [objectFrame(value)];
  return value.first === 0x5b ? arrayFrames(value) : [bare(value.bytes)];
}

function bare(bytes: Buffer): CaptureFrame {
  return { bytes, at: null, badTime: false, connection: "" };
}

function objectFrame(value: CaptureValue): CaptureFrame {
  const { bytes, spaced } = value;
  const envelope = readEnvelope(bytes, value.members);
  if (envelope === null) return bare(value.lines > 1 ? compactJson(bytes) : bytes);
  const { at, timed, connection, start, end } = envelope;
  const inner = bytes.subarray(start, end);
  const frame = inner[0] === 0x22 ? textOf(inner) : spaced ? compactJson(inner) : inner;
  return { bytes: frame, at, badTime: timed && at === null, connection };
}

/** An array is one frame (Polymarket batches messages so), unless it is a list of envelopes. */
function arrayFrames(value: CaptureValue): CaptureFrame[] {
  const { bytes, members } = value;
  const scanner = new JsonScanner();
  const frames: CaptureFrame[] = [];
  for (let i = 0; i < members.length; i += 4) {
    const element = bytes.subarray(members[i + 2], members[i + 3]);
    scanner.reset();
    scanner.scan(element);
    if (scanner.first !== 0x7b || readEnvelope(element, scanner.members) === null) {
      return [bare(value.lines > 1 ? compactJson(bytes) : bytes)];
    }
    frames.push(
      objectFrame({ ...value, bytes: element, first: scanner.first, members: scanner.members, spaced: scanner.spaced }),
    );
  }
  return frames.length > 0 ? frames : [bare(bytes)];
}

/**
 * What an object says as an envelope; null where it is a message itself. `frame` makes an envelope; `raw` and `payload`
 * only beside a receive time or a connection, because messages may have such keys of their own.
 */
function readEnvelope(bytes: Buffer, members: readonly number[]): Envelope | null {
  let start = -1;
  let end = -1;
  let rank = TEXTS.length;
  let at: Micros | null = null;
  let timed = false;
  let connection = "";
  for (let i = 0; i < members.length; i += 4) {
    const key = bytes.toString("latin1", members[i]! + 1, members[i + 1]! - 1);
    const from = members[i + 2]!;
    const to = members[i + 3]!;
    const text = TEXTS.indexOf(key);
    if (text >= 0) {
      if (text > rank) continue;
      [rank, start, end] = [text, from, to];
    } else if (key === "conn") connection = bytes.toString("utf8", from, to);
    else {
      const unit = unitOf(key);
      if (unit === null) continue;
      const value = bytes.toString("latin1", from, to);
      if (value === "null") continue;
      timed = true;
      at ??= timeOf(value, unit);
    }
  }
  if (start < 0 || (rank > 0 && !timed && connection === "")) return null;
  return { start, end, at, timed, connection };
}

/** A receive time as exact microseconds, digits below cut; null when it is none. */
export function timeOf(text: string, unit: Unit): Micros | null {
  const plain = text.startsWith('"') ? text.slice(1, -1) : text;
  const iso = plain.includes("-") ? parseTime(plain) : null;
  const number = /^(\d{1,20})(?:\.(\d*))?$/.exec(plain);
  let micros = iso;
  if (number !== null) {
    const [, whole = "", fraction = ""] = number;
    const shift = SHIFT[unit];
    micros = Number(shift < 0 ? whole.slice(0, shift) : whole + fraction.slice(0, shift).padEnd(shift, "0"));
  }
  return micros !== null && micros >= EARLIEST && micros < LATEST ? micros : null;
}

/** The text of a JSON string; its own bytes where its escapes are none. */
function textOf(quoted: Buffer): Buffer {
  try {
    return Buffer.from(JSON.parse(quoted.toString("utf8")) as string, "utf8");
  } catch {
    return quoted;
  }
}
