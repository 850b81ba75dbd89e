import { type Micros, parseTime } from "../../model/time.ts";
import { Fields } from "./fields.ts";
import type { Holes } from "./holes.ts";
import type { Connection, Memory } from "./memory.ts";
import type { Ticks } from "./ticks.ts";
import { integer, objects, type WireObject } from "./wire.ts";

/** Frames of Advanced Trade (docs.cdp.coinbase.com, Advanced Trade AsyncAPI; captures of June to September 2026). */
export class AdvancedFrames {
  readonly #memory: Memory;
  readonly #holes: Holes;
  readonly #ticks: Ticks;

  constructor(memory: Memory, holes: Holes, ticks: Ticks) {
    this.#memory = memory;
    this.#holes = holes;
    this.#ticks = ticks;
  }

  /** Takes the frame's number, which counts all frames of the connection. False where it was there already. */
  number(connection: Connection, frame: WireObject, at: Micros | null): boolean {
    const sequence = integer(frame["sequence_num"]);
    if (sequence !== null) return this.#holes.number(connection, sequence, parseTime(String(frame["timestamp"])), at);
    this.#memory.quarantine("missing_field", "sequence_num is missing");
    return true;
  }

  read(connection: Connection, frame: WireObject, at: Micros | null): void {
    const { channel, events } = frame;
    const sequence = integer(frame["sequence_num"]);
    switch (channel) {
      case "heartbeats":
        return;
      case "ticker":
      case "ticker_batch": {
        // A ticker has no time of its own: the frame's is the venue's.
        const envelope = new Fields(frame);
        const ts = envelope.time("timestamp");
        for (const { reason, detail } of envelope.defects) this.#memory.quarantine(reason, detail);
        for (const event of objects(events)) {
          for (const ticker of objects(event["tickers"]))
            this.#ticker({ connection, channel, at }, ticker, ts, sequence);
        }
        return;
      }
      case "market_trades":
        for (const event of objects(events)) {
          // Within a frame the latest comes first.
          for (const trade of objects(event["trades"]).toReversed()) this.#trade({ connection, channel, at }, trade);
        }
        return;
      default:
        this.#memory.quarantine("unknown_type", `channel ${String(channel).slice(0, 100)}`);
    }
  }

  #ticker(
    origin: { connection: Connection; channel: string; at: Micros | null },
    ticker: WireObject,
    ts: Micros | null,
    sequence: number | null,
  ): void {
    const fields = new Fields(ticker);
    this.#ticks.tick(origin, fields, {
      product: fields.text("product_id"),
      ts,
      price: fields.exact("price"),
      bid: fields.quantity("best_bid"),
      bidSize: fields.quantity("best_bid_quantity"),
      ask: fields.quantity("best_ask"),
      askSize: fields.quantity("best_ask_quantity"),
      volume24h: fields.quantity("volume_24_h"),
      sequence,
    });
  }

  #trade(origin: { connection: Connection; channel: string; at: Micros | null }, trade: WireObject): void {
    const fields = new Fields(trade);
    const tradeId = fields.text("trade_id");
    this.#ticks.trade(
      origin,
      fields,
      {
        product: fields.text("product_id"),
        tradeId,
        ts: fields.time("time"),
        price: fields.exact("price"),
        size: fields.quantity("size"),
        side: fields.optionalText("side"),
      },
      integer(tradeId),
    );
  }
}
