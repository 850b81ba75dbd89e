import type { Micros } from "../../model/time.ts";

/** Markets in one command. A ticker is about 30 bytes, so a command stays near 15 kB. */
const BATCH = 500;
const SECOND = 1_000_000;
/** How long an answer to a command may take. */
export const PATIENCE: Micros = 30 * SECOND;
/** How long a book may take before it is asked for, again, and then given up here. */
const BOOK_PATIENCE: Micros = 15 * SECOND;
const MAX_ASKS = 2;
/** Endings further apart than this have nothing to do with each other. */
const CALM: Micros = 120 * SECOND;
const NEVER: Micros = Number.MAX_SAFE_INTEGER;
/** A batch of this size that is too large for a subscription says that it is full. */
const SMALL_BATCH = 25;

export type Action = "subscribe" | "unsubscribe" | "add_markets" | "delete_markets" | "get_snapshot";

/** The index channel's own words (docs.kalshi.com/websockets/cfbenchmarks-value). */
const INDEX_ACTIONS: Readonly<Record<string, string>> = {
  add_markets: "subscribe_indices",
  delete_markets: "unsubscribe_indices",
};

export interface Command {
  readonly id: number;
  readonly action: Action;
  readonly markets: readonly string[];
  readonly sentAt: Micros;
  readonly text: string;
}

/**
 * One channel on one connection: brings what the venue sends (`held`) to what is `wanted`, one command at a time,
 * because the venue does not process commands in the order they were sent (seen on the wire, capture of 2026-08-07).
 */
export class Subscription {
  readonly channel: string;
  /** The channel takes no market filter: it carries all markets. */
  readonly unfiltered: boolean;
  sid: number | null = null;
  outstanding: Command | null = null;
  readonly held = new Set<string>();
  /** What of it the venue granted, and what of it has not sent data yet. */
  readonly granted = new Set<string>();
  readonly unseen = new Set<string>();
  /** Markets that the venue's own list lacked although they were granted: not asked for again before this. */
  readonly #later = new Map<string, Micros>();
  #batch = BATCH;
  /** Books that wait for a snapshot: when to ask (again), and how often we did. */
  readonly #stale = new Map<string, { askAt: Micros; asks: number }>();
  #wanted = new Set<string>();
  #notBefore: Micros = 0;
  #failures = 0;
  #endings = 0;
  #endedAt: Micros = -Infinity;
  #askedAt: Micros = -Infinity;

  constructor(channel: string, unfiltered: boolean) {
    this.channel = channel;
    this.unfiltered = unfiltered;
  }

  get wanted(): ReadonlySet<string> {
    return this.#wanted;
  }

