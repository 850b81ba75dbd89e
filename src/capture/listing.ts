import type { Backoff } from "../net/backoff.ts";
import { sleep } from "../net/sleep.ts";
import { FetchError } from "../ops/errors.ts";
import type { Discovery, HttpRequest } from "../venues/venue.ts";

const MAX_ATTEMPTS = 6;
const MAX_RETRY_AFTER_MS = 60_000;

/** An answer as a listing needs it. */
export interface ListingAnswer {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | null;
}

/**
 * Reads a listing to its end; an answer that cannot be used is asked for again. Gives the number of
 * requests that it took. Throws `FetchError` where the venue gives none, the signal's reason where it is aborted.
 * `onTrouble` hears of each failure that is followed by another attempt, with their number in a row.
 */
export async function readListing(
  discovery: Discovery,
  fetch: (request: HttpRequest) => Promise<ListingAnswer>,
  backoff: Backoff,
  signal: AbortSignal,
  onTrouble?: (error: FetchError, attempts: number) => void,
): Promise<number> {
  let requests = 0;
  for (let request = discovery.next(); request !== null; request = discovery.next()) {
    let retryAfterMs: number | null = null;
    try {
      requests++;
      const answer = await fetch(request);
      ({ retryAfterMs } = answer);
      discovery.read(answer.status, answer.body);
      backoff.reset();
    } catch (error) {
      if (!(error instanceof FetchError) || error.retry === "never" || backoff.attempts >= MAX_ATTEMPTS) throw error;
      const wait = Math.min(MAX_RETRY_AFTER_MS, Math.max(backoff.next(), retryAfterMs ?? 0));
      onTrouble?.(error, backoff.attempts);
      await sleep(wait, signal);
    }
  }
  return requests;
}
