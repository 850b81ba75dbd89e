import { Backoff } from "../net/backoff.ts";
import { sleep } from "../net/sleep.ts";
import { FetchError } from "../ops/errors.ts";
import type { RequestPlan } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";
import type { Fetched, Fetcher } from "./fetcher.ts";

/** Times that one request is made before its plan is given up. */
const MAX_ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 60_000;

export interface PlanOptions {
  readonly fetcher: Pick<Fetcher, "fetch">;
  readonly config: Pick<RecordConfig, "reconnect_min" | "reconnect_max">;
  /** Part of our request budget that this plan may use, so that plans side by side leave room for each other. */
  readonly share: number;
}

/**
 * Makes a plan's requests one after the other. Answers that cannot be used (429, 5xx, HTML, no answer at all) are asked
 * for again a few times, with growing waits. Gives the number of requests. Throws `FetchError` where one got no usable
 * answer, the signal's reason where it was aborted.
 */
export async function runPlan(plan: RequestPlan, options: PlanOptions, signal: AbortSignal): Promise<number> {
  const { reconnect_min, reconnect_max } = options.config;
  const backoff = new Backoff({ minMs: reconnect_min / 1000, maxMs: reconnect_max / 1000 });
  let requests = 0;
  for (let request = plan.next(); request !== null; request = plan.next()) {
    const from = performance.now();
    let answer: Fetched | null = null;
    try {
      requests++;
      answer = await options.fetcher.fetch(request, signal);
      plan.read(answer.status, answer.body);
      backoff.reset();
      await sleep(answer.costMs / options.share - (performance.now() - from), signal);
    } catch (error) {
      const isFinal = !(error instanceof FetchError) || error.retry === "never";
      if (isFinal || backoff.attempts + 1 >= MAX_ATTEMPTS) throw error;
      await sleep(Math.min(MAX_RETRY_AFTER_MS, Math.max(backoff.next(), answer?.retryAfterMs ?? 0)), signal);
    }
  }
  return requests;
}