  want(markets: Iterable<string>): void {
    this.#wanted = new Set(markets);
    for (const market of this.#later.keys()) if (!this.#wanted.has(market)) this.#later.delete(market);
    for (const market of this.#stale.keys()) if (!this.#wanted.has(market)) this.#stale.delete(market);
  }

  /** Books of these markets (default: all) need a fresh snapshot, a second after the last one was asked for at the earliest. Says how many. */
  resync(now: Micros, markets: Iterable<string> = this.held): number {
    const askAt = Math.max(now, this.#askedAt + SECOND);
    let count = 0;
    for (const market of markets) {
      if (!this.held.has(market)) continue;
      this.#stale.set(market, { askAt, asks: 0 });
      count++;
    }
    return count;
  }

  /** A snapshot of this market came. True where it was the last one that a command waited for. */
  booked(market: string): boolean {
    this.#stale.delete(market);
    this.unseen.delete(market);
    const command = this.outstanding;
    if (command?.action !== "get_snapshot" || command.markets.some((name) => this.#stale.has(name))) return false;
    this.outstanding = null;
    this.#failures = 0;
    return true;
  }

  /**
   * The venue did as told. `listed` is its own list of what the subscription carries now, where it gave one: those of
   * ours that it lacks are given back, and asked for again later.
   */
  acknowledged(sid: number | null, listed: readonly string[] | null, now: Micros): string[] {
    const { action, markets = [] } = this.outstanding ?? {};
    if (action === "get_snapshot") return [];
    if (action === "unsubscribe") this.sid = null;
    else if (sid !== null) this.sid = sid;
    this.outstanding = null;
    this.#failures = 0;
    for (const market of markets) if (this.held.has(market)) this.granted.add(market);
    if (listed === null || action === "unsubscribe") return [];
    const carried = new Set(listed);
    const lacking = [...this.held].filter((market) => !carried.has(market));
    for (const market of lacking) {
      this.#drop(market);
      this.#later.set(market, now + CALM);
    }
    return lacking;
  }

  /**
   * The venue carries no more markets here (error 26). Smaller batches fill what room there is; then the markets that
   * found none are handed over, to be subscribed on another connection.
   */
  full(): string[] {
    const { markets = [] } = this.outstanding ?? {};
    this.outstanding = null;
    for (const market of markets) this.#drop(market);
    if (markets.length > SMALL_BATCH || (this.held.size === 0 && markets.length > 1)) {
      this.#batch = Math.ceil(markets.length / 2);
      return [];
    }
    const homeless = [...this.#wanted].filter((market) => !this.held.has(market));
    for (const market of homeless) this.#wanted.delete(market);
    return this.held.size === 0 ? [] : homeless;
  }

  /** The venue refused the outstanding command. `again`: it may take it later, so the same is tried after a wait. */
  refused(again: boolean, now: Micros): void {
    const command = this.outstanding;
    this.outstanding = null;
    if (command === null) return;
    if (command.action === "get_snapshot") {
      const wait = again ? this.#wait() : 0;
      for (const market of command.markets) {
        const stale = this.#stale.get(market);
        if (stale === undefined) continue;
        stale.askAt = now + (again ? wait : BOOK_PATIENCE);
        // Whoever was too busy to hear was not asked.
        if (again) stale.asks--;
      }
      return;
    }
    if (again) {
      for (const market of command.markets) {
        if (command.action === "delete_markets") this.held.add(market);
        else this.#drop(market);
      }
      this.#notBefore = now + this.#wait();
    } else if (command.action === "subscribe" && command.markets.length === this.held.size) {
      // Nothing of this channel can be had: asking for the rest would only repeat the error.
      this.#wanted.clear();
      this.#dropAll();
      this.#notBefore = NEVER;
    }
  }

  /** The venue ended the subscription (errors 10 and 25): subscribe anew. */
  ended(now: Micros): void {
    this.sid = null;
    this.outstanding = null;
    this.#dropAll();
    if (now - this.#endedAt > CALM) this.#endings = 0;
    this.#notBefore = this.#endings === 0 ? now : now + Math.min(60, 2 ** this.#endings) * SECOND;
    this.#endings++;
    this.#endedAt = now;
  }

  /** Markets whose snapshot did not come although we asked often enough; they are no longer waited for. */
  givenUp(now: Micros): string[] {
    const lost: string[] = [];
    for (const [market, { askAt, asks }] of this.#stale) if (asks >= MAX_ASKS && askAt <= now) lost.push(market);
    for (const market of lost) this.#stale.delete(market);
    if (this.outstanding !== null && lost.length > 0) this.booked("");
    return lost;
  }

  /** The next command, or null where there is nothing to say now. `id` is taken only when a command is given. */
  next(id: number, now: Micros): Command | null {
    const timedOut = this.outstanding?.action === "get_snapshot" && now >= this.outstanding.sentAt + BOOK_PATIENCE;
    if ((this.outstanding !== null && !timedOut) || now < this.#notBefore) return null;
    const command = this.#choose(now);
    if (command === null) return null;
    const { action, markets } = command;
    for (const market of markets) {
      if (action === "delete_markets") this.#drop(market);
      else if (action === "get_snapshot") {
        this.#stale.set(market, { askAt: now + BOOK_PATIENCE, asks: (this.#stale.get(market)?.asks ?? 0) + 1 });
      } else {
        this.held.add(market);
        this.unseen.add(market);
        if (this.channel === "orderbook_delta") this.#stale.set(market, { askAt: now + BOOK_PATIENCE, asks: 0 });
      }
    }
    if (action === "unsubscribe") this.#dropAll();
    if (action === "get_snapshot") this.#askedAt = now;
    this.outstanding = { id, action, markets, sentAt: now, text: this.#text(id, action, markets) };
    return this.outstanding;
  }

  /** When to call `next` again although nothing arrived; Infinity for never. */
  wakeAt(now: Micros): Micros {
    if (this.outstanding !== null) {
      const { action, sentAt } = this.outstanding;
      return sentAt + (action === "get_snapshot" ? BOOK_PATIENCE : PATIENCE);
    }
    if (this.#notBefore > now) return this.#notBefore === NEVER ? Infinity : this.#notBefore;
    let at = Infinity;
    for (const { askAt } of this.#stale.values()) at = Math.min(at, askAt);
    for (const askAt of this.#later.values()) at = Math.min(at, askAt);
    return Math.max(at, now);
  }

  #choose(now: Micros): { action: Action; markets: string[] } | null {
    if (this.sid === null) {
      if (!this.unfiltered && this.#wanted.size === 0) return null;
      const first = this.#take(this.#wanted, (market) => this.#missing(market, now));
      return first.length > 0 || this.unfiltered ? { action: "subscribe", markets: first } : null;
    }
    if (this.unfiltered) return null;
    if (this.#wanted.size === 0) return { action: "unsubscribe", markets: [] };
    const gone = this.#take(this.held, (market) => !this.#wanted.has(market));
    if (gone.length > 0) return { action: "delete_markets", markets: gone };
    const added = this.#take(this.#wanted, (market) => this.#missing(market, now));
    if (added.length > 0) return { action: "add_markets", markets: added };
    const due = this.#take(this.#stale.keys(), (market) => (this.#stale.get(market)?.askAt ?? Infinity) <= now);
    return due.length > 0 ? { action: "get_snapshot", markets: due } : null;
  }

  get #isIndex(): boolean {
    return this.channel === "cfbenchmarks_value";
  }

  /** By what the channel's subscriptions are narrowed. */
  get #filter(): "index_ids" | "market_tickers" {
    return this.#isIndex ? "index_ids" : "market_tickers";
  }

  #missing(market: string, now: Micros): boolean {
    if (this.held.has(market)) return false;
    const later = this.#later.get(market);
    if (later === undefined) return true;
    if (later > now) return false;
    this.#later.delete(market);
    return true;
  }

  #drop(market: string): void {
    this.held.delete(market);
    this.granted.delete(market);
    this.unseen.delete(market);
    this.#stale.delete(market);
  }

  #dropAll(): void {
    this.held.clear();
    this.granted.clear();
    this.unseen.clear();
    this.#stale.clear();
  }

  #take(markets: Iterable<string>, when: (market: string) => boolean): string[] {
    const taken: string[] = [];
    for (const market of markets) {
      if (!when(market)) continue;
      taken.push(market);
      if (taken.length === this.#batch) break;
    }
    return taken;
  }

  #wait(): Micros {
    return Math.min(60, 2 ** this.#failures++) * SECOND;
  }

  #text(id: number, action: Action, markets: readonly string[]): string {
    if (action === "unsubscribe") return JSON.stringify({ id, cmd: "unsubscribe", params: { sids: [this.sid] } });
    if (action !== "subscribe") {
      const params = {
        sids: [this.sid],
        [this.#filter]: markets,
        action: this.#isIndex ? INDEX_ACTIONS[action] : action,
      };
      return JSON.stringify({ id, cmd: "update_subscription", params });
    }
    return JSON.stringify({
      id,
      cmd: "subscribe",
      params: {
        channels: [this.channel],
        ...(this.unfiltered ? {} : { [this.#filter]: markets }),
        // The default will flip some day (docs.kalshi.com changelog): say it, so that the recording says it.
        ...(this.channel === "orderbook_delta" ? { use_yes_price: false } : {}),
        ...(this.channel === "ticker" ? { send_initial_snapshot: true } : {}),
      },
    });
  }
}
