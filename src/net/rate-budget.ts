import type { Booking, Charge, RateLimit } from "./rate-limit.ts";
import type { RateStore } from "./rate-store.ts";
import { sleep } from "./sleep.ts";

/** Tokens are taken from the store for this long in advance, and are lost if they are not used by then. */
export const HELD_MS = 250;

/** The part of a limit's rate that is in force changed: refused and halved, or whole again. */
export interface RateChange {
  readonly limit: string;
  readonly factor: number;
  /** Tokens a second that are in force now. */
  readonly perSecond: number;
}

/** How one limit is used by this process. */
export interface BudgetState {
  readonly limit: string;
  /** Tokens a second that are in force now, our share of them taken. */
  readonly perSecond: number;
  /** What of our share is in force: below 1 for a while after a refusal. */
  readonly factor: number;
  /** Requests that counted against it, and those of them that the other side refused. */
  readonly requests: number;
  readonly refused: number;
}

/**
 * Makes requests wait until their limits allow them. Tokens come from the store in small reservations, so that it is not
 * asked for each request. What a process reserved and did not use before it died is lost, and time makes up for it.
 */
export class RateBudget {
  readonly #store: RateStore;
  readonly #onChange: (change: RateChange) => void;
  readonly #now: () => number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: {
    readonly store: RateStore;
    readonly onChange: (change: RateChange) => void;
    readonly nowMs?: () => number;
    readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  }) {
    this.#store = options.store;
    this.#onChange = options.onChange;
    this.#now = options.nowMs ?? (() => performance.now());
    this.#sleep = options.sleep ?? sleep;
  }

  /**
   * Waits for the tokens of all charges, in their order: put the limit that is widest last. Gives what the request costs
   * in milliseconds of the scarcest limit's whole rate. Rejects with the signal's reason when it is aborted.
   */
  async take(charges: readonly Charge[], signal: AbortSignal): Promise<number> {
    let costMs = 0;
    for (const { limit, tokens } of charges) {
      await this.#lane(limit).take(limit, tokens, signal);
      costMs = Math.max(costMs, (tokens * 1000) / limit.perSecond);
    }
    return costMs;
  }

  /** Every limit that was used, in the order of their first use. */
  get state(): readonly BudgetState[] {
    return Array.from(this.#lanes, ([limit, { factor, perSecond, requests, refused }]) => {
      return { limit, perSecond: perSecond * factor, factor, requests, refused };
    });
  }

  /** The other side refused a request with these charges. */
  async refused(charges: readonly Charge[], retryAfterMs: number | null): Promise<void> {
    for (const { limit } of charges) {
      const lane = this.#lane(limit);
      lane.drop();
      lane.refused++;
      this.#noticed(limit, await this.#store.refused(tight(limit), retryAfterMs), limit.perSecond);
    }
  }

  #lane({ name }: RateLimit): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new Lane(
        async (limit, tokens) => {
          const booking = await this.#store.book(tight(limit), tokens);
          this.#noticed(limit, booking.factor, booking.perSecond);
          return booking;
        },
        this.#now,
        this.#sleep,
      );
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** A recovery is told when it is complete. */
  #noticed(limit: RateLimit, factor: number, perSecond: number): void {
    const lane = this.#lane(limit);
    const { factor: last } = lane;
    lane.factor = factor;
    lane.perSecond = perSecond;
    if (factor < last || (factor === 1 && last < 1)) {
      this.#onChange({ limit: limit.name, factor, perSecond: perSecond * factor });
    }
  }
}

/** The callers of one limit, one after the other. */
class Lane {
  factor = 1;
  perSecond = 0;
  requests = 0;
  refused = 0;
  readonly #book: (limit: RateLimit, tokens: number) => Promise<Booking>;
  readonly #now: () => number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #turn: Promise<void> = Promise.resolve();
  #held = 0;
  #until = 0;
  #refusals = 0;

  constructor(
    book: (limit: RateLimit, tokens: number) => Promise<Booking>,
    now: () => number,
    wait: (ms: number, signal: AbortSignal) => Promise<void>,
  ) {
    this.#book = book;
    this.#now = now;
    this.#sleep = wait;
  }

  /** What is held, or on its way, was given before the other side refused. */
  drop(): void {
    this.#held = 0;
    this.#refusals++;
  }

  async take(limit: RateLimit, tokens: number, signal: AbortSignal): Promise<void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    try {
      await before;
      signal.throwIfAborted();
      if (this.#held < tokens || this.#now() > this.#until) await this.#reserve(limit, tokens, signal);
      this.#held -= tokens;
      this.requests++;
    } finally {
      resolve();
    }
  }

  async #reserve(limit: RateLimit, tokens: number, signal: AbortSignal): Promise<void> {
    this.#held = 0;
    const wanted = tokens * Math.max(1, Math.floor((limit.perSecond * HELD_MS) / 1000 / tokens));
    for (let refusals = -1; refusals !== this.#refusals;) {
      refusals = this.#refusals;
      const { waitMs } = await this.#book(limit, wanted);
      if (waitMs > 0) await this.#sleep(waitMs, signal);
      signal.throwIfAborted();
    }
    this.#held = wanted;
    this.#until = this.#now() + HELD_MS;
  }
}

/** What is used late was booked at most `HELD_MS` before: the bucket is smaller by as much, so that the limit holds. */
function tight(limit: RateLimit): RateLimit {
  return { ...limit, capacity: Math.max(0, limit.capacity - (limit.perSecond * HELD_MS) / 1000) };
}
