import { isDeepStrictEqual } from "node:util";
import type { Decision, Preamble } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import type { ChannelState, LiveVenue, Move, WantedMarket } from "../venues/venue.ts";
import { ClockOffset } from "./clock-offset.ts";
import type { RecordConfig } from "./config.ts";
import { Connection } from "./connection.ts";
import { Discoverer } from "./discoverer.ts";
import { Fetcher } from "./fetcher.ts";
import type { BudgetState } from "../net/rate-budget.ts";
import type { RateStore } from "../net/rate-store.ts";
import { quietly } from "../net/sleep.ts";
import type { Listener } from "./listener.ts";
import { RestCapture } from "./rest-capture.ts";
import { Reconnects } from "./reconnects.ts";
import { StallTrial } from "./stall-trial.ts";

export interface VenueCaptureOptions {
  readonly id: string;
  readonly live: LiveVenue;
  readonly listeners: readonly Listener[];
  readonly journal: JournalWriter;
  readonly config: RecordConfig;
  readonly userAgent: string;
  /** Where the request budgets are kept. */
  readonly rates: RateStore;
  readonly onFrames: () => void;
  readonly onWarning: (message: string) => void;
}

/** One venue: its listeners' markets, spread over its connections. */
export class VenueCapture {
  readonly #options: VenueCaptureOptions;
  readonly #fetcher: Fetcher;
  readonly #rest: RestCapture;
  readonly #discoverers = new Map<
    string,
    { readonly listener: Listener; readonly discoverer: Discoverer; stop(): Promise<void> }
  >();
  readonly #wanted = new Map<string, readonly WantedMarket[]>();
  readonly #connections = new Map<string, Connection>();
  /** Counts of connections that are no more. */
  #pastFrames = 0;
  #pastReconnects = 0;
  readonly #clock = new ClockOffset();
  readonly #reconnects: Reconnects;
  readonly #trial: StallTrial;
  #paused = false;
  #stopping = false;
  readonly #failure = Promise.withResolvers<never>();

