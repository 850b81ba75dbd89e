import { type Closed, type Connected, type Decision, Kind, type Preamble } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import type { Micros } from "../model/time.ts";
import { Backoff } from "../net/backoff.ts";
import { MAX_TIMER_MS } from "../net/sleep.ts";
import { MAX_FRAME_BYTES, Socket, type SocketEnd } from "../net/websocket.ts";
import type { LiveSession, LiveVenue, Step, WantedMarket } from "../venues/venue.ts";
import type { StreamProgress } from "./capture.ts";
import type { RecordConfig } from "./config.ts";
import { steadyNow } from "./steady-clock.ts";

/** A connection that lived this long was healthy: the next one is made without a long wait. */
const HEALTHY: Micros = 60_000_000;
/** A market set that is quiet by nature doubles the watchdog's patience up to this factor. */
const MAX_PATIENCE = 8;
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
  readonly #backoff: Backoff;
  #wanted: readonly WantedMarket[];
  #socket: Socket | null = null;
  #session: LiveSession | null = null;
  #url = "";
  #openedAt: Micros = 0;
  #lastData: Micros = 0;
  #wakeAt: Micros = Infinity;
  #timer: NodeJS.Timeout | null = null;
  #patience = 1;
  #pausedAt: Micros | null = null;
  #closing: Closed | null = null;
  /** Since when it is connected, or is not: wall-clock time. */
  #since: Micros = Date.now() * 1000;
  #stopped: PromiseWithResolvers<void> | null = null;

  constructor(options: ConnectionOptions, wanted: readonly WantedMarket[]) {
    this.#options = options;
    this.#wanted = wanted;
    const { reconnect_min, reconnect_max } = options.config;
    this.#backoff = new Backoff({ minMs: reconnect_min / 1000, maxMs: reconnect_max / 1000 });
  }

  get markets(): readonly WantedMarket[] {
    return this.#wanted;
  }

  /** For people: how it fares now. */
  get progress(): StreamProgress {
    const { venue, stream } = this.#options;
    const { epoch, frames } = this;
    const heard = epoch > 0 && this.#lastData > this.#openedAt;
    return {
      venue,
      stream,
      connected: epoch > 0,
      since: this.#since,
      epoch,
      frames,
      dataAt: heard ? Date.now() * 1000 - (steadyNow() - this.#lastData) : null,
      markets: this.#wanted.length,
    };
  }

  start(): void {
    const { live, config, userAgent } = this.#options;
    const { url, headers } = live.handshake(Date.now() * 1000);
    this.#url = url;
    this.#socket = new Socket({
      url,
      headers: { "user-agent": userAgent, ...headers },
      handshakeTimeoutMs: config.handshake_timeout / 1000,
      compress: config.compress,
      onOpen: () => this.#opened(),
      onFrame: (frame) => this.#received(frame),
      onEnd: (end) => this.#ended(end),
    });
  }

  want(wanted: readonly WantedMarket[]): void {
    this.#wanted = wanted;
    this.#apply(this.#session?.want(wanted, steadyNow()) ?? null);
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
    if (this.#pausedAt !== null) this.#lastData += steadyNow() - this.#pausedAt;
    this.#pausedAt = null;
    this.#socket?.resume();
  }

  /** Ends for good; resolves when the socket is gone and `closed` is appended. */
  stop(): Promise<void> {
    if (this.#stopped === null) {
      this.#stopped = Promise.withResolvers<void>();
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
    this.#lastData = now;
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
    if (!live.isKeepAlive(frame)) this.#lastData = now;
    if ((++this.frames & PRESSURE_MASK) === 0) onFrames();
    const step = this.#session?.receive(frame, now) ?? null;
    if (step !== null) this.#apply(step);
  }

  #ended(end: SocketEnd): void {
    const { journal, config } = this.#options;
    this.#socket = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.epoch !== 0) {
      if (end.oversize) this.#decide({ type: "oversize", limit: MAX_FRAME_BYTES });
      const closed: Closed = this.#closing ?? { by: "venue", code: end.code, reason: end.reason };
      journal.append(Kind.closed, this.epoch, JSON.stringify(closed));
      if (steadyNow() - this.#openedAt >= HEALTHY) this.#backoff.reset();
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
    const wait = this.#backoff.next();
    if (failed) this.#refused(end, wait);
    this.reconnects++;
    this.#timer = setTimeout(() => this.start(), Math.min(wait, config.reconnect_max / 1000));
  }

  #refused({ status, reason }: SocketEnd, retryMs: number): void {
    const { attempts } = this.#backoff;
    this.#decide({ type: "connect-failed", status, reason, attempts, retryMs });
    // Said at the 1st, 2nd, 4th, 8th … attempt.
    if ((attempts & (attempts - 1)) !== 0) return;
    const { venue, stream, onWarning } = this.#options;
    onWarning(`cannot connect to ${venue} (${stream}): ${reason}; trying again, ${attempts} attempts so far`);
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
    const at = Math.min(this.#wakeAt, this.#stallAt());
    this.#timer = setTimeout(
      () => this.#due(),
      Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil((at - steadyNow()) / 1000))),
    );
  }

  #due(): void {
    if (this.#session === null) return;
    const now = steadyNow();
    if (this.#pausedAt === null && now >= this.#stallAt()) {
      const silentFor = now - this.#lastData;
      this.#decide({ type: "stall", since: Date.now() * 1000 - silentFor, silentFor });
      // Data came after the opening, then nothing: perhaps these markets are just quiet.
      const quiet = this.#lastData > this.#openedAt;
      this.#patience =
        quiet && this.#lastData - this.#openedAt < this.#options.config.stall_after
          ? Math.min(MAX_PATIENCE, this.#patience * 2)
          : 1;
      this.#hangUp("stall");
      return;
    }
    if (now >= this.#wakeAt) {
      this.#wakeAt = Infinity;
      this.#apply(this.#session.wake(now));
    }
    if (this.#session !== null && this.#closing === null) this.#arm();
  }

  #stallAt(): Micros {
    return this.#lastData + this.#options.config.stall_after * this.#patience;
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
