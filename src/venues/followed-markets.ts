import type { Micros } from "../model/time.ts";

/** What is not settled after this long is given up: a listing sees it again if it ever is. */
const PATIENCE: Micros = 30 * 86_400_000_000;
const MOST = 50_000;

/** Markets that are over, until they are settled. */
export class FollowedMarkets {
  readonly pending = new Set<string>();
  settled = 0;
  readonly #since = new Map<string, Micros>();

  follow(markets: readonly string[], now: Micros): void {
    for (const market of markets) {
      if (this.pending.has(market) || this.pending.size >= MOST) continue;
      this.pending.add(market);
      this.#since.set(market, now);
    }
  }

  /** Why this market need not be followed any more. */
  done(market: string, why: "settled" | "open"): void {
    this.#since.delete(market);
    if (this.pending.delete(market) && why === "settled") this.settled++;
  }

  /** Markets to ask for now, those that were followed too long left out for good. */
  due(now: Micros): string[] {
    for (const [market, since] of this.#since) if (now - since > PATIENCE) this.done(market, "open");
    return [...this.pending];
  }
}
