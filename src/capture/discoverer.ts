import { Kind } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import type { Micros } from "../model/time.ts";
import { Backoff } from "../net/backoff.ts";
import { MAX_TIMER_MS, quietly, sleep } from "../net/sleep.ts";
import { messageOf } from "../ops/errors.ts";
import type { Discovery, LiveVenue, WantedMarket } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";
import type { Task } from "./discovery-agenda.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Listener } from "./listener.ts";
import { readListing } from "./listing.ts";
import type { Departure } from "./listener-markets.ts";
import { ListenerWatch } from "./listener-watch.ts";
import { steadyNow } from "./steady-clock.ts";

/** Rounds come no closer together than this, however much is announced. */
const ROUNDS_APART_MS = 2_000;
/** Attempts in a row after which a venue that gives no list is spoken of. */
const TROUBLE = 2;

/** The whole list is read this often where changes can be listed instead. */
const WHOLE_EVERY: Micros = 3_600_000_000;
/** And this often where a market may come to match by being traded: that is no change that venues list. */
const CROSSED_EVERY: Micros = 900_000_000;

export interface DiscovererOptions {
  readonly listener: Listener;
  readonly live: LiveVenue;
  readonly fetcher: Fetcher;
  readonly journal: Pick<JournalWriter, "append">;
  readonly config: RecordConfig;
  /** Markets of the listener that this one takes the place of. */
  readonly inherited?: readonly WantedMarket[];
  /** The listener's markets changed. */
  readonly onMarkets: (markets: readonly WantedMarket[]) => void;
  readonly onWarning: (message: string) => void;
}

/** Keeps one listener's markets: lists them, follows each from its announcement to its result. What it found or failed to find is a record. */
export class Discoverer {
  readonly #options: DiscovererOptions;
  readonly #watch: ListenerWatch;
  readonly #backoff: Backoff;
  #hurry = new AbortController();
  /** A round was asked for and has not begun: asking again changes nothing. */
  #isHurried = false;
  /** What the user was told last. */
  #said = "";

  constructor(options: DiscovererOptions) {
    this.#options = options;
    const { listener, inherited } = options;
    const wholeEvery = hasThreshold(listener) ? CROSSED_EVERY : WHOLE_EVERY;
    this.#watch = new ListenerWatch({ every: listener.discoveryEvery, wholeEvery, random: Math.random }, inherited);
    this.#backoff = this.#newBackoff();
  }

