import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type Micros, parseTime } from "../model/time.ts";
import { messageOf, StorageError, UsageError } from "../ops/errors.ts";

/** One connection's part of a capture that others made. */
export interface CapturedConnection {
  readonly frames: readonly CapturedFrame[];
}

export interface CapturedFrame {
  readonly text: string;
  /** When it was received; null where the capture does not say. */
  readonly at: Micros | null;
}

export interface Capture {
  readonly venue: "kalshi" | "polymarket";
  readonly connections: readonly CapturedConnection[];
}

/** Receive times under the names that people give them, and what brings them to microseconds. */
const TIMES = [
  ["received_at", 1],
  ["recv_ns", 1e-3],
  ["recv_ts_ns", 1e-3],
  ["received_ms", 1e3],
  ["recv_ms", 1e3],
] as const;

/** The most frames of a capture that is played; it is held in memory. */
const MOST_FRAMES = 5_000_000;

/**
 * Reads a capture: one JSON value a line, `{"frame": text | object, "received_at": …, "conn": …}`, `raw` for `frame`,
 * or a bare message; `.gz` and `.zst` as such. Throws `StorageError` or `UsageError`.
 */
export async function readCapture(path: string): Promise<Capture> {
  const connections: { key: string; frames: CapturedFrame[] }[] = [];
  let venue: Capture["venue"] | null = null;
  let count = 0;
  try {
    for await (const line of createInterface({ input: open(path), crlfDelay: Infinity })) {
      if (line.trim() === "") continue;
      if (++count > MOST_FRAMES) throw new UsageError(`${path} has more than ${MOST_FRAMES} frames`);
      const { text, at, conn, message } = readLine(line, path, count);
      venue ??= venueOf(message);
      const last = connections.at(-1);
      if (last?.key === conn) last.frames.push({ text, at });
      else connections.push({ key: conn, frames: [{ text, at }] });
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new StorageError(`the capture ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (venue === null) throw new UsageError(`${path} has no message of Kalshi or Polymarket`);
  // Kalshi ends its frames with a newline, which line-oriented captures lose.
  const newline = venue === "kalshi" ? "\n" : "";
  return {
    venue,
    connections: connections.map(({ frames }) => ({
      frames: frames.map(({ text, at }) => ({ at, text: text.endsWith("\n") ? text : text + newline })),
    })),
  };
}

function open(path: string): Readable {
  const file = createReadStream(path);
  const decompress = path.endsWith(".gz") ? createGunzip() : path.endsWith(".zst") ? createZstdDecompress() : null;
  if (decompress === null) return file;
  file.on("error", (error) => decompress.destroy(error));
  return file.pipe(decompress);
}

function readLine(line: string, path: string, number: number) {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new UsageError(`${path} line ${number} is no JSON`, { cause });
  }
  const envelope = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const inner = envelope.frame ?? envelope.raw ?? envelope.payload;
  if (inner === undefined) return { text: line, at: null, conn: "", message: value };
  const text = typeof inner === "string" ? inner : JSON.stringify(inner);
  return { text, at: timeOf(envelope), conn: JSON.stringify(envelope.conn ?? ""), message: parsed(inner) };
}

function parsed(inner: unknown): unknown {
  if (typeof inner !== "string") return inner;
  try {
    return JSON.parse(inner);
  } catch {
    // A frame need not be JSON: it is sent as it is.
    return null;
  }
}

function timeOf(envelope: Readonly<Record<string, unknown>>): Micros | null {
  for (const [name, factor] of TIMES) {
    const value = envelope[name];
    if (typeof value === "number") return Math.floor(value * factor);
    if (typeof value === "string") return parseTime(value);
  }
  return null;
}

function venueOf(message: unknown): Capture["venue"] | null {
  if (Array.isArray(message)) return venueOf(message[0]);
  if (typeof message !== "object" || message === null) return null;
  if ("event_type" in message) return "polymarket";
  return "type" in message && "msg" in message ? "kalshi" : null;
}
