import { formatSpot } from "../../model/decimal.ts";
import type { Micros } from "../../model/time.ts";
import type { SpotConnection, SpotHost } from "../server.ts";

const SECOND = 1_000_000;
const SYMBOLS = [
  ["crypto_prices", "btcusdt", "BTC-USD"],
  ["crypto_prices", "ethusdt", "ETH-USD"],
  ["crypto_prices_chainlink", "btc/usd", "BTC-USD"],
  ["crypto_prices_chainlink", "eth/usd", "ETH-USD"],
] as const;

/**
 * The server side of one connection of Polymarket's Real-Time Data Socket (docs.polymarket.com/market-data/websocket/rtds):
 * a price a second of every symbol of the topics that were asked for, no acknowledgements, text `PING` and `PONG`.
 */
export class RtdsConnection implements SpotConnection {
  readonly #host: SpotHost;
  readonly #topics = new Set<string>();
  #pending: string[] = [];
  #priceAt: Micros;

  constructor(host: SpotHost, now: Micros) {
    this.#host = host;
    this.#priceAt = now;
  }

  receive(text: string): void {
    this.#pending.push(text);
  }

  settle(now: Micros): void {
    for (const text of this.#pending.splice(0)) this.#said(text);
    if (now < this.#priceAt) return;
    this.#priceAt = now + SECOND;
    const ms = Math.floor(now / 1_000);
    for (const [topic, symbol, product] of SYMBOLS) {
      const price = this.#host.markets.get(product)?.prints.at(-1)?.price;
      if (price === undefined || !this.#topics.has(topic)) continue;
      const value = Number(formatSpot(price));
      const exact = topic === "crypto_prices" ? {} : { full_accuracy_value: `${price}1234567890` };
      const payload = { symbol, timestamp: ms - 24, value, ...exact };
      const text = JSON.stringify({ topic, type: "update", timestamp: ms, payload });
      this.#host.send({ text, kind: "data", sequenced: false });
    }
  }

  traded(): void {
    // Prices come by the second, not by the trade.
  }

  fail(): void {
    // This protocol has no error frames for what goes wrong on its own.
  }

  #said(text: string): void {
    if (text === "PING") return this.#host.send({ text: "PONG", kind: "control", sequenced: false });
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // The venue answers nothing to what it cannot read.
      return;
    }
    const { action, subscriptions } = (message ?? {}) as { action?: unknown; subscriptions?: unknown };
    for (const each of Array.isArray(subscriptions) ? (subscriptions as unknown[]) : []) {
      const { topic } = (each ?? {}) as { topic?: unknown };
      if (typeof topic !== "string") continue;
      if (action === "subscribe") this.#topics.add(topic);
      else if (action === "unsubscribe") this.#topics.delete(topic);
    }
  }
}
