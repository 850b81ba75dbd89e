import type { Micros } from "../model/time.ts";

/** A market set that is quiet by nature is asked less and less often, up to this factor. */
const MAX_PATIENCE = 8;
/** Frames this soon after the answer to a question belong to it. */
const ANSWER: Micros = 1_000_000;

export type Alarm =
  /** Nothing at all came for a while: send a ping. */
  | "ping"
  /** Still nothing: the other side is gone. */
  | "dead"
  /** It is there and sends no data: ask for some. */
  | "probe"
  /** None came, though it was asked for. */
  | "stall";

/**
 * One connection's liveness. Silence proves nothing on quiet markets, and an answered ping nothing about data: so data
 * is asked for, and only its absence is a stall. Without a clock: times are given.
 */
export class Watchdog {
  readonly #stallAfter: Micros;
  readonly #deadAfter: Micros;
  #signAt: Micros = 0;
  #dataAt: Micros = 0;
  #pinged = false;
  #probedAt: Micros | null = null;
  #answeredAt: Micros = 0;
  #excusedUntil: Micros = 0;
  #patience = 1;

  constructor(options: { readonly stallAfter: Micros; readonly deadAfter: Micros }) {
    this.#stallAfter = options.stallAfter;
    this.#deadAfter = options.deadAfter;
  }

  /** Times since which nothing, and no data, has come. */
  get signAt(): Micros {
    return this.#signAt;
  }
  get dataAt(): Micros {
    return this.#dataAt;
  }

  opened(now: Micros): void {
    this.#signAt = now;
    this.#dataAt = now;
    this.#pinged = false;
    this.#probedAt = null;
    this.#patience = 1;
  }

  /** Anything came: a ping, a pong, a keep-alive. */
  sign(now: Micros): void {
    this.#signAt = now;
    this.#pinged = false;
  }

  /** Data came. */
  data(now: Micros): void {
    this.#signAt = now;
    this.#dataAt = now;
    this.#pinged = false;
    if (this.#probedAt !== null) {
      this.#probedAt = null;
      this.#answeredAt = now;
      this.#patience = Math.min(MAX_PATIENCE, this.#patience * 2);
    } else if (this.#patience > 1 && now - this.#answeredAt > ANSWER) this.#patience = 1;
  }

  /** Silence until then is announced, or our own doing. */
  excuse(until: Micros): void {
    this.#excusedUntil = until;
  }

  /** Silence that we made ourselves is none. */
  shift(by: Micros): void {
    this.#signAt += by;
    this.#dataAt += by;
    if (this.#probedAt !== null) this.#probedAt += by;
  }

  /** When to ask `due`. */
  get dueAt(): Micros {
    return Math.min(this.#signAt + (this.#pinged ? this.#deadAfter : this.#deadAfter / 2), this.#nextAt);
  }

  /** What is to be done now. A `probe` counts as made. */
  due(now: Micros): Alarm | null {
    if (now >= this.#signAt + this.#deadAfter && this.#pinged) return "dead";
    if (now >= this.#nextAt) {
      if (this.#probedAt !== null) return "stall";
      this.#probedAt = now;
      return "probe";
    }
    if (now < this.#signAt + this.#deadAfter / 2 || this.#pinged) return null;
    this.#pinged = true;
    return "ping";
  }

  get #nextAt(): Micros {
    const third = this.#stallAfter / 3;
    const at = this.#probedAt === null ? this.#dataAt + 2 * third * this.#patience : this.#probedAt + third;
    return Math.max(at, this.#excusedUntil);
  }
}
