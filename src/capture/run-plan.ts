import { Backoff } from "../net/backoff.ts";
import { sleep } from "../net/sleep.ts";
import { FetchError } from "../ops/errors.ts";
import type { RequestPlan } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";
import type { Fetched, Fetcher } from "./fetcher.ts";

/** Times that one request is made before its plan is given up. */
const MAX_ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 60_000;

/** Keeps all plans of one kind together to a part of our request budget, so that other kinds find some left. */
export class Pace {
  readonly #share: number;
  #readyAt = 0;

  /** `share`: in (0, 1]. */
  constructor(share: number) {
    this.#share = share;
  }

  /** Waits for the next request's turn. */
  async turn(signal: AbortSignal): Promise<void> {
    await sleep(Math.max(0, this.#readyAt - performance.now()), signal);
  }

  /** A request cost this much of the whole budget. */
  spent(costMs: number): void {
    this.#readyAt = Math.max(this.#readyAt, performance.now()) + costMs / this.#share;
  }
}

export interface PlanOptions {
  readonly fetcher: Pick<Fetcher, "fetch">;
  readonly config: Pick<RecordConfig, "reconnect_min" | "reconnect_max">;
  readonly pace: Pace;
}

/**
 * Makes a plan's requests one after the other. Answers that cannot be used (429, 5xx, HTML, no answer at all) are asked
 * for again a few times, with growing waits. Throws `FetchError` where one got no usable answer, the signal's reason
 * where it was aborted.
 */
export async function runPlan(plan: RequestPlan, options: PlanOptions, signal: AbortSignal): Promise<void> {
  const { fetcher, config, pace } = options;
  const backoff = new Backoff({ minMs: config.reconnect_min / 1000, maxMs: config.reconnect_max / 1000 });
  for (let request = plan.next(); request !== null; request = plan.next()) {
    let answer: Fetched | null = null;
    try {
      await pace.turn(signal);
      answer = await fetcher.fetch(request, signal);
      pace.spent(answer.costMs);
      plan.read(answer.status, answer.body);
      backoff.reset();
    } catch (error) {
      const isFinal = !(error instanceof FetchError) || error.retry === "never";
      if (isFinal || backoff.attempts + 1 >= MAX_ATTEMPTS) throw error;
      await sleep(Math.min(MAX_RETRY_AFTER_MS, Math.max(backoff.next(), answer?.retryAfterMs ?? 0)), signal);
    }
  }
}
