import { serves } from "../net/reach.ts";
import type { LiveVenue, Refusal } from "../venues/venue.ts";

/** A key that is refused is shown no more often than this, by all connections together. */
const REFUSED_MS = 5_000;
/** Nor does anyone knock more often while the venue is in maintenance. */
const MAINTENANCE_MS = 30_000;
/** After its end everyone comes back within this. */
const RETURN_MS = 3_000;
/** While nobody serves, one plain request is made this often. */
const KNOCK_MS = 1_000;
const KNOCK_TIMEOUT_MS = 1_500;
/** Connections that come back together are spread over this, each. */
const SPREAD_MS = 20;

export interface Waiting {
  /** Try in so many milliseconds, if that is sooner. */
  hurry(ms: number): void;
}

export interface Failure {
  /** Whose turn it would be after the ordinary back-off. */
  readonly waitMs: number;
  readonly url: string;
  /** No HTTP answer, or one that says that nobody serves now (5xx). */
  readonly unreachable: boolean;
  readonly refusal: Refusal | null;
}

/**
 * When a venue's connections may try again. Each backs off by itself; here is what they owe each other: long waits end
 * as soon as the venue is back, a refused key and a maintenance window make all of them slow.
 */
export class Reconnects {
  readonly #live: Pick<LiveVenue, "maintenance">;
  readonly #wallMs: () => number;
  readonly #random: () => number;
  readonly #refusedMs: number;
  readonly #waiting = new Map<Waiting, Failure>();
  readonly #abort = new AbortController();
  #slotMs = 0;
  #knock: NodeJS.Timeout | null = null;
  /** The last knock was answered: only a change of that is news. */
  #answered = true;

  constructor(
    live: Pick<LiveVenue, "maintenance">,
    options: { readonly maxMs: number; readonly wallMs?: () => number; readonly random?: () => number },
  ) {
    this.#live = live;
    this.#refusedMs = Math.min(REFUSED_MS, options.maxMs);
    this.#wallMs = options.wallMs ?? Date.now;
    this.#random = options.random ?? Math.random;
  }

  /** Milliseconds until this connection may try, and the maintenance that makes it wait, if any. */
  after(connection: Waiting, failure: Failure): { readonly waitMs: number; readonly maintenance: string | null } {
    const now = this.#wallMs();
    const quiet = this.#live.maintenance?.(now * 1000) ?? null;
    const maintenance = quiet?.down === true ? quiet : null;
    const spacing = maintenance !== null ? MAINTENANCE_MS : failure.refusal !== null ? this.#refusedMs : 0;
    let at = now + Math.max(failure.waitMs, spacing);
    if (spacing > 0) {
      at = Math.max(at, this.#slotMs);
      this.#slotMs = at + spacing;
    }
    if (maintenance !== null && at > maintenance.to / 1000) at = maintenance.to / 1000 + RETURN_MS * this.#random();
    if (spacing === 0) {
      this.#waiting.set(connection, failure);
      if (failure.unreachable && at - now > KNOCK_MS) this.#startKnocking();
    }
    return { waitMs: at - now, maintenance: maintenance?.name ?? null };
  }

  /** It tries now, or never again. */
  gone(connection: Waiting): void {
    this.#waiting.delete(connection);
  }

  /** A connection stands: the venue is back, so nobody waits any longer. */
  opened(connection: Waiting): void {
    this.#waiting.delete(connection);
    this.#hurry(this.#waiting.keys());
  }

  stop(): void {
    this.#abort.abort();
    if (this.#knock !== null) clearTimeout(this.#knock);
  }

  #hurry(connections: Iterable<Waiting>): void {
    let spread = 0;
    for (const connection of connections) connection.hurry(spread++ * SPREAD_MS + this.#random() * SPREAD_MS);
  }

  #startKnocking(): void {
    if (this.#knock === null && !this.#abort.signal.aborted) this.#schedule();
  }

  #schedule(): void {
    this.#knock = setTimeout(() => void this.#ask(), KNOCK_MS * (0.75 + 0.5 * this.#random()));
  }

  /** Hurries those whom nobody served, when someone begins to: who serves requests and refuses ours is not asked more. */
  async #ask(): Promise<void> {
    const unanswered = [...this.#waiting].filter(([, { unreachable }]) => unreachable);
    const [, first] = unanswered[0] ?? [];
    this.#knock = null;
    if (first === undefined) return;
    const answered = await serves(first.url, KNOCK_TIMEOUT_MS, this.#abort.signal);
    if (this.#abort.signal.aborted) return;
    if (answered && !this.#answered) this.#hurry(unanswered.map(([connection]) => connection));
    this.#answered = answered;
    this.#startKnocking();
  }
}
