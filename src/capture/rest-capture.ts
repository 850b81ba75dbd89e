import { type Decision, Kind } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import type { Micros } from "../model/time.ts";
import { quietly, sleep } from "../net/sleep.ts";
import { messageOf } from "../ops/errors.ts";
import type { LiveVenue, WantedMarket } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";
import type { Fetcher } from "./fetcher.ts";
import type { Listener } from "./listener.ts";
import { Poller } from "./poller.ts";
import { Pace, runPlan } from "./run-plan.ts";
import { SettlementWatch } from "./settlement-watch.ts";

const LOOK_MS = 500;
const FALLBACK_EVERY: Micros = 5_000_000;
/** A stream that is away for less is made again before REST could help. */
const AWAY_MS = 5_000;
const BULLETINS_MS = 300_000;
/** Discovery has the whole budget at first. */
const FIRST_BULLETINS_MS = 5_000;
/** Parts of our request budget; the rest is always left for discovery. */
const POLL_SHARE = 0.6;
const FACTS_SHARE = 0.1;

export interface RestCaptureOptions {
  readonly venue: string;
  readonly live: LiveVenue;
  readonly fetcher: Fetcher;
  readonly journal: Pick<JournalWriter, "append">;
  readonly config: RecordConfig;
  /** The listeners in force with their markets. */
  readonly listeners: () => readonly { readonly listener: Listener; readonly markets: readonly WantedMarket[] }[];
  /** A market that several listeners want, once. */
  readonly merge: (markets: readonly WantedMarket[]) => readonly WantedMarket[];
  /** Markets whose stream is connected and believed to be alive. */
  readonly streamed: () => ReadonlySet<string>;
}

/** What one venue is asked over REST beside discovery: polls, settlements, facts of the whole venue. */
export class RestCapture {
  readonly #options: RestCaptureOptions;
  readonly #pollers = new Map<Micros | "fallback", Poller>();
  readonly #watches = new Map<string, SettlementWatch>();
  readonly #polls = new Pace(POLL_SHARE);
  /** Of settlements and of facts of the whole venue. */
  readonly #facts = new Pace(FACTS_SHARE);
  /** Since when the markets without a stream have had none, milliseconds. */
  #away = new Map<string, number>();
  #bulletinsAt = performance.now() + FIRST_BULLETINS_MS;

  constructor(options: RestCaptureOptions) {
    this.#options = options;
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const start = (round: Promise<void>): void => {
      const settled = quietly(round, signal).catch((error: unknown) => failed.abort(error));
      running.add(settled);
      void settled.finally(() => running.delete(settled));
    };
    while (!signal.aborted) {
      const listeners = this.#options.listeners();
      for (const poller of this.#pollersOf(listeners)) start(poller.look(signal));
      for (const { listener, markets } of listeners) start(this.#watch(listener).look(markets, signal));
      start(this.#bulletins(signal));
      await quietly(sleep(LOOK_MS, either), signal);
    }
    await Promise.all(running);
  }

  /** One poller for each interval that a listener in force has. */
  #pollersOf(listeners: readonly { readonly listener: Listener }[]): readonly Poller[] {
    const intervals = new Set(listeners.map(({ listener }) => listener.restPoll ?? "off"));
    for (const every of intervals) {
      if (every === "off" || this.#pollers.has(every)) continue;
      const poller = new Poller(this.#options.live.rest.poller(), {
        ...this.#plan(this.#polls),
        every: every === "fallback" ? FALLBACK_EVERY : every,
        reason: every === "fallback" ? "fallback" : "always",
        markets: () => (every === "fallback" ? this.#unstreamed() : this.#wanting(every)),
      });
      this.#pollers.set(every, poller);
    }
    return [...this.#pollers.values()];
  }

  /** Markets of the listeners with this `rest_poll`. */
  #wanting(restPoll: Micros | "fallback"): readonly WantedMarket[] {
    const listeners = this.#options.listeners().filter(({ listener }) => listener.restPoll === restPoll);
    return this.#options.merge(listeners.flatMap(({ markets }) => markets));
  }

  /** Markets that have been without a stream for a while, and that no other listener has polled anyway. */
  #unstreamed(): readonly WantedMarket[] {
    const always = this.#options.listeners().filter(({ listener }) => typeof listener.restPoll === "number");
    const polled = new Set(always.flatMap(({ markets }) => markets.map(({ market }) => market)));
    const wanted = this.#wanting("fallback").filter(({ market }) => !polled.has(market));
    if (this.#options.live.unavailable !== null) return wanted;
    const streamed = this.#options.streamed();
    const now = performance.now();
    const since = this.#away;
    this.#away = new Map();
    return wanted.filter(({ market }) => {
      if (streamed.has(market)) return false;
      const from = since.get(market) ?? now;
      this.#away.set(market, from);
      return now - from >= AWAY_MS;
    });
  }

  #watch(listener: Listener): SettlementWatch {
    let watch = this.#watches.get(listener.name);
    if (watch === undefined) {
      watch = new SettlementWatch(this.#options.live.rest.settlements(listener), {
        ...this.#plan(this.#facts),
        listener: listener.name,
      });
      this.#watches.set(listener.name, watch);
    }
    return watch;
  }

  async #bulletins(signal: AbortSignal): Promise<void> {
    if (performance.now() < this.#bulletinsAt) return;
    this.#bulletinsAt = performance.now() + BULLETINS_MS;
    const plan = this.#options.live.rest.bulletins();
    const options = this.#plan(this.#facts);
    try {
      if (plan !== null) await runPlan(plan, options, signal);
    } catch (error) {
      signal.throwIfAborted();
      options.decide({ type: "bulletins-failed", reason: messageOf(error) });
    }
  }

  #plan(pace: Pace) {
    const { fetcher, config, journal, venue } = this.#options;
    const decide = (decision: Decision): void => {
      journal.append(Kind.decision, 0, JSON.stringify({ venue, ...decision }));
    };
    return { fetcher, config, pace, decide };
  }
}
