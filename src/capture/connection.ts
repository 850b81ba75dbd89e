import { type Closed, type Connected, type Decision, Kind, type Preamble } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import type { Micros } from "../model/time.ts";
import { MAX_TIMER_MS } from "../net/sleep.ts";
import { MAX_FRAME_BYTES, Socket, type SocketEnd } from "../net/websocket.ts";
import type { ChannelState, LiveSession, LiveVenue, Move, Step, WantedMarket } from "../venues/venue.ts";
import { MarketActivity } from "./activity.ts";
import { Attempts } from "./attempts.ts";
import type { StreamProgress } from "./capture.ts";
import type { ClockOffset } from "./clock-offset.ts";
import type { RecordConfig } from "./config.ts";
import type { Reconnects } from "./reconnects.ts";
import { steadyNow } from "./steady-clock.ts";
import { Watchdog } from "./watchdog.ts";

/** A connection that lived this long was healthy: the next one is made without a long wait. */
const HEALTHY: Micros = 60_000_000;
/** How often to look whether a pause that we made is over. */
const PAUSE_LOOK: Micros = 1_000_000;
/** How often to look whether any market of a connection trades again. */
const OVER_LOOK: Micros = 10_000_000;
/** Frames between two looks at the unwritten bytes. */
const PRESSURE_MASK = 63;

export interface ConnectionOptions {
  readonly venue: string;
  readonly stream: string;
  readonly live: LiveVenue;
  readonly journal: Pick<JournalWriter, "append" | "received" | "nextEpoch">;
  readonly config: RecordConfig;
  readonly userAgent: string;
  /** Called every few frames: the place to look whether writing keeps up. */
  readonly onFrames: () => void;
  readonly onWarning: (message: string) => void;
  /** The session saw something announced of these markets. */
  readonly onAnnounced: (markets: readonly string[]) => void;
  /** When the venue's connections may try again. */
  readonly reconnects: Reconnects;
  /** The venue's clock against ours, as far as refused handshakes told. */
  readonly clock: ClockOffset;
  /** The connection does not serve these markets: to be subscribed on another one. */
  readonly onElsewhere: (move: Move) => void;
}

/**
 * One stream kept alive: connects, lets the venue's session talk, records everything both ways, watches that data
 * flows, and connects again. What it decides is a record before it is done.
 */
export class Connection {
  /** The connection's number, 0 while there is none. */
  epoch = 0;
  frames = 0;
  reconnects = 0;
  readonly #options: ConnectionOptions;
  readonly #attempts: Attempts;
  #wanted: readonly WantedMarket[];
  #socket: Socket | null = null;
  #session: LiveSession | null = null;
  #url = "";
  /** What its markets are used to; it outlives the single connection. */
  readonly activity = new MarketActivity();
  readonly #watchdog: Watchdog;
  #startedAt: Micros = 0;
  #openedAt: Micros = 0;
  #wakeAt: Micros = Infinity;
  #timer: NodeJS.Timeout | null = null;
  /** When it tries again, while it waits for that; null also where it must not be hurried. */
  #retryAt: Micros | null = null;
  /** Whose turn it is to be asked for a book when nothing comes. */
  #probes = 0;
  #pausedAt: Micros | null = null;
  #closing: Closed | null = null;
  /** Since when it is connected, or is not: wall-clock time. */
  #since: Micros = Date.now() * 1000;
  /** Since this connection was opened. */
  readonly #unserved = new Set<string>();
  #stopped: PromiseWithResolvers<void> | null = null;

  constructor(options: ConnectionOptions, wanted: readonly WantedMarket[]) {
    this.#options = options;
    this.#wanted = wanted;
    const { stall_after, dead_after } = options.config;
    this.#watchdog = new Watchdog({ stallAfter: stall_after, deadAfter: dead_after });
    this.activity.watch(wanted.map(({ market }) => market));
    this.#attempts = new Attempts({ ...options, decide: (decision) => this.#decide(decision) });
  }

  get markets(): readonly WantedMarket[] {
    return this.#wanted;
  }

  /** Markets that it brings data of, as far as is known: without those that the venue leaves out on every connection. */
  get served(): readonly string[] {
    if (this.epoch === 0) return [];
    return this.#wanted.map(({ market }) => market).filter((market) => !this.#unserved.has(market));
  }

  /** For people: how it fares now. */
  get progress(): StreamProgress {
    const { venue, stream } = this.#options;
    const { epoch, frames } = this;
    const heard = epoch > 0 && this.#watchdog.dataAt > this.#openedAt;
    return {
      venue,
      stream,
      connected: epoch > 0,
      since: this.#since,
      epoch,
      frames,
      dataAt: heard ? Date.now() * 1000 - (steadyNow() - this.#watchdog.dataAt) : null,
      markets: this.#wanted.length,
    };
  }

  start(): void {
    const { live, config, userAgent, clock, reconnects } = this.#options;
    reconnects.gone(this);
    this.#retryAt = null;
    this.#startedAt = Date.now() * 1000;
    // Signed in the venue's time where ours was refused for being off.
    const { url, headers } = live.handshake(this.#startedAt + (clock.isWrong ? (clock.offset ?? 0) : 0));
    this.#url = url;
    this.#socket = new Socket({
      url,
      headers: { "user-agent": userAgent, ...headers },
      handshakeTimeoutMs: config.handshake_timeout / 1000,
      compress: config.compress,
      onOpen: () => this.#opened(),
      onFrame: (frame) => this.#received(frame),
      onSign: () => this.#watchdog.sign(steadyNow()),
      onEnd: (end) => this.#ended(end),
    });
  }

