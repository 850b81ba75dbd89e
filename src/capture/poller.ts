import type { Decision } from "../journal/record.ts";
import type { Micros } from "../model/time.ts";
import { Backoff } from "../net/backoff.ts";
import { messageOf } from "../ops/errors.ts";
import type { RestPoller, WantedMarket } from "../venues/venue.ts";
import { type PlanOptions, runPlan } from "./run-plan.ts";

/** Trades before the first look at a market that are wanted too: about as long as it takes to notice that a stream is down. */
const LOOK_BACK: Micros = 120_000_000;

/** With nothing to look at, this often is seen whether that has changed. */
const IDLE_MS = 1_000;

export interface PollerOptions extends PlanOptions {
  readonly every: Micros;
  /** What to look at in the next round. */
  readonly markets: () => readonly WantedMarket[];
  /** `rest_poll` as configured, for the record. */
  readonly reason: string;
  readonly decide: (decision: Decision) => void;
}

/** Looks at markets over REST, round after round. When it begins, ends and fails is a record. */
export class Poller {
  readonly #poller: RestPoller;
  readonly #options: PollerOptions;
  readonly #backoff: Backoff;
  #nextAt = 0;
  #isBusy = false;
  #count = 0;
  #incomplete = 0;

  constructor(poller: RestPoller, options: PollerOptions) {
    this.#poller = poller;
    this.#options = options;
    const { reconnect_min, reconnect_max } = options.config;
    this.#backoff = new Backoff({ minMs: reconnect_min / 1000, maxMs: reconnect_max / 1000 });
  }

  /** Starts a round if one is due and none is under way. Never rejects but with the signal's reason. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#isBusy || performance.now() < this.#nextAt) return;
    const { every, markets: wanted, reason, decide } = this.#options;
    const markets = wanted();
    if (markets.length !== this.#count && (markets.length === 0) !== (this.#count === 0)) {
      decide({ type: "rest-poll", reason, markets: markets.length, everyMs: every / 1000 });
    }
    this.#count = markets.length;
    this.#nextAt = performance.now() + (markets.length === 0 ? Math.min(IDLE_MS, every / 1000) : every / 1000);
    if (markets.length === 0) return;
    this.#isBusy = true;
    try {
      await this.#round(markets, signal);
      this.#backoff.reset();
    } catch (error) {
      signal.throwIfAborted();
      const retryMs = this.#backoff.next();
      this.#nextAt = Math.max(this.#nextAt, performance.now() + retryMs);
      decide({ type: "rest-poll-failed", reason: messageOf(error), markets: markets.length, retryMs });
    } finally {
      this.#isBusy = false;
    }
  }

  async #round(markets: readonly WantedMarket[], signal: AbortSignal): Promise<void> {
    const now = Date.now() * 1000;
    const plan = this.#poller.plan(markets, now - LOOK_BACK, now);
    await runPlan(plan, this.#options, signal);
    const { incomplete } = plan;
    if (incomplete.length > 0 && this.#incomplete === 0) {
      this.#options.decide({ type: "rest-poll-incomplete", markets: incomplete.slice(0, 100), of: incomplete.length });
    }
    this.#incomplete = incomplete.length;
  }
}
