import type { JournalConfig } from "../journal/config.ts";
import { Kind } from "../journal/record.ts";
import { type JournalWriter, openJournal } from "../journal/writer.ts";
import type { BudgetState } from "../net/rate-budget.ts";
import { OwnRates, type RateStore } from "../net/rate-store.ts";
import { SharedRates } from "../net/shared-rates.ts";
import type { Micros } from "../model/time.ts";
import type { ChannelState, LiveVenue } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";
import type { Listener } from "./listener.ts";
import { VenueCapture } from "./venue-capture.ts";

/** Steps of the wall clock above this are recorded. */
const CLOCK_STEP_MS = 250;
const TICK_MS = 1_000;
const RELIEF_MS = 20;

export interface CaptureOptions {
  /** `tape/journal/<name>`. */
  readonly dir: string;
  readonly name: string;
  /** The tape's database, where request budgets are shared with other processes; null: they are this process's own. */
  readonly database?: string | null;
  readonly program: { readonly name: string; readonly version: string };
  readonly journal: JournalConfig;
  readonly record: RecordConfig;
  /** The effective configuration without secrets: it goes into the journal. */
  readonly publicConfig: unknown;
  readonly venues: readonly { readonly id: string; readonly live: LiveVenue }[];
  readonly listeners: readonly Listener[];
  /** Storage failed, a venue cannot be reached: what a user should know, in a sentence. Recording goes on while it can. */
  readonly onWarning: (message: string) => void;
  /** Called after each write and each group commit with the last written and the last durable frame. */
  readonly onProgress?: (written: number, durable: number) => void;
}

export interface Progress {
  readonly frames: number;
  readonly connections: number;
  readonly markets: number;
  readonly reconnects: number;
  readonly durableFrame: number;
  /** Milliseconds of the slowest recent group commit. */
  readonly slowestCommitMs: number;
  readonly paused: boolean;
  /** What is wanted, granted by the venue and observed, for each venue and channel. */
  readonly subscriptions: readonly SubscriptionCounts[];
  /** How limits on requests are used. */
  readonly budgets: readonly VenueBudget[];
  /** Number of the segment that is being written. */
  readonly segment: number;
  readonly streams: readonly StreamProgress[];
}

export interface VenueBudget extends BudgetState {
  readonly venue: string;
}

export interface SubscriptionCounts extends Pick<ChannelState, "channel" | "desired" | "acknowledged" | "observed"> {
  readonly venue: string;
}

/** Names of markets whose subscription is not what it ought to be. */
export interface SubscriptionDifference {
  readonly venue: string;
  readonly channel: string;
  /** Wanted and not granted; granted and never observed. */
  readonly unacknowledged: readonly string[];
  readonly unobserved: readonly string[];
}

/** How one connection fares. Times are microseconds. */
export interface StreamProgress {
  readonly venue: string;
  readonly stream: string;
  readonly connected: boolean;
  /** Since when it is connected, or has tried to. */
  readonly since: Micros;
  readonly epoch: number;
  readonly frames: number;
  /** Last frame that was more than a keep-alive; null where none came on this connection. */
  readonly dataAt: Micros | null;
  readonly markets: number;
}

/** Opens the journal and starts recording. Throws `StorageError` where the journal cannot be written. */
export async function startCapture(options: CaptureOptions): Promise<Capture> {
  const venues: VenueCapture[] = [];
  const journal = await openJournal({
    dir: options.dir,
    name: options.name,
    source: "live",
    config: options.journal,
    publicConfig: options.publicConfig,
    program: options.program,
    connections: () => venues.flatMap((venue) => venue.describe()),
    onError: (error) => options.onWarning(error.message),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  });
  return new Capture(options, journal, venues);
}

/** The recorder: every venue's connections and one journal. It loads neither sinks nor interpreters. */
export class Capture implements AsyncDisposable {
  readonly journal: JournalWriter;
  readonly #venues: VenueCapture[];
  readonly #options: CaptureOptions;
  /** Ids of `#venues`, in the same order. */
  readonly #ids: string[] = [];
  readonly #maxUnwritten: number;
  readonly #warn: (message: string) => void;
  readonly #abort = new AbortController();
  readonly #shared: SharedRates | null;
  readonly #rates: RateStore;
  readonly #running: Promise<void>[] = [];
  readonly #ticker: NodeJS.Timeout;
  #relief: NodeJS.Timeout | null = null;
  #lastFrame = 0;
  #stopped: Promise<void> | null = null;

