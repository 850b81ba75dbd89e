/** A limit on requests: a token bucket with continuous refill. Whoever uses the same `name` shares one bucket. */
export interface RateLimit {
  readonly name: string;
  /** Tokens a second, our share already taken; more than 0. */
  readonly perSecond: number;
  /** Tokens at once, likewise. */
  readonly capacity: number;
  /** The other side told these figures: they win over another process's assumptions. */
  readonly learned: boolean;
}

/** What a request costs of one limit. */
export interface Charge {
  readonly limit: RateLimit;
  readonly tokens: number;
}

/** The state of one bucket, plain values, so that it can be stored and shared. Times are milliseconds of one steady clock. */
export interface Bucket {
  perSecond: number;
  capacity: number;
  learned: boolean;
  /** Below 0: booked in advance. */
  tokens: number;
  /** Up to when refill is counted; in the future while everybody pauses. */
  at: number;
  /** What of the rate is in force, in (0, 1]: halved where the other side has enough, then slowly whole again. */
  factor: number;
  halvedAt: number;
}

/** What a booking found. */
export interface Booking {
  /** How long to wait before the tokens may be used. */
  readonly waitMs: number;
  readonly factor: number;
  readonly perSecond: number;
}

/** A halved rate is whole again after half of this time, one that was halved many times after nearly all of it. */
const RECOVERY_MS = 60_000;
const LEAST_FACTOR = 1 / 64;
/** Refusals that come together are one: they were all on their way when the first one came. */
const ONE_STORM_MS = 1_000;
/** A refusal that does not say for how long (Kalshi's never does) pauses everybody for this long. */
const ENOUGH_MS = 1_000;
/** Longer pauses are not believed; a bucket further in the future than this is one from before a restart of the machine. */
const MAX_PAUSE_MS = 600_000;

/** A full bucket. */
export function fullBucket({ perSecond, capacity, learned }: RateLimit, nowMs: number): Bucket {
  return { perSecond, capacity, learned, tokens: capacity, at: nowMs, factor: 1, halvedAt: -ONE_STORM_MS };
}

/** Takes over figures that changed; those that were told are not replaced by assumptions. */
export function adjust(bucket: Bucket, { perSecond, capacity, learned }: RateLimit): void {
  if (bucket.learned && !learned) return;
  bucket.perSecond = perSecond;
  bucket.capacity = capacity;
  bucket.learned = learned;
  bucket.tokens = Math.min(bucket.tokens, capacity);
}

/**
 * Books tokens at once, in advance where the bucket is empty. Over any time T, however many callers there are, what is
 * booked and waited for is at most `capacity + perSecond × T`.
 */
export function book(bucket: Bucket, tokens: number, nowMs: number): Booking {
  refill(bucket, nowMs);
  bucket.tokens -= tokens;
  const owed = Math.max(0, -bucket.tokens) * (1000 / (bucket.perSecond * bucket.factor));
  const waitMs = Math.ceil(owed + Math.max(0, bucket.at - nowMs));
  return { waitMs, factor: bucket.factor, perSecond: bucket.perSecond };
}

/** The other side refused: half the rate from now on, and nothing for as long as it said. True where this halved it. */
export function refused(bucket: Bucket, retryAfterMs: number | null, nowMs: number): boolean {
  refill(bucket, nowMs);
  bucket.tokens = Math.min(bucket.tokens, 0);
  bucket.at = Math.max(bucket.at, nowMs + Math.min(MAX_PAUSE_MS, retryAfterMs ?? ENOUGH_MS));
  if (nowMs - bucket.halvedAt < ONE_STORM_MS) return false;
  bucket.halvedAt = nowMs;
  bucket.factor = Math.max(LEAST_FACTOR, bucket.factor / 2);
  return true;
}

function refill(bucket: Bucket, nowMs: number): void {
  if (bucket.at > nowMs + MAX_PAUSE_MS || bucket.halvedAt > nowMs) {
    Object.assign(bucket, { at: nowMs, halvedAt: nowMs - ONE_STORM_MS });
  }
  const passed = nowMs - bucket.at;
  if (passed <= 0) return;
  const rising = Math.min(passed, (1 - bucket.factor) * RECOVERY_MS);
  const factor = Math.min(1, bucket.factor + rising / RECOVERY_MS);
  const earned = (rising * (bucket.factor + factor)) / 2 + (passed - rising);
  bucket.tokens = Math.min(bucket.capacity, bucket.tokens + (earned * bucket.perSecond) / 1000);
  bucket.factor = passed >= rising && 1 - factor < 1e-9 ? 1 : factor;
  bucket.at = nowMs;
}
