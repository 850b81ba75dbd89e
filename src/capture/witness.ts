import type { Decision } from "../journal/record.ts";
import type { Micros } from "../model/time.ts";
import { messageOf } from "../ops/errors.ts";
import type { RestPoller, WantedMarket } from "../venues/venue.ts";
import { type PlanOptions, runPlan } from "./run-plan.ts";

/** Markets that may wait to be asked about; more are refused, which the caller hears. */
const MOST_WAITING = 5_000;
/** Markets in one plan: what one request for books takes. */
const AT_ONCE = 100;
const LOOK_BACK: Micros = 120_000_000;

export interface WitnessAnswer {
  /** Venue's time of the latest trade of the last minutes, by market; markets without one are left out. */
  readonly lastTrades: ReadonlyMap<string, Micros>;
}

interface Question {
  readonly market: WantedMarket;
  readonly reason: string;
  readonly resolve: (answer: WitnessAnswer | null) => void;
}

/**
 * REST as a witness: the venue's own books and trades of markets whose stream is in doubt, asked for now, within a small
 * share of the request budget. The answers are records; the books stage compares them with what the stream says. They
 * are evidence, never the truth: REST may be behind (Polymarket's books were, py-clob-client issue 180).
 */
export class Witness {
  readonly #poller: RestPoller;
  readonly #options: PlanOptions & { readonly decide: (decision: Decision) => void };
  readonly #waiting = new Map<string, Question[]>();
  #isRunning = false;

  constructor(poller: RestPoller, options: PlanOptions & { readonly decide: (decision: Decision) => void }) {
    this.#poller = poller;
    this.#options = options;
  }

  /**
   * Asks about one market. Resolves with null where there is no answer: too many wait, the venue gives none, or the
   * signal was aborted. Questions about the same market that wait are answered together.
   */
  ask(market: WantedMarket, reason: string, signal: AbortSignal): Promise<WitnessAnswer | null> {
    if (signal.aborted || this.#waiting.size >= MOST_WAITING) return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<WitnessAnswer | null>();
    this.#waiting.set(market.market, [...(this.#waiting.get(market.market) ?? []), { market, reason, resolve }]);
    if (!this.#isRunning) void this.#run(signal);
    return promise;
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#isRunning = true;
    // Whoever doubts several markets at once asks about them in one turn.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const asked = [...this.#waiting.values()].slice(0, AT_ONCE).flat();
      for (const { market } of asked) this.#waiting.delete(market.market);
      const answer = await this.#once(asked, signal);
      for (const { resolve } of asked) resolve(answer);
    }
    this.#isRunning = false;
  }

  async #once(asked: readonly Question[], signal: AbortSignal): Promise<WitnessAnswer | null> {
    const markets = [...new Map(asked.map(({ market }) => [market.market, market])).values()];
    const reasons = [...new Set(asked.map(({ reason }) => reason))];
    const about = { markets: markets.map(({ market }) => market), reasons };
    try {
      signal.throwIfAborted();
      this.#options.decide({ type: "witness", ...about });
      const now = Date.now() * 1000;
      const plan = this.#poller.plan(markets, now - LOOK_BACK, now);
      await runPlan(plan, this.#options, signal);
      return { lastTrades: plan.lastTrades };
    } catch (error) {
      if (!signal.aborted) this.#options.decide({ type: "witness-failed", ...about, reason: messageOf(error) });
      return null;
    }
  }
}
