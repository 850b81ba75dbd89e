import type { Instrument } from "../../model/instrument.ts";
import type { InterpreterContext } from "../venue.ts";
import type { MarketEvent } from "../../model/events.ts";

/** Venue id of Polymarket in every row. */
export const POLYMARKET = "polymarket";

/** Where events go, and names for what they are about. */
export class Emitter {
  readonly venue = POLYMARKET;
  readonly emit: (event: MarketEvent) => void;
  readonly #context: InterpreterContext;

  constructor(context: InterpreterContext) {
    this.#context = context;
    this.emit = context.emit;
  }

  /** `token` null: the market as a whole. */
  instrument(market: string, token: string | null): Instrument {
    return this.#context.instruments.get(POLYMARKET, market, token);
  }

  quarantine(reason: string, detail: string, market: string | null = null, outcome: string | null = null): void {
    this.emit({ type: "quarantine", venue: POLYMARKET, market, outcome, reason, detail });
  }
}