  want(wanted: readonly WantedMarket[]): void {
    this.#wanted = wanted;
    this.activity.watch(wanted.map(({ market }) => market));
    this.#apply(this.#session?.want(wanted, steadyNow()) ?? null);
  }

  /** What is wanted, granted and observed, by channel; empty while not connected. */
  state(): readonly ChannelState[] {
    return this.#session?.state?.() ?? [];
  }

  /** The venue may be back: try soon, if that is sooner than planned. */
  hurry(ms: number): void {
    if (this.#retryAt === null || this.#stopped !== null) return;
    if (steadyNow() + ms * 1000 < this.#retryAt) this.#retry(ms, true);
  }

  /** Hangs up for a reason that is recorded first. */
  giveUp(evidence: Decision, reason: string): void {
    if (this.#session === null || this.#closing !== null) return;
    this.#decide(evidence);
    this.#hangUp(reason);
  }

  /** A verdict on single markets of this connection. */
  judge(decision: Decision): void {
    this.#decide(decision);
  }

  /** Fresh snapshots of those of the markets that are on this connection, for a reason that is recorded first. */
  resync(markets: readonly string[], evidence: Decision): void {
    const ours = markets.filter((market) => this.#wanted.some((wanted) => wanted.market === market));
    if (ours.length === 0 || this.#session === null) return;
    this.#decide({ ...evidence, markets: ours });
    this.#apply(this.#session.resync(ours, steadyNow()));
  }

  pause(): void {
    this.#pausedAt ??= steadyNow();
    this.#socket?.pause();
  }

  resume(): void {
    // Silence that we made ourselves is none.
    if (this.#pausedAt !== null) {
      const paused = steadyNow() - this.#pausedAt;
      this.#watchdog.shift(paused);
      this.activity.shift(Math.ceil(paused / 1e6));
    }
    this.#pausedAt = null;
    this.#socket?.resume();
  }

  /** Ends for good; resolves when the socket is gone and `closed` is appended. */
  stop(): Promise<void> {
    if (this.#stopped === null) {
      this.#stopped = Promise.withResolvers<void>();
      this.#options.reconnects.gone(this);
      if (this.#timer !== null) clearTimeout(this.#timer);
      if (this.#socket === null) this.#stopped.resolve();
      else {
        this.#closing ??= { by: "stopped" };
        if (this.epoch === 0) this.#socket.terminate();
        else {
          this.#socket.resume();
          this.#socket.close();
        }
      }
    }
    return this.#stopped.promise;
  }

  /** For the preamble of the next segment; null while not connected. */
  describe(): Preamble["connections"][number] | null {
    if (this.epoch === 0 || this.#session === null) return null;
    return { ...this.#connected(), epoch: this.epoch, commands: this.#session.commands() };
  }

  /** Gives markets to another connection. */
  move(move: Omit<Move, "stream">): void {
    const { stream, onElsewhere } = this.#options;
    this.#decide({ type: "moved", ...move });
    onElsewhere({ stream, ...move });
  }

  #connected(): Connected {
    return {
      venue: this.#options.venue,
      stream: this.#options.stream,
      url: this.#url,
      format: this.#options.live.format,
    };
  }

  #opened(): void {
    const now = steadyNow();
    this.epoch = this.#options.journal.nextEpoch();
    this.#since = Date.now() * 1000;
    this.#openedAt = now;
    this.#attempts.opened();
    this.#unserved.clear();
    this.#watchdog.opened(now);
    this.#options.reconnects.opened(this);
    this.#wakeAt = Infinity;
    this.#session = this.#options.live.session(this.#options.stream, this.#wanted);
    this.#options.journal.append(Kind.connected, this.epoch, JSON.stringify(this.#connected()));
    if (this.#pausedAt !== null) this.#socket?.pause();
    this.#apply(this.#session.open(now));
    this.#arm();
  }

  /** The hot path: append, let the session look, count. */
  #received(frame: Buffer): void {
    const { journal, live, onFrames } = this.#options;
    journal.received(this.epoch, frame);
    const now = steadyNow();
    if (live.isKeepAlive(frame)) this.#watchdog.sign(now);
    else this.#watchdog.data(now);
    if ((++this.frames & PRESSURE_MASK) === 0) onFrames();
    const session = this.#session;
    if (session === null) return;
    const step = session.receive(frame, now);
    const at = session.marketAt ?? -1;
    if (at >= 0) this.activity.note(frame, at, Math.floor(now / 1e6));
    if (step !== null) this.#apply(step);
  }

  #ended(end: SocketEnd): void {
    const { journal } = this.#options;
    this.#socket = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.epoch !== 0) {
      if (end.oversize) this.#decide({ type: "oversize", limit: MAX_FRAME_BYTES });
      const closed: Closed = this.#closing ?? { by: "venue", code: end.code, reason: end.reason };
      journal.append(Kind.closed, this.epoch, JSON.stringify(closed));
      if (steadyNow() - this.#openedAt >= HEALTHY) this.#attempts.healthy();
    }
    const failed = this.epoch === 0;
    if (!failed) this.#since = Date.now() * 1000;
    this.epoch = 0;
    this.#session = null;
    this.#closing = null;
    if (this.#stopped !== null) {
      this.#stopped.resolve();
      return;
    }
    this.reconnects++;
    const failedAt = failed ? this.#startedAt : null;
    const { waitMs, mayHurry } = this.#attempts.next(this, end, { url: this.#url, failedAt });
    this.#retry(waitMs, mayHurry);
  }

  #retry(ms: number, mayHurry: boolean): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#retryAt = mayHurry ? steadyNow() + ms * 1000 : null;
    this.#timer = setTimeout(() => this.start(), ms);
  }

  #apply(step: Step | null): void {
    if (step === null) return;
    for (const decision of step.decisions ?? []) this.#decide(decision);
    for (const warning of step.warnings ?? []) this.#options.onWarning(warning);
    for (const text of step.send ?? []) {
      this.#options.journal.append(Kind.sent, this.epoch, text);
      this.#socket?.send(text);
    }
    if (step.announced !== undefined) this.#options.onAnnounced(step.announced);
    if (step.unserved !== undefined) {
      this.#decide({ type: "unserved", markets: step.unserved });
      for (const market of step.unserved) this.#unserved.add(market);
    }
    if (step.elsewhere !== undefined) this.move(step.elsewhere);
    if (step.close !== undefined) {
      this.#hangUp(step.close);
      return;
    }
    if (step.wakeAt !== undefined && step.wakeAt !== this.#wakeAt) {
      this.#wakeAt = step.wakeAt;
      this.#arm();
    }
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const at = Math.min(this.#wakeAt, this.#watchdog.dueAt);
    this.#timer = setTimeout(
      () => this.#due(),
      Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil((at - steadyNow()) / 1000))),
    );
  }

  #due(): void {
    if (this.#session === null) return;
    const now = steadyNow();
    if (this.#pausedAt !== null) this.#watchdog.excuse(now + PAUSE_LOOK);
    else this.#watch(now);
    if (this.#session === null || this.#closing !== null) return;
    if (now >= this.#wakeAt) {
      this.#wakeAt = Infinity;
      this.#apply(this.#session.wake(now));
    }
    if (this.#session !== null && this.#closing === null) this.#arm();
  }

  #watch(now: Micros): void {
    const watchdog = this.#watchdog;
    // Where all markets are over nothing need come: the answer to a ping is all there is to go by.
    if (this.#wanted.length > 0 && this.#trading().length === 0) watchdog.excuse(now + OVER_LOOK);
    const alarm = watchdog.due(now);
    if (alarm === null) return;
    if (alarm === "ping") return this.#socket?.ping();
    const silence = (from: Micros) => ({ since: Date.now() * 1000 - (now - from), silentFor: now - from });
    if (alarm === "dead") {
      this.#decide({ type: "stall", reason: "dead", ...silence(watchdog.signAt) });
      return this.#hangUp("dead");
    }
    const until = this.#options.live.maintenance?.(Date.now() * 1000)?.to ?? null;
    if (until !== null) return watchdog.excuse(now + until - Date.now() * 1000);
    if (alarm === "stall") {
      this.#decide({ type: "stall", reason: "no-data", ...silence(watchdog.dataAt) });
      return this.#hangUp("stall");
    }
    this.#probe(now, silence(watchdog.dataAt));
  }

  /** Asks for the book of one market, each in turn: where data flows it comes, however quiet the markets are. */
  #probe(now: Micros, silence: { readonly since: Micros; readonly silentFor: Micros }): void {
    const trading = this.#trading();
    const market = trading[this.#probes++ % Math.max(1, trading.length)]?.market;
    const step = market === undefined ? null : (this.#session?.resync([market], now) ?? null);
    if (step === null || market === undefined) return;
    this.#decide({ type: "probe", markets: [market], ...silence });
    this.#apply(step);
  }

  #trading(): readonly WantedMarket[] {
    return this.#wanted.filter(({ isOver }) => isOver !== true);
  }

  #hangUp(reason: string): void {
    this.#closing = { by: "watchdog", reason };
    this.#socket?.terminate();
  }

  #decide(decision: Decision): void {
    const { venue, stream, journal } = this.#options;
    journal.append(Kind.decision, this.epoch, JSON.stringify({ venue, stream, ...decision }));
  }
}
