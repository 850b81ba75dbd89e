import { formatSpot } from "../../model/decimal.ts";
import { formatTime, type Micros } from "../../model/time.ts";
import type { SpotConnection, SpotHost, SpotMarket, SpotPrint } from "../server.ts";
import { canonical } from "./products.ts";
import { asked, decode } from "./wire.ts";
import { rangeOf } from "./server-range.ts";

const SECOND = 1_000_000;
/** docs.cdp.coinbase.com, "WebSocket overview": a subscribe within 5 s, most channels close after 60 to 90 s without updates. */
export const SUBSCRIBE_WITHIN: Micros = 5 * SECOND;
const IDLE: Micros = 60 * SECOND;
const BATCH_EVERY: Micros = SECOND / 4;
/** Policy violation: the codes that the venue really uses are not published. */
export const POLICY = 1008;

const CHANNELS = new Set(["ticker", "market_trades", "heartbeats"]);

/**
 * The server side of one connection of Advanced Trade (docs.cdp.coinbase.com, Advanced Trade AsyncAPI): every frame
 * numbered from 0, snapshots before their acknowledgement, wrong products silently left out, heartbeats of the server's
 * own age.
 */
export class AdvancedConnection implements SpotConnection {
  readonly #host: SpotHost;
  readonly #openedAt: Micros;
  readonly #channels = new Map<string, Set<string>>();
  #pending: string[] = [];
  #trades: { readonly product: string; readonly print: SpotPrint }[] = [];
  #sequence = 0;
  #beatAt: Micros;
  #batchAt: Micros;
  #sentAt: Micros;

  constructor(host: SpotHost, now: Micros) {
    this.#host = host;
    this.#openedAt = now;
    this.#beatAt = now + SECOND;
    this.#batchAt = now + BATCH_EVERY;
    this.#sentAt = now;
  }

  receive(text: string): void {
    this.#pending.push(text);
  }

  settle(now: Micros): void {
    for (const text of this.#pending.splice(0)) this.#command(text, now);
    if (this.#channels.size === 0 && now >= this.#openedAt + SUBSCRIBE_WITHIN) {
      return this.#host.hangUp(POLICY, "no subscription within 5 s");
    }
    if (this.#trades.length > 0 && now >= this.#batchAt) {
      this.#batchAt = now + BATCH_EVERY;
      this.#marketTrades("update", this.#trades.splice(0), now);
    }
    if (!this.#channels.has("heartbeats")) {
      if (now >= this.#sentAt + IDLE) this.#host.hangUp(POLICY, "idle");
      return;
    }
    if (now < this.#beatAt) return;
    this.#beatAt = now + SECOND;
    const age = Math.floor((now - this.#openedAt) / SECOND) + 139_651;
    const current = formatTime(now).replace("T", " ").replace("Z", " +0000 UTC");
    this.#frame("heartbeats", [{ current_time: `${current} m=+${age}.272674714`, heartbeat_counter: age }], now);
  }

  traded(market: SpotMarket, print: SpotPrint): void {
    if (this.#channels.get("market_trades")?.has(market.product)) this.#trades.push({ product: market.product, print });
    if (this.#channels.get("ticker")?.has(market.product)) this.#ticker("update", [market], print.at);
  }

  fail(): void {
    this.#error("internal error");
  }

  #command(text: string, now: Micros): void {
    const decoded = decode(Buffer.from(text));
    const command = "frame" in decoded ? asked(decoded.frame) : null;
    const [entry] = command?.channels ?? [];
    if (command === null || entry === undefined) return this.#error("failed to parse message");
    const [channel, names] = entry;
    // An unknown channel is reported as an authentication failure (capture of 2026).
    if (!CHANNELS.has(channel)) return this.#error("authentication failure");
    const products =
      channel === "heartbeats" ? ["heartbeats"] : names.map(canonical).filter((name) => this.#host.markets.has(name));
    const held = this.#channels.get(channel) ?? new Set();
    if (command.unsubscribe) {
      for (const product of names.length > 0 ? products : [...held]) held.delete(product);
    } else {
      for (const product of products) held.add(product);
      const markets = products
        .map((product) => this.#host.markets.get(product))
        .filter((market) => market !== undefined);
      if (channel === "ticker" && markets.length > 0) this.#ticker("snapshot", markets, now);
      if (channel === "market_trades" && markets.length > 0) {
        const prints = markets.flatMap((market) =>
          market.prints.slice(-50).map((print) => ({ product: market.product, print })),
        );
        this.#marketTrades("snapshot", prints, now);
      }
    }
    if (held.size > 0) this.#channels.set(channel, held);
    else this.#channels.delete(channel);
    const subscriptions = Object.fromEntries([...this.#channels].map(([name, set]) => [name, [...set]]));
    this.#frame("subscriptions", [{ subscriptions }], now, "control");
  }

  #ticker(type: string, markets: readonly SpotMarket[], now: Micros): void {
    const tickers = markets.map((market) => {
      const { first, last, low, high } = rangeOf(market);
      return {
        type: "ticker",
        product_id: market.product,
        price: formatSpot(last),
        volume_24_h: formatSpot(market.volume),
        low_24_h: low,
        high_24_h: high,
        low_52_w: low,
        high_52_w: high,
        price_percent_chg_24_h: ((100 * (last - first)) / first).toFixed(14),
        best_bid: formatSpot(market.bid),
        best_ask: formatSpot(market.ask),
        best_bid_quantity: formatSpot(market.bidSize),
        best_ask_quantity: formatSpot(market.askSize),
      };
    });
    this.#frame("ticker", [{ type, tickers }], now);
  }

  #marketTrades(type: string, prints: readonly { product: string; print: SpotPrint }[], now: Micros): void {
    // The latest comes first.
    const trades = prints.toReversed().map(({ product, print }) => ({
      product_id: product,
      trade_id: String(print.id),
      price: formatSpot(print.price),
      size: formatSpot(print.size),
      time: formatTime(print.at),
      side: print.side,
    }));
    this.#frame("market_trades", [{ type, trades }], now);
  }

  #frame(channel: string, events: readonly object[], now: Micros, kind: "data" | "control" = "data"): void {
    const timestamp = formatTime(now).replace("Z", "123Z");
    const text = JSON.stringify({ channel, timestamp, sequence_num: this.#sequence++, events });
    this.#sentAt = now;
    this.#host.send({ text, kind, sequenced: true });
  }

  #error(message: string): void {
    this.#host.send({ text: JSON.stringify({ type: "error", message }), kind: "control", sequenced: false });
  }
}
