import type { Decision } from "../journal/record.ts";
import { messageOf } from "../ops/errors.ts";
import type { Settlements, WantedMarket } from "../venues/venue.ts";
import { type PlanOptions, runPlan } from "./run-plan.ts";

/** Rounds come this soon while something happens, and this late while nothing does. */
const SOON_MS = 30_000;
const LATE_MS = 900_000;

export interface SettlementWatchOptions extends PlanOptions {
  readonly listener: string;
  readonly decide: (decision: Decision) => void;
}

/** Follows one listener's markets that closed, or that its listing lacks, until the venue has settled them. */
export class SettlementWatch {
  readonly #settlements: Settlements;
  readonly #options: SettlementWatchOptions;
  /** Markets that the listener wanted when last looked; true: followed already. */
  #seen = new Map<string, boolean>();
  #waitMs = SOON_MS;
  /** Discovery has the whole budget at first. */
  #nextAt = performance.now() + SOON_MS;
  #isFirst = true;
  #isBusy = false;

  constructor(settlements: Settlements, options: SettlementWatchOptions) {
    this.#settlements = settlements;
    this.#options = options;
  }

  /** Notes what is over by now, and starts a round if one is due. Never rejects but with the signal's reason. */
  async look(wanted: readonly WantedMarket[], signal: AbortSignal): Promise<void> {
    this.#note(wanted);
    const isIdle = this.#settlements.pending.size === 0 && !this.#isFirst;
    if (this.#isBusy || isIdle || performance.now() < this.#nextAt) return;
    this.#isBusy = true;
    try {
      await this.#round(signal);
    } finally {
      this.#isBusy = false;
    }
  }

  #note(wanted: readonly WantedMarket[]): void {
    const now = Date.now() * 1000;
    const gone = this.#seen;
    this.#seen = new Map();
    const over: string[] = [];
    for (const { market, closeAt } of wanted) {
      const isOver = closeAt !== null && closeAt <= now;
      if (isOver && gone.get(market) !== true) over.push(market);
      gone.delete(market);
      this.#seen.set(market, isOver);
    }
    for (const [market, isFollowed] of gone) if (!isFollowed) over.push(market);
    if (over.length === 0) return;
    this.#settlements.follow(over, now);
    this.#waitMs = SOON_MS;
    this.#nextAt = Math.min(this.#nextAt, performance.now() + SOON_MS);
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { settled, pending } = this.#settlements;
    const before = pending.size;
    try {
      await runPlan(this.#settlements.plan(Date.now() * 1000), this.#options, signal);
      this.#isFirst = false;
    } catch (error) {
      signal.throwIfAborted();
      this.#decide({ type: "settlements-failed", reason: messageOf(error) });
    }
    const fresh = this.#settlements.settled - settled;
    if (fresh > 0 || pending.size > before)
      this.#decide({ type: "settlements", settled: fresh, pending: pending.size });
    this.#waitMs = fresh > 0 ? SOON_MS : Math.min(LATE_MS, this.#waitMs * 2);
    this.#nextAt = performance.now() + this.#waitMs;
  }

  #decide(decision: Decision): void {
    this.#options.decide({ listener: this.#options.listener, ...decision });
  }
}
