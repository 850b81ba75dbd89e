import type { MarketEvent } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import type { Feed, Market } from "./memory.ts";

/** One market on one channel; `market` null where a channel was asked for whole. */
interface Entry {
  readonly channel: string;
  readonly market: Market | null;
  sid: number | null;
  requestedAt: Micros | null;
  acknowledgedAt: Micros | null;
  firstDataAt: Micros | null;
}

/** An entry as JSON values: channel, ticker, sid, three times. */
export type SavedEntry = readonly [string, string | null, number | null, Micros | null, Micros | null, Micros | null];

/**
 * Wanted, acknowledged and observed: the state of every subscription of one connection, emitted when it changes. One
 * that ended is forgotten.
 */
export class SubscriptionLedger {
  readonly #epoch: number;
  readonly #emit: (event: MarketEvent) => void;
  readonly #channels = new Map<string, Map<Market | null, Entry>>();

  constructor(epoch: number, emit: (event: MarketEvent) => void) {
    this.#epoch = epoch;
    this.#emit = emit;
  }

  requested(channel: string, market: Market | null, sid: number | null, at: Micros | null): void {
    if (this.#find(channel, market) !== undefined) return;
    this.#publish(this.#add(channel, market, sid, { requestedAt: at }));
  }

  acknowledged(feed: Feed, market: Market | null, at: Micros | null): void {
    const channel = feed.channel ?? "";
    const entry = this.#find(channel, market);
    if (entry === undefined) {
      this.#publish(this.#add(channel, market, feed.sid, { acknowledgedAt: at }));
    } else if (entry.acknowledgedAt === null) {
      entry.sid = feed.sid;
      entry.acknowledgedAt = at;
      this.#publish(entry);
    }
  }

  /** True where the channel was asked for whole and has shown data: then no single market is news. */
  isFlowing(channel: string): boolean {
    return (this.#find(channel, null)?.firstDataAt ?? null) !== null;
  }

  /** Call it once per market and feed. */
  firstData(feed: Feed, market: Market, at: Micros | null): void {
    const channel = feed.channel ?? "";
    const entry = this.#find(channel, market) ?? this.#find(channel, null);
    if (entry === undefined) {
      this.#publish(this.#add(channel, market, feed.sid, { acknowledgedAt: feed.acknowledgedAt, firstDataAt: at }));
    } else if (entry.firstDataAt === null) {
      entry.sid = feed.sid;
      entry.firstDataAt = at;
      this.#publish(entry);
    }
  }

  ended(channel: string, market: Market | null, at: Micros | null, reason: string): void {
    const entry = this.#find(channel, market);
    if (entry !== undefined) this.#end(entry, at, reason);
  }

  /** Ends what was asked for and not granted. */
  refused(channel: string, market: Market | null, at: Micros | null, reason: string): void {
    const entry = this.#find(channel, market);
    if (entry !== undefined && entry.acknowledgedAt === null && entry.firstDataAt === null)
      this.#end(entry, at, reason);
  }

  /** Ends everything on one sid. */
  endedSid(sid: number, at: Micros | null, reason: string): void {
    for (const entry of this.#entries()) if (entry.sid === sid) this.#end(entry, at, reason);
  }

  endedAll(at: Micros | null, reason: string): void {
    for (const entry of this.#entries()) this.#end(entry, at, reason);
  }

  save(): SavedEntry[] {
    return [...this.#entries()].map((e) => [
      e.channel,
      e.market?.instrument.market ?? null,
      e.sid,
      e.requestedAt,
      e.acknowledgedAt,
      e.firstDataAt,
    ]);
  }

  restore(saved: readonly SavedEntry[], market: (ticker: string) => Market): void {
    for (const [channel, ticker, sid, requestedAt, acknowledgedAt, firstDataAt] of saved) {
      const known = { requestedAt, acknowledgedAt, firstDataAt };
      this.#add(channel, ticker === null ? null : market(ticker), sid, known);
    }
  }

  *#entries(): Iterable<Entry> {
    for (const entries of this.#channels.values()) yield* entries.values();
  }

  #find(channel: string, market: Market | null): Entry | undefined {
    return this.#channels.get(channel)?.get(market);
  }

  #add(channel: string, market: Market | null, sid: number | null, known: Partial<Entry>): Entry {
    const nothing = { requestedAt: null, acknowledgedAt: null, firstDataAt: null };
    const entry: Entry = { ...nothing, ...known, channel, market, sid };
    let entries = this.#channels.get(channel);
    if (entries === undefined) this.#channels.set(channel, (entries = new Map()));
    entries.set(market, entry);
    return entry;
  }

  #end(entry: Entry, at: Micros | null, reason: string): void {
    const entries = this.#channels.get(entry.channel);
    entries?.delete(entry.market);
    if (entries?.size === 0) this.#channels.delete(entry.channel);
    this.#publish({ ...entry, endedAt: at, reason });
  }

  #publish({ channel, market, ...times }: Entry & { endedAt?: Micros | null; reason?: string }): void {
    this.#emit({
      type: "subscription",
      venue: "kalshi",
      market: market?.instrument.market ?? null,
      outcome: market?.instrument.outcome ?? null,
      listener: market?.listener ?? null,
      epoch: this.#epoch,
      channel,
      endedAt: null,
      reason: null,
      ...times,
    });
  }
}