  constructor(options: VenueCaptureOptions) {
    this.#options = options;
    const { id, live, journal, config, userAgent, rates } = options;
    this.#fetcher = new Fetcher({ venue: id, journal, budget: live.budget, rates, config, userAgent });
    this.#reconnects = new Reconnects(live, { maxMs: config.reconnect_max / 1000 });
    this.#trial = new StallTrial({ live, fetcher: this.#fetcher, connections: () => this.connections });
    this.#rest = new RestCapture({
      venue: id,
      live,
      fetcher: this.#fetcher,
      journal,
      config,
      listeners: () =>
        Array.from(this.#discoverers.values(), ({ listener }) => ({
          listener,
          markets: this.#wanted.get(listener.name) ?? [],
        })),
      merge: mergeMarkets,
      streamed: () => this.#streamed(),
    });
    this.listen(options.listeners);
  }

  get connections(): readonly Connection[] {
    return [...this.#connections.values()];
  }

  get frames(): number {
    return this.connections.reduce((sum, connection) => sum + connection.frames, this.#pastFrames);
  }

  get reconnects(): number {
    return this.connections.reduce((sum, connection) => sum + connection.reconnects, this.#pastReconnects);
  }

  get markets(): number {
    if (this.#options.live.unavailable !== null) return mergeMarkets([...this.#wanted.values()].flat()).length;
    return this.connections.reduce((sum, connection) => sum + connection.markets.length, 0);
  }

  /** Runs until the signal is aborted. Rejects where a listener's discovery fails for a reason of our own. */
  async run(signal: AbortSignal): Promise<void> {
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => stopped.resolve(), { once: true });
    const parts = [this.#fetcher.learn(signal), this.#rest.run(signal), this.#trial.run(signal)];
    const asking = Promise.all(parts.map((part) => quietly(part, signal)));
    asking.catch((error: unknown) => this.#failure.reject(error));
    if (!signal.aborted) await Promise.race([stopped.promise, this.#failure.promise]);
    await Promise.all([asking, ...Array.from(this.#discoverers.values(), ({ stop }) => stop())]);
  }

  /** How the venue's limits on requests are used. */
  get budgets(): readonly BudgetState[] {
    return this.#fetcher.budgets;
  }

  /** Wanted, granted and observed, by channel, over all connections. */
  state(): readonly ChannelState[] {
    const channels = new Map<string, ChannelState[]>();
    for (const connection of this.connections) {
      for (const state of connection.state())
        channels.set(state.channel, [...(channels.get(state.channel) ?? []), state]);
    }
    return Array.from(channels, ([channel, states]) => {
      const sum = (of: (state: ChannelState) => number) => states.reduce((total, state) => total + of(state), 0);
      return {
        channel,
        desired: sum(({ desired }) => desired),
        acknowledged: sum(({ acknowledged }) => acknowledged),
        observed: sum(({ observed }) => observed),
        unacknowledged: () => states.flatMap((state) => state.unacknowledged()),
        unobserved: () => states.flatMap((state) => state.unobserved()),
      };
    });
  }

  /** These are the listeners now. One that did not change goes on as it is; a changed one takes over what it still wants. */
  listen(listeners: readonly Listener[]): void {
    const names = new Set(listeners.map(({ name }) => name));
    for (const [name, { discoverer, stop }] of this.#discoverers) {
      if (names.has(name)) continue;
      void stop();
      this.#discoverers.delete(name);
      discoverer.leave("listener removed");
      this.#want(name, []);
    }
    for (const listener of listeners) {
      const running = this.#discoverers.get(listener.name);
      if (running !== undefined && isDeepStrictEqual(running.listener, listener)) continue;
      void running?.stop();
      this.#discover(listener, running?.discoverer.markets ?? []);
    }
  }

  #discover(listener: Listener, inherited: readonly WantedMarket[]): void {
    const { live, journal, config, onWarning } = this.#options;
    const discoverer = new Discoverer({
      listener,
      live,
      fetcher: this.#fetcher,
      journal,
      config,
      inherited,
      onMarkets: (markets) => {
        if (this.#discoverers.get(listener.name)?.discoverer === discoverer) this.#want(listener.name, markets);
      },
      onWarning,
    });
    const abort = new AbortController();
    const running = discoverer.run(abort.signal);
    running.catch((error: unknown) => this.#failure.reject(error));
    const stop = async () => {
      abort.abort(new Error("stopped"));
      await running;
    };
    this.#discoverers.set(listener.name, { listener, discoverer, stop });
  }

  resync(markets: readonly string[], evidence: Decision): void {
    for (const connection of this.#connections.values()) connection.resync(markets, evidence);
  }

  pause(): void {
    this.#paused = true;
    for (const connection of this.#connections.values()) connection.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const connection of this.#connections.values()) connection.resume();
  }

  /** Ends every connection; resolves when their last frames and `closed` records are appended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#reconnects.stop();
    await Promise.all(this.connections.map((connection) => connection.stop()));
  }

  describe(): Preamble["connections"] {
    return this.connections.map((connection) => connection.describe()).filter((open) => open !== null);
  }

  /** Markets on connections that are open. */
  #streamed(): ReadonlySet<string> {
    return new Set(this.connections.flatMap(({ served }) => served));
  }

  #want(listener: string, markets: readonly WantedMarket[]): void {
    if (this.#stopping) return;
    if (markets.length > 0) this.#wanted.set(listener, markets);
    else this.#wanted.delete(listener);
    this.#assign();
  }

  #move(move: Move): void {
    this.#options.live.move?.(move);
    if (!this.#stopping) this.#assign();
  }

  #assign(): void {
    if (this.#options.live.unavailable !== null) return;
    const streams = this.#options.live.streams(mergeMarkets([...this.#wanted.values()].flat()));
    for (const [stream, connection] of this.#connections) {
      if (streams.has(stream)) continue;
      this.#connections.delete(stream);
      this.#pastFrames += connection.frames;
      this.#pastReconnects += connection.reconnects;
      void connection.stop();
    }
    for (const [stream, wanted] of streams) {
      const connection = this.#connections.get(stream);
      if (connection === undefined) this.#connect(stream, wanted);
      else connection.want(wanted);
    }
  }

  #connect(stream: string, wanted: readonly WantedMarket[]): void {
    const { id, ...shared } = this.#options;
    const [reconnects, clock] = [this.#reconnects, this.#clock];
    const onAnnounced = (markets: readonly string[]) => {
      for (const { discoverer } of this.#discoverers.values())
        for (const market of markets) discoverer.announced(market);
    };
    const onElsewhere = (move: Move) => this.#move(move);
    const options = { venue: id, stream, ...shared, onAnnounced, reconnects, clock, onElsewhere };
    const connection = new Connection(options, wanted);
    this.#connections.set(stream, connection);
    if (this.#paused) connection.pause();
    connection.start();
  }
}

/** A market that several listeners want is recorded once, on all the channels that any of them wants. */
export function mergeMarkets(markets: readonly WantedMarket[]): WantedMarket[] {
  const merged = new Map<string, WantedMarket>();
  for (const market of markets) {
    const known = merged.get(market.market);
    if (known === undefined) merged.set(market.market, market);
    else {
      merged.set(market.market, {
        ...known,
        channels: [...new Set([...known.channels, ...market.channels])],
        outcomes: [...new Set([...known.outcomes, ...market.outcomes])],
        ...(known.isOver === true || market.isOver === true ? { isOver: true as const } : {}),
      });
    }
  }
  return [...merged.values()];
}
