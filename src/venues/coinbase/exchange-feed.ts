import type { Micros } from "../../model/time.ts";
import { Fields } from "./fields.ts";
import type { Holes } from "./holes.ts";
import type { Connection, Memory, Product } from "./memory.ts";
import type { Ticks } from "./ticks.ts";
import { integer, type WireObject } from "./wire.ts";

/**
 * Frames of the Exchange feed (docs.cdp.coinbase.com, "Exchange WebSocket channels"). `sequence` counts a product's
 * messages on all channels, subscribed or not, so it skips: only a number that was there already says something.
 */
export class ExchangeFrames {
  readonly #memory: Memory;
  readonly #holes: Holes;
  readonly #ticks: Ticks;

  constructor(memory: Memory, holes: Holes, ticks: Ticks) {
    this.#memory = memory;
    this.#holes = holes;
    this.#ticks = ticks;
  }

  read(connection: Connection, frame: WireObject, at: Micros | null): void {
    const { type } = frame;
    if (type !== "ticker" && type !== "match" && type !== "last_match" && type !== "heartbeat") {
      const detail = typeof type === "string" ? type.slice(0, 100) : "type is missing";
      return this.#memory.quarantine(typeof type === "string" ? "unknown_type" : "missing_field", detail);
    }
    const fields = new Fields(frame);
    const name = fields.text("product_id");
    const [defect] = fields.defects;
    if (defect !== undefined) return this.#memory.quarantine(defect.reason, defect.detail);
    const product = this.#memory.product(name);
    if (type === "heartbeat") return this.#heartbeat(connection, product, frame, at);
    const sequence = integer(frame["sequence"]);
    if (type !== "last_match" && sequence !== null && !this.#take(connection, product, type, sequence)) return;
    if (type === "ticker") this.#ticker(connection, product, fields, sequence, integer(frame["trade_id"]), at);
    else this.#match(connection, fields, frame, at);
  }

  #ticker(
    connection: Connection,
    product: Product,
    fields: Fields,
    sequence: number | null,
    tradeId: number | null,
    at: Micros | null,
  ): void {
    const last = product.trades["ticker"];
    // It names the last trade of a cascade, so it skips ids.
    if (tradeId !== null && (last === undefined || tradeId > last.id)) product.trades["ticker"] = { id: tradeId, at };
    this.#ticks.tick({ connection, channel: "ticker", at }, fields, {
      product: fields.text("product_id"),
      ts: fields.time("time"),
      price: fields.exact("price"),
      bid: fields.quantity("best_bid"),
      bidSize: fields.quantity("best_bid_size"),
      ask: fields.quantity("best_ask"),
      askSize: fields.quantity("best_ask_size"),
      volume24h: fields.quantity("volume_24h"),
      sequence,
    });
  }

  #match(connection: Connection, fields: Fields, frame: WireObject, at: Micros | null): void {
    const id = integer(frame["trade_id"]);
    if (id === null) fields.text("trade_id");
    this.#ticks.trade(
      { connection, channel: "matches", at },
      fields,
      {
        product: fields.text("product_id"),
        tradeId: String(id),
        ts: fields.time("time"),
        price: fields.exact("price"),
        size: fields.quantity("size"),
        side: fields.optionalText("side"),
      },
      id,
    );
  }

  #heartbeat(connection: Connection, product: Product, frame: WireObject, at: Micros | null): void {
    const tradeId = integer(frame["last_trade_id"]);
    if (tradeId === null) return this.#memory.quarantine("missing_field", "last_trade_id is missing", product.name);
    this.#holes.heartbeat(connection, product, tradeId, at);
  }

  /** False where this number, or a later one, was there already. */
  #take(connection: Connection, product: Product, type: string, sequence: number): boolean {
    const last = product.sequences[type];
    if (last?.epoch === connection.epoch && sequence <= last.sequence) {
      const detail = `${type} of ${product.name} had ${last.sequence} and sent ${sequence}`;
      this.#memory.quarantine("duplicate_sequence", detail, product.name);
      return false;
    }
    product.sequences[type] = { epoch: connection.epoch, sequence };
    return true;
  }
}
