import { readFileSync } from "node:fs";
import { polymarketInterpreter } from "./interpret.ts";
import type { PolymarketInterpreter } from "./interpret.ts";
import type { Closed } from "../../journal/record.ts";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";

/** The captures beside the project; tests that need them are skipped where they are absent. */
export const shared = new URL("../../../../shared/fixtures/polymarket/", import.meta.url);

/** Excerpts of captures, see `fixtures/README.md`: frames by line, from 1. */
export function capturedFrame(line: number): string {
  return lines(new URL("fixtures/frames.jsonl", import.meta.url))[line - 1] ?? "";
}

/** The lines of a file that are not empty. */
export function lines(file: URL): string[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
}

export const TOKEN_A = "1001";
export const TOKEN_B = "1002";
export const MARKET = "0xaa";

/** A `book` message of `TOKEN_A`. */
export function book(fields: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    market: MARKET,
    asset_id: TOKEN_A,
    timestamp: "1784578686071",
    hash: "00",
    bids: [
      { price: "0.01", size: "10" },
      { price: "0.48", size: "5.5" },
    ],
    asks: [
      { price: "0.99", size: "7" },
      { price: "0.5", size: "3" },
    ],
    event_type: "book",
    ...fields,
  };
}

/** A `price_change` message of today's shape. */
export function priceChange(
  ...changes: readonly Readonly<Record<string, unknown>>[]
): Readonly<Record<string, unknown>> {
  const entry = { asset_id: TOKEN_A, price: "0.48", size: "6", side: "BUY", hash: "11" };
  return {
    market: MARKET,
    price_changes: changes.map((change) => ({ ...entry, ...change })),
    timestamp: "1784578686072",
    event_type: "price_change",
  };
}

/** An interpreter whose events are collected, and short ways to feed it. */
export function interpretation(saved?: unknown): {
  readonly interpreter: PolymarketInterpreter;
  readonly events: MarketEvent[];
  open(epoch: number, stream?: string, at?: Micros): void;
  send(epoch: number, message: unknown, at?: Micros): MarketEvent[];
  close(epoch: number, closed: Closed, at?: Micros): MarketEvent[];
  frame(epoch: number, message: unknown, at?: Micros | null): MarketEvent[];
  http(url: string, body: string, status?: number, at?: Micros | null): MarketEvent[];
} {
  const events: MarketEvent[] = [];
  const interpreter = polymarketInterpreter(
    { instruments: new Instruments(), emit: (event) => events.push(structuredClone(event)) },
    saved,
  );
  const since = (feed: () => void): MarketEvent[] => {
    const start = events.length;
    feed();
    return events.slice(start);
  };
  return {
    interpreter,
    events,
    open: (epoch, stream = "market/0", at = 0) => {
      const url = "wss://ws-subscriptions-clob.polymarket.com/ws/market";
      interpreter.connected(epoch, { venue: "polymarket", stream, url, format: "polymarket-market" }, at);
    },
    send: (epoch, message, at = 500_000) =>
      since(() =>
        interpreter.sent(epoch, Buffer.from(typeof message === "string" ? message : JSON.stringify(message)), at),
      ),
    close: (epoch, closed, at = 9_000_000) => since(() => interpreter.closed(epoch, closed, at)),
    frame: (epoch, message, at = 1_000_000) =>
      since(() => {
        const text = typeof message === "string" ? message : JSON.stringify(message);
        interpreter.received(epoch, Buffer.from(text), at);
      }),
    http: (url, body, status = 200, at = 1_000_000) =>
      since(() => {
        const head = { venue: "polymarket", method: "GET", url, status, sentAt: 0 };
        interpreter.http({ head, body: Buffer.from(body) }, at);
      }),
  };
}
