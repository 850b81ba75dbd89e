import type { Decision } from "../journal/record.ts";
import type { Micros } from "../model/time.ts";

/**
 * Watches a stream that promises a message every second or so, heartbeats included. Silence makes its prices stale, and
 * twice as much of it proves that the connection is dead however open it looks.
 */
export class Silence {
  readonly #patience: Micros;
  #heardAt: Micros = 0;
  #stale = false;

  constructor(patience: Micros) {
    this.#patience = patience;
  }

  heard(now: Micros): void {
    this.#heardAt = now;
    this.#stale = false;
  }

  /** The verdict that is due: `stale` once, then `stall`, upon which the connection is given up. */
  verdict(now: Micros): Decision | null {
    const silentFor = now - this.#heardAt;
    if (silentFor >= 2 * this.#patience) return { type: "stall", silentFor };
    if (this.#stale || silentFor < this.#patience) return null;
    this.#stale = true;
    return { type: "stale", silentFor };
  }

  /** When to look again. */
  get wakeAt(): Micros {
    return this.#heardAt + this.#patience * (this.#stale ? 2 : 1);
  }
}
