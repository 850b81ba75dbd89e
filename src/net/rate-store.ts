import { adjust, book, type Booking, type Bucket, fullBucket, type RateLimit, refused } from "./rate-limit.ts";

/** Where buckets are kept: in this process, or shared by every process that opens the same store. */
export interface RateStore {
  /** Books tokens of a limit; see `book`. */
  book(limit: RateLimit, tokens: number): Promise<Booking>;
  /** The other side refused a request that counts against this limit; see `refused`. Gives the factor in force now. */
  refused(limit: RateLimit, retryAfterMs: number | null): Promise<number>;
}

/** Milliseconds of the machine's steady clock, the same in all its processes. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** The buckets of this process alone. */
export class OwnRates implements RateStore {
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(nowMs: () => number = machineMs) {
    this.#now = nowMs;
  }

  book(limit: RateLimit, tokens: number): Promise<Booking> {
    return Promise.resolve(book(this.#bucket(limit), tokens, this.#now()));
  }

  refused(limit: RateLimit, retryAfterMs: number | null): Promise<number> {
    const bucket = this.#bucket(limit);
    refused(bucket, retryAfterMs, this.#now());
    return Promise.resolve(bucket.factor);
  }

  #bucket(limit: RateLimit): Bucket {
    const known = this.#buckets.get(limit.name);
    if (known !== undefined) {
      adjust(known, limit);
      return known;
    }
    const bucket = fullBucket(limit, this.#now());
    this.#buckets.set(limit.name, bucket);
    return bucket;
  }
}
