import type { Decision, Preamble } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import type { ChannelState, LiveVenue, Move, WantedMarket } from "../venues/venue.ts";
import { ClockOffset } from "./clock-offset.ts";
import type { RecordConfig } from "./config.ts";
import { Connection } from "./connection.ts";
import { Discoverer } from "./discoverer.ts";
import { Fetcher } from "./fetcher.ts";
import type { Listener } from "./listener.ts";
import { Reconnects } from "./reconnects.ts";
import { StallTrial } from "./stall-trial.ts";

export interface VenueCaptureOptions {
  readonly id: string;
  readonly live: LiveVenue;
  readonly listeners: readonly Listener[];
  readonly journal: JournalWriter;
  readonly config: RecordConfig;
  readonly userAgent: string;
  readonly onFrames: () => void;
  readonly onWarning: (message: string) => void;
  /** No connection serves these markets: REST is all that is left. */
  readonly onUnserved?: (markets: readonly string[]) => void;
}

/** One venue: its listeners' markets, spread over its connections. */
export class VenueCapture {
  readonly #options: VenueCaptureOptions;
  readonly #discoverers: readonly Discoverer[];
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

  constructor(options: VenueCaptureOptions) {
    this.#options = options;
    const { id, live, journal, config, userAgent, listeners, onWarning } = options;
    const fetcher = new Fetcher({ venue: id, journal, budget: live.budget, config, userAgent });
    this.#reconnects = new Reconnects(live, { maxMs: config.reconnect_max / 1000 });
    this.#trial = new StallTrial({ live, fetcher, connections: () => this.connections });
    this.#discoverers = listeners.map(
      (listener) =>
        new Discoverer({
          listener,
          live,
          fetcher,
          journal,
          config,
          onMarkets: (markets) => this.#want(listener.name, markets),
          onWarning,
        }),
    );
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
    return this.connections.reduce((sum, connection) => sum + connection.markets.length, 0);
  }

  /** Runs the listeners until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#trial.run(signal), ...this.#discoverers.map((discoverer) => discoverer.run(signal))]);
  }

  /** Wanted, granted and observed, by channel, over all connections. */
  state(): readonly ChannelState[] {
    const channels = new Map<string, ChannelState[]>();
    for (const connection of this.connections) {
      for (const state of connection.state()) channels.set(state.channel, [...(channels.get(state.channel) ?? []), state]);
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

  #want(listener: string, markets: readonly WantedMarket[]): void {
    if (this.#stopping) return;
    this.#wanted.set(listener, markets);
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
    const { id, onUnserved = () => {}, ...shared } = this.#options;
    const [reconnects, clock] = [this.#reconnects, this.#clock];
    const onAnnounced = () => {
      for (const discoverer of this.#discoverers) discoverer.hurry();
    };
    const onElsewhere = (move: Move) => this.#move(move);
    const options = { venue: id, stream, ...shared, onAnnounced, reconnects, clock, onElsewhere, onUnserved };
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
      });
    }
  }
  return [...merged.values()];
}
