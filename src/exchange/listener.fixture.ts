import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { readPrivateKey, signedHeaders } from "../venues/kalshi/auth.ts";
import { type Exchange, KALSHI_SOCKET, startExchange } from "./exchange.ts";
import type { ExchangeOptions } from "./options.ts";

/** A line of the truth file. */
export interface Line {
  readonly conn: number;
  readonly n?: number;
  readonly text?: string;
  readonly base64?: string;
  readonly fault?: string;
  readonly count?: number;
  readonly suppressed?: string;
  readonly closed?: string;
  readonly original?: string;
  readonly after?: readonly object[];
}

/** A directory that goes with its user. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "foretape-exchange-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const truthOf = (path: string): Line[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

/** A client that keeps the bytes of every frame. */
export class Listener {
  readonly frames: Buffer[] = [];
  readonly ws: WebSocket;
  readonly closed: Promise<number>;
  #waiting: { count: number; resolve: () => void } | null = null;

  constructor(ws: WebSocket) {
    this.ws = ws;
    this.closed = new Promise((resolve) => ws.on("close", resolve));
    ws.on("error", () => {});
    ws.on("message", (data) => {
      this.frames.push(data as Buffer);
      if (this.#waiting !== null && this.frames.length >= this.#waiting.count) this.#waiting.resolve();
    });
  }

  /** Waits until so many more frames have come. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { count: this.frames.length + count, resolve };
    });
  }

  get texts(): string[] {
    return this.frames.map(String);
  }
}

export async function kalshi(
  exchange: Exchange,
  changes: { keyId?: string; key?: string; skewMs?: number } = {},
): Promise<Listener> {
  const { ws_url, key_id, private_key } = exchange.kalshi;
  const key = readPrivateKey(changes.key ?? private_key);
  const headers = signedHeaders(changes.keyId ?? key_id, key, Date.now() + (changes.skewMs ?? 0), "GET", KALSHI_SOCKET);
  const ws = new WebSocket(ws_url, { headers, skipUTF8Validation: true });
  const listener = new Listener(ws);
  await once(ws, "open");
  ws.send(
    JSON.stringify({
      id: 1,
      cmd: "subscribe",
      params: { channels: ["orderbook_delta", "trade"], market_tickers: exchange.tickers },
    }),
  );
  return listener;
}

export async function polymarket(exchange: Exchange): Promise<Listener> {
  const ws = new WebSocket(exchange.polymarket.ws_url, { skipUTF8Validation: true });
  const listener = new Listener(ws);
  await once(ws, "open");
  ws.send(JSON.stringify({ assets_ids: exchange.tokens, type: "market" }));
  return listener;
}

export const start = (options: Partial<ExchangeOptions> = {}) =>
  startExchange({ keyType: "ed25519", rate: 8_000, ...options });
