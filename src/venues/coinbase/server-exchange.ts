import { formatSpot } from "../../model/decimal.ts";
import { formatTime, type Micros } from "../../model/time.ts";
import type { SpotConnection, SpotHost, SpotMarket, SpotPrint } from "../server.ts";
import { POLICY, SUBSCRIBE_WITHIN } from "./server-advanced.ts";
import { asked, decode } from "./wire.ts";
import { rangeOf } from "./server-range.ts";

const SECOND = 1_000_000;
const CHANNELS = new Set(["ticker", "matches", "heartbeat"]);

/**
 * The server side of one connection of the Exchange feed (docs.cdp.coinbase.com, "Exchange WebSocket channels"; capture of
 * 2021): acknowledgement first, then the last ticker and the last match; one wrong product refuses the whole command.
 */
export class ExchangeConnection implements SpotConnection {
  readonly #host: SpotHost;
  readonly #openedAt: Micros;
  readonly #channels = new Map<string, Set<string>>();
  #pending: string[] = [];
  #beatAt: Micros;

  constructor(host: SpotHost, now: Micros) {
    this.#host = host;
    this.#openedAt = now;
    this.#beatAt = now + SECOND;
  }

  receive(text: string): void {
    this.#pending.push(text);
  }

  settle(now: Micros): void {
    for (const text of this.#pending.splice(0)) this.#command(text);
    if (this.#channels.size === 0 && now >= this.#openedAt + SUBSCRIBE_WITHIN) {
      return this.#host.hangUp(POLICY, "no subscription within 5 s");
    }
    if (now < this.#beatAt) return;
    this.#beatAt = now + SECOND;
    for (const product of this.#channels.get("heartbeat") ?? []) {
      const market = this.#host.markets.get(product);
      const last_trade_id = market?.prints.at(-1)?.id ?? 0;
      this.#data({
        type: "heartbeat",
        last_trade_id,
        product_id: product,
        sequence: market?.sequence,
        time: formatTime(now),
      });
    }
  }

  traded(market: SpotMarket, print: SpotPrint): void {
    if (this.#channels.get("matches")?.has(market.product)) this.#match("match", market, print);
    if (this.#channels.get("ticker")?.has(market.product)) this.#ticker(market, print);
  }

  fail(): void {
    this.#error("internal error", "");
  }

  #command(text: string): void {
    const decoded = decode(Buffer.from(text));
    const command = "frame" in decoded ? asked(decoded.frame) : null;
    if (command === null) return this.#error("Malformed JSON", "");
    for (const [channel, products] of command.channels) {
      const wrong = products.find((product) => !this.#host.markets.has(product));
      if (!CHANNELS.has(channel)) return this.#error("Failed to subscribe", `${channel} is not a valid channel`);
      if (wrong !== undefined) return this.#error("Failed to subscribe", `${wrong} is not a valid product`);
      const held = this.#channels.get(channel) ?? new Set();
      for (const product of products)
        if (command.unsubscribe) held.delete(product);
        else held.add(product);
      if (held.size > 0) this.#channels.set(channel, held);
      else this.#channels.delete(channel);
    }
    const channels = [...this.#channels].map(([name, products]) => ({ name, product_ids: [...products] }));
    this.#host.send({ text: JSON.stringify({ type: "subscriptions", channels }), kind: "control", sequenced: false });
    if (command.unsubscribe) return;
    for (const [channel, products] of command.channels) {
      for (const product of products) {
        const market = this.#host.markets.get(product);
        const print = market?.prints.at(-1);
        if (market === undefined || print === undefined) continue;
        if (channel === "ticker") this.#ticker(market, print);
        if (channel === "matches") this.#match("last_match", market, print);
      }
    }
  }

  #ticker(market: SpotMarket, print: SpotPrint): void {
    const { first, low, high } = rangeOf(market);
    this.#data({
      type: "ticker",
      sequence: market.sequence,
      product_id: market.product,
      price: formatSpot(print.price),
      open_24h: formatSpot(first),
      volume_24h: formatSpot(market.volume),
      low_24h: low,
      high_24h: high,
      volume_30d: formatSpot(market.volume * 30),
      best_bid: formatSpot(market.bid),
      best_bid_size: formatSpot(market.bidSize),
      best_ask: formatSpot(market.ask),
      best_ask_size: formatSpot(market.askSize),
      side: print.side.toLowerCase(),
      time: formatTime(print.at),
      trade_id: print.id,
      last_size: formatSpot(print.size),
    });
  }

  #match(type: "match" | "last_match", market: SpotMarket, print: SpotPrint): void {
    this.#data({
      type,
      trade_id: print.id,
      maker_order_id: orderId(2 * print.id),
      taker_order_id: orderId(2 * print.id + 1),
      // The maker's.
      side: print.side === "BUY" ? "sell" : "buy",
      size: formatSpot(print.size),
      price: formatSpot(print.price),
      product_id: market.product,
      sequence: market.sequence,
      time: formatTime(print.at),
    });
  }

  #data(message: object): void {
    this.#host.send({ text: JSON.stringify(message), kind: "data", sequenced: false });
  }

  #error(message: string, reason: string): void {
    this.#host.send({ text: JSON.stringify({ type: "error", message, reason }), kind: "control", sequenced: false });
  }
}

function orderId(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}
