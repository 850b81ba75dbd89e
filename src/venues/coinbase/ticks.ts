import type { SpotTick, SpotTrade } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import type { Fields } from "./fields.ts";
import type { Holes } from "./holes.ts";
import type { Connection, Memory } from "./memory.ts";

/** What a ticker or a trade says once its frame is understood, and where it came from. */
export interface Origin {
  readonly connection: Connection;
  readonly channel: string;
  readonly at: Micros | null;
}

/** Prices and trades as events, and the marks that prices are stale. */
export class Ticks {
  readonly #memory: Memory;
  readonly #holes: Holes;

  constructor(memory: Memory, holes: Holes) {
    this.#memory = memory;
    this.#holes = holes;
  }

  tick(origin: Origin, fields: Fields, said: Pick<SpotTick, "product" | "ts" | "price"> & Partial<SpotTick>): void {
    if (this.#defective(origin, fields, said.product)) return;
    const product = this.#memory.product(said.product);
    const tick: SpotTick = {
      type: "spot_tick",
      venue: "coinbase",
      bid: null,
      bidSize: null,
      ask: null,
      askSize: null,
      volume24h: null,
      sequence: null,
      isStale: false,
      ...said,
    };
    product.tick = tick;
    product.stale = false;
    this.#data(origin, product.name);
    this.#memory.emit(tick);
  }

  trade(origin: Origin, fields: Fields, said: Omit<SpotTrade, "type" | "venue">, id: number | null): void {
    if (this.#defective(origin, fields, said.product)) return;
    const product = this.#memory.product(said.product);
    if (id !== null) this.#holes.trade(origin.connection, product, origin.channel, id, origin.at);
    this.#data(origin, product.name);
    this.#memory.emit({ type: "spot_trade", venue: "coinbase", ...said });
  }

  /** Nothing confirms the prices of this connection any more: each is said once more, marked stale. */
  stale(connection: Connection): void {
    for (const name of connection.products) {
      const product = this.#memory.product(name);
      if (product.tick === null || product.stale) continue;
      product.stale = true;
      this.#memory.emit({ ...product.tick, sequence: null, isStale: true });
    }
  }

  #data({ connection, channel, at }: Origin, product: string): void {
    connection.products.add(product);
    connection.seen.add(`${channel} ${product}`);
    connection.ledger.data(channel, product, at);
    this.#holes.flows(connection, at);
  }

  /** What was said and cannot be read is lost like what never came. */
  #defective({ connection, channel, at }: Origin, fields: Fields, said: string): boolean {
    const [defect] = fields.defects;
    if (defect === undefined) return false;
    const product = said === "" ? null : said;
    this.#memory.quarantine(defect.reason, defect.detail, product);
    this.#holes.unusable(connection, { market: product, channel }, defect.reason, at);
    return true;
  }
}
