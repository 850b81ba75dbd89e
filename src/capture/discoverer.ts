import { Kind } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import { Backoff } from "../net/backoff.ts";
import { quietly, sleep } from "../net/sleep.ts";
import { FetchError, messageOf } from "../ops/errors.ts";
import type { LiveVenue, WantedMarket } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Listener } from "./listener.ts";

const MAX_ATTEMPTS = 6;
const MAX_RETRY_AFTER_MS = 60_000;
/** A listing that is hurried comes no sooner than this after the one before. */
const HURRY_MS = 2_000;
/** Nor do hurried listings take more of the disk than this on average: a whole exchange's list is some 100 MB. */
const HURRY_BYTES_PER_MS = 20;

export interface DiscovererOptions {
  readonly listener: Listener;
  readonly live: LiveVenue;
  readonly fetcher: Fetcher;
  readonly journal: Pick<JournalWriter, "append">;
  readonly config: RecordConfig;
  /** The listener's markets changed. */
  readonly onMarkets: (markets: readonly WantedMarket[]) => void;
  readonly onWarning: (message: string) => void;
}

/** Lists one listener's markets at the start and every `discovery_every`. What it found or failed to find is a record. */
export class Discoverer {
  readonly #options: DiscovererOptions;
  /** Markets in force; the number of listings in a row that lacked them. */
  readonly #markets = new Map<string, { market: WantedMarket; missing: number }>();

  #hurry = new AbortController();
  #notBefore = 0;
  /** Size of the last listing. */
  #bytes = 0;

  constructor(options: DiscovererOptions) {
    this.#options = options;
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = this.#backoff();
    const everyMs = this.#options.listener.discoveryEvery / 1000;
    while (!signal.aborted) {
      let wait = everyMs;
      try {
        await this.once(signal);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        wait = Math.min(everyMs, backoff.next());
        this.#decide({ type: "discovery-failed", reason: messageOf(error), retryMs: wait });
        const { listener, onWarning } = this.#options;
        onWarning(
          `listener ${listener.name} found no markets: ${messageOf(error)}; trying again in ${Math.ceil(wait / 1000)} s`,
        );
      }
      this.#notBefore = performance.now() + Math.min(wait, HURRY_MS + this.#bytes / HURRY_BYTES_PER_MS);
      await this.#pause(wait, signal);
    }
  }

  /** A market may have come: lists again soon, without asking the venue more often than it can bear. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Waits for the next listing, or until it is hurried. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await sleep(ms, AbortSignal.any([signal, this.#hurry.signal]));
    } catch (reason) {
      if (!signal.aborted && !this.#hurry.signal.aborted) throw reason;
      this.#hurry = new AbortController();
      if (!signal.aborted) await quietly(sleep(Math.max(0, this.#notBefore - performance.now()), signal), signal);
    }
  }

  /** One whole listing. Throws `FetchError` where the venue gives none. */
  async once(signal: AbortSignal): Promise<void> {
    const { live, listener, fetcher } = this.#options;
    const discovery = live.discovery(listener);
    const backoff = this.#backoff();
    this.#bytes = 0;
    for (let request = discovery.next(); request !== null; request = discovery.next()) {
      let retryAfterMs: number | null = null;
      try {
        const answer = await fetcher.fetch(request, signal);
        retryAfterMs = answer.retryAfterMs;
        this.#bytes += answer.body.length;
        discovery.read(answer.status, answer.body);
        backoff.reset();
      } catch (error) {
        if (!(error instanceof FetchError) || error.retry === "never" || backoff.attempts >= MAX_ATTEMPTS) throw error;
        const wait = backoff.next();
        await sleep(Math.min(MAX_RETRY_AFTER_MS, Math.max(wait, retryAfterMs ?? 0)), signal);
      }
    }
    this.#found(discovery.markets, discovery.leftOut, discovery.exhaustive);
  }

  /** A market leaves only when two listings in a row lack it: lists flicker, and the last frames come after the close. */
  #found(found: readonly WantedMarket[], leftOut: number, exhaustive: boolean): void {
    const added: WantedMarket[] = [];
    const removed: string[] = [];
    for (const entry of this.#markets.values()) entry.missing++;
    for (const market of found) {
      if (!this.#markets.has(market.market)) added.push(market);
      this.#markets.set(market.market, { market, missing: 0 });
    }
    for (const [name, { missing }] of this.#markets) {
      if (missing < 2) continue;
      this.#markets.delete(name);
      removed.push(name);
    }
    this.#decide({
      type: "discovery",
      found: this.#markets.size,
      leftOut,
      exhaustive,
    });
    if (removed.length > 0) this.#decide({ type: "unsubscribe", markets: removed });
    if (added.length > 0) {
      // Before the first frame of these markets, so that their rows can name the listener.
      this.#decide({ type: "subscribe", markets: added.map(({ market }) => market) });
    }
    if (added.length > 0 || removed.length > 0) {
      this.#options.onMarkets([...this.#markets.values()].map(({ market }) => market));
    }
  }

  #decide(decision: { readonly type: string; readonly [evidence: string]: unknown }): void {
    const { venue, name, channels } = this.#options.listener;
    const { type, ...evidence } = decision;
    this.#options.journal.append(
      Kind.decision,
      0,
      JSON.stringify({ type, venue, listener: name, channels, ...evidence }),
    );
  }

  #backoff(): Backoff {
    const { reconnect_min, reconnect_max } = this.#options.config;
    return new Backoff({ minMs: reconnect_min / 1000, maxMs: reconnect_max / 1000 });
  }
}