  /** The markets in force. */
  get markets(): readonly WantedMarket[] {
    return this.#watch.markets.all;
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const apart = Math.min(ROUNDS_APART_MS, this.#options.listener.discoveryEvery / 1000);
    let notBefore = 0;
    while (!signal.aborted) {
      const ms = Math.max(notBefore - performance.now(), (this.#watch.at - steadyNow()) / 1000);
      if (ms > 0) await this.#pause(ms, signal);
      else {
        this.#isHurried = false;
        const task = this.#watch.take(steadyNow());
        if (task !== null) await this.#round(task, signal);
        notBefore = performance.now() + apart;
      }
    }
  }

  /** Something was announced of a market on the stream. */
  announced(market: string): void {
    const { live, listener } = this.#options;
    if (!this.#watch.markets.has(market) && live.mayWant?.(listener, market) === false) return;
    this.#watch.announced(market, steadyNow());
    if (this.#isHurried) return;
    this.#isHurried = true;
    this.#hurry.abort();
  }

  /** Gives up all markets: the listener is gone. */
  leave(reason: Departure): void {
    const names = this.#watch.markets.all.map(({ market }) => market);
    if (names.length > 0) this.#decide({ type: "unsubscribe", reason, markets: names });
  }

  async #round(task: Task, signal: AbortSignal): Promise<void> {
    try {
      await this.#list(task, signal);
      this.#backoff.reset();
    } catch (error) {
      if (signal.aborted) return;
      const { listener, onWarning } = this.#options;
      const wait = Math.min(listener.discoveryEvery / 1000, this.#backoff.next());
      this.#decide({ type: "discovery-failed", scope: task.scope, reason: messageOf(error), retryMs: wait });
      onWarning(
        `listener ${listener.name} cannot list its markets: ${messageOf(error)}; trying again in ${Math.ceil(wait / 1000)} s`,
      );
      this.#watch.failed(task, steadyNow() + wait * 1000);
    }
  }

  async #list(task: Task, signal: AbortSignal): Promise<void> {
    const { live, listener, fetcher, onWarning } = this.#options;
    const discovery = live.discovery(listener, this.#watch.round(task, steadyNow()));
    const fetch = (request: Parameters<Fetcher["fetch"]>[0]) => fetcher.fetch(request, signal);
    const requests = await readListing(discovery, fetch, this.#newBackoff(), signal, (error, attempts) => {
      // A single failure is nothing; until the venue gives up whoever waits for the first market should know why.
      if (attempts !== TROUBLE || this.#watch.markets.size > 0) return;
      onWarning(`listener ${listener.name} cannot list its markets yet: ${error.message}; it goes on trying`);
    });
    signal.throwIfAborted();
    this.#found(task, discovery, requests);
  }

  #found(task: Task, discovery: Discovery, requests: number): void {
    const { added, changed, over, removed } = this.#watch.listed(task, discovery, requests, steadyNow());
    if (task.scope !== "named") {
      const { leftOut, exhaustive, problems = [] } = discovery;
      this.#decide({
        type: "discovery",
        scope: task.scope,
        found: this.#watch.markets.size,
        leftOut,
        exhaustive,
        requests,
        ...(problems.length > 0 ? { problems } : {}),
      });
    }
    for (const [reason, markets] of removed) this.#decide({ type: "unsubscribe", reason, markets });
    if (added.length > 0) {
      // Before the first frame of these markets, so that their rows can name the listener.
      this.#decide({ type: "subscribe", markets: added.map(({ market }) => market) });
    }
    if (added.length + changed.length + over.length + removed.size > 0)
      this.#options.onMarkets(this.#watch.markets.all);
    if (task.scope !== "named") this.#tell(discovery);
  }

  /** What the user should know of this listing, once. */
  #tell({ problems = [], leftOut, exhaustive }: Discovery): void {
    const { listener, onWarning } = this.#options;
    const lines = [...problems];
    if (this.#watch.markets.size === 0 && problems.length === 0)
      lines.push("its filters match no market now; it goes on looking");
    if (leftOut > 0 && exhaustive)
      lines.push(
        `${leftOut} more markets match than max_markets (${listener.maxMarkets}) allows; the busiest are recorded`,
      );
    // Which markets are left out changes all the time: that there are some is said once.
    const said = JSON.stringify([...problems, this.#watch.markets.size === 0, leftOut > 0 && exhaustive]);
    if (said === this.#said) return;
    this.#said = said;
    for (const line of lines) onWarning(`listener ${listener.name}: ${line}`);
  }

  /** Waits for the next round, or until there is a reason for one. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const early = AbortSignal.any([signal, this.#hurry.signal]);
    await quietly(sleep(Math.min(MAX_TIMER_MS, Math.ceil(ms)), early), early);
    if (this.#hurry.signal.aborted) this.#hurry = new AbortController();
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

  #newBackoff(): Backoff {
    const { reconnect_min, reconnect_max } = this.#options.config;
    return new Backoff({ minMs: reconnect_min / 1000, maxMs: reconnect_max / 1000 });
  }
}

/** Whether a filter is crossed by trading: `min_volume`, `min_open_interest`, `min_liquidity`. */
function hasThreshold({ filters }: Listener): boolean {
  return Object.entries(filters).some(([key, value]) => key.startsWith("min_") && Number(value) > 0);
}
