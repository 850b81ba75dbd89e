import { readFileSync } from "node:fs";
import { polymarketInterpreter } from "./interpret.ts";
import type { PolymarketInterpreter } from "./interpret.ts";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";

/** The captures beside the project; tests that need them are skipped where they are absent. */
export const shared = new URL("../../../../shared/fixtures/polymarket/", import.meta.url);

/** The lines of a file that are not empty. */
export function lines(file: URL): string[] {
  return readFileSync(file, "utf8").split("\n").filter((line) => line.trim() !== "");
}

/** An interpreter whose events are collected, and short ways to feed it. */
export function interpretation(saved?: unknown): {
  readonly interpreter: PolymarketInterpreter;
  readonly events: MarketEvent[];
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