  constructor(options: CaptureOptions, journal: JournalWriter, venues: VenueCapture[]) {
    this.journal = journal;
    this.#maxUnwritten = options.record.max_unwritten;
    this.#warn = options.onWarning;
    this.#options = options;
    this.#venues = venues;
    const { database } = options;
    this.#shared = typeof database === "string" ? new SharedRates(database, (reason) => this.#alone(reason)) : null;
    this.#rates = this.#shared ?? new OwnRates();
    journal.append(Kind.config, 0, JSON.stringify(options.publicConfig ?? null));
    this.#assign(options.listeners);
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /**
   * These are the listeners now; a `config` record and a decision for each venue say so. Those that did not change go on as they are.
   * `publicConfig`: the configuration in force with them, without secrets.
   */
  listen(listeners: readonly Listener[], publicConfig: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.journal.append(Kind.config, 0, JSON.stringify(publicConfig ?? null));
    this.#assign(listeners);
  }

  /** Gives each venue its listeners; a venue that gets its first one starts. */
  #assign(all: readonly Listener[]): void {
    const { record: config, onWarning, program } = this.#options;
    for (const { id, live } of this.#options.venues) {
      const listeners = all.filter((listener) => listener.venue === id);
      const running = this.#venues[this.#ids.indexOf(id)];
      if (running !== undefined || listeners.length > 0) {
        const names = listeners.map(({ name }) => name);
        this.journal.append(Kind.decision, 0, JSON.stringify({ type: "listeners", venue: id, listeners: names }));
      }
      if (running !== undefined) {
        running.listen(listeners);
        continue;
      }
      if (listeners.length === 0) continue;
      if (live.unavailable !== null) {
        const decision = { type: "no-stream", venue: id, reason: live.unavailable };
        this.journal.append(Kind.decision, 0, JSON.stringify(decision));
      }
      const venue = new VenueCapture({
        id,
        live,
        listeners,
        journal: this.journal,
        config,
        userAgent: `${program.name}/${program.version}`,
        rates: this.#rates,
        onFrames: () => this.#relieve(),
        onWarning,
      });
      this.#ids.push(id);
      this.#venues.push(venue);
      if (this.#relief !== null) venue.pause();
      const run = venue.run(this.#abort.signal);
      run.catch((error: unknown) => {
        if (!this.#abort.signal.aborted) throw error;
      });
      this.#running.push(run);
    }
  }

  get progress(): Progress {
    const { durability, lastDurableFrame } = this.journal;
    const sum = (of: (venue: VenueCapture) => number) => this.#venues.reduce((total, venue) => total + of(venue), 0);
    return {
      frames: sum((venue) => venue.frames),
      connections: sum((venue) => venue.connections.filter((connection) => connection.epoch > 0).length),
      markets: sum((venue) => venue.markets),
      reconnects: sum((venue) => venue.reconnects),
      durableFrame: lastDurableFrame,
      slowestCommitMs: durability.slowestMs,
      paused: this.#relief !== null,
      subscriptions: this.#venues.flatMap((venue, index) =>
        venue.state().map(({ channel, desired, acknowledged, observed }) => {
          return { venue: this.#ids[index] ?? "", channel, desired, acknowledged, observed };
        }),
      ),
      budgets: this.#venues.flatMap((venue, index) =>
        venue.budgets.map((budget) => ({ venue: this.#ids[index] ?? "", ...budget })),
      ),
      segment: this.journal.segment,
      streams: this.#venues.flatMap((venue) => venue.connections.map((connection) => connection.progress)),
    };
  }

  /** The markets behind the counts of `progress.subscriptions` that differ, at most `limit` names each. */
  differences(limit: number): readonly SubscriptionDifference[] {
    return this.#venues.flatMap((venue, index) =>
      venue.state().flatMap(({ channel, ...state }) => {
        const unacknowledged = state.unacknowledged().slice(0, limit);
        const unobserved = state.unobserved().slice(0, limit);
        if (unacknowledged.length + unobserved.length === 0) return [];
        return [{ venue: this.#ids[index] ?? "", channel, unacknowledged, unobserved }];
      }),
    );
  }

  /** `project` found books uncertain and wants snapshots: recorded as a decision, then asked for. */
  resync(venue: string, markets: readonly string[], reason: string): void {
    this.#venues[this.#ids.indexOf(venue)]?.resync(markets, { type: "resync", by: "project", reason });
  }

  /** Ends the connections and discoveries, then writes, syncs and seals the journal. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    this.#abort.abort(new Error("stopped"));
    await Promise.all(this.#venues.map((venue) => venue.stop()));
    await Promise.all(this.#running);
    clearInterval(this.#ticker);
    if (this.#relief !== null) clearInterval(this.#relief);
    await this.#shared?.[Symbol.asyncDispose]();
    await this.journal.close();
  }

  /** The store of shared budgets cannot be used. */
  #alone(reason: string): void {
    this.journal.append(Kind.decision, 0, JSON.stringify({ type: "rate-unshared", reason }));
    this.#warn(`request budgets are not shared with other processes: ${reason}`);
  }

  /** Where nothing arrives, a tick moves the interpreters' clock. */
  #tick(): void {
    const step = this.journal.followClock();
    if (Math.abs(step) > CLOCK_STEP_MS) {
      const toNs = BigInt(Math.round((Date.now() - performance.now()) * 1e6));
      const fromNs = toNs - BigInt(Math.round(step * 1e6));
      this.journal.append(Kind.clockStep, 0, JSON.stringify({ fromNs: String(fromNs), toNs: String(toNs) }));
    }
    if (this.journal.lastFrame === this.#lastFrame) this.journal.append(Kind.tick, 0, "");
    this.#lastFrame = this.journal.lastFrame;
  }

  /** Pauses all sockets while more is unwritten than allowed; the frames then wait in the venue's and our TCP buffers. */
  #relieve(): void {
    if (this.#relief !== null || this.journal.unwritten <= this.#maxUnwritten) return;
    const since = performance.now();
    this.#pressure("paused", {});
    for (const venue of this.#venues) venue.pause();
    this.#relief = setInterval(() => {
      if (this.journal.unwritten > this.#maxUnwritten / 2) return;
      if (this.#relief !== null) clearInterval(this.#relief);
      this.#relief = null;
      this.#pressure("resumed", { pausedMs: Math.round(performance.now() - since) });
      for (const venue of this.#venues) venue.resume();
    }, RELIEF_MS);
  }

  #pressure(type: string, evidence: Readonly<Record<string, unknown>>): void {
    this.journal.append(Kind.decision, 0, JSON.stringify({ type, unwritten: this.journal.unwritten, ...evidence }));
  }
}
