import type { MarketEvent } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import { canonical } from "./products.ts";
import { asked, decode } from "./wire.ts";

/** One product on one channel of one connection. */
interface Subscription {
  readonly channel: string;
  /** Null: the channel has no products. */
  readonly product: string | null;
  readonly requestedAt: Micros | null;
  acknowledgedAt: Micros | null;
  firstDataAt: Micros | null;
  acknowledged: boolean;
  hasData: boolean;
}

export type SavedLedger = readonly Subscription[];

/** What we asked for on one connection, what the venue granted, and since when data comes: rows of `subscriptions`. */
export class SubscriptionLedger {
  readonly #epoch: number;
  readonly #emit: (event: MarketEvent) => void;
  readonly #listenerOf: (product: string) => string | null;
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(epoch: number, emit: (event: MarketEvent) => void, listenerOf: (product: string) => string | null) {
    this.#epoch = epoch;
    this.#emit = emit;
    this.#listenerOf = listenerOf;
  }

  /** Something was asked for: the end of the connection is a hole. */
  get used(): boolean {
    return this.#subscriptions.size > 0;
  }

  /** A frame that we sent. False where it is no command. */
  sent(bytes: Buffer, at: Micros | null): boolean {
    const decoded = decode(bytes);
    const command = "frame" in decoded ? asked(decoded.frame) : null;
    if (command === null) return false;
    for (const [channel, products] of command.channels) {
      for (const product of channel === "heartbeats" ? [null] : products.map(canonical)) {
        if (command.unsubscribe) this.#end(channel, product, at, "unsubscribed");
        else this.#request(channel, product, at);
      }
    }
    return true;
  }

  /** The venue listed what is in force. */
  acknowledged(listed: ReadonlyMap<string, ReadonlySet<string>>, at: Micros | null): void {
    for (const subscription of this.#subscriptions.values()) {
      const products = listed.get(subscription.channel);
      const granted = products !== undefined && (subscription.product === null || products.has(subscription.product));
      if (subscription.acknowledged || !granted) continue;
      subscription.acknowledged = true;
      subscription.acknowledgedAt = at;
      this.#state(subscription, null, null);
    }
  }

  /** Data came of a product, whether its acknowledgement did or not: a snapshot may come first. */
  data(channel: string, product: string, at: Micros | null): void {
    const subscription = this.#subscriptions.get(keyOf(channel, product));
    if (subscription === undefined || subscription.hasData) return;
    subscription.hasData = true;
    subscription.firstDataAt = at;
    this.#state(subscription, null, null);
  }

  refused(channel: string, products: readonly string[], at: Micros | null, reason: string): void {
    for (const product of products) this.#end(channel, canonical(product), at, reason);
  }

  endedAll(at: Micros | null, reason: string): void {
    for (const subscription of this.#subscriptions.values()) this.#state(subscription, at, reason);
    this.#subscriptions.clear();
  }

  save(): SavedLedger {
    return [...this.#subscriptions.values()];
  }

  restore(saved: SavedLedger): void {
    for (const each of saved) this.#subscriptions.set(keyOf(each.channel, each.product), { ...each });
  }

  #request(channel: string, product: string | null, at: Micros | null): void {
    const subscription: Subscription = {
      channel,
      product,
      requestedAt: at,
      acknowledgedAt: null,
      firstDataAt: null,
      acknowledged: false,
      hasData: false,
    };
    this.#subscriptions.set(keyOf(channel, product), subscription);
    this.#state(subscription, null, null);
  }

  #end(channel: string, product: string | null, at: Micros | null, reason: string): void {
    const key = keyOf(channel, product);
    const subscription = this.#subscriptions.get(key);
    if (subscription === undefined) return;
    this.#state(subscription, at, reason);
    this.#subscriptions.delete(key);
  }

  #state(subscription: Subscription, endedAt: Micros | null, reason: string | null): void {
    const { channel, product, requestedAt, acknowledgedAt, firstDataAt } = subscription;
    this.#emit({
      type: "subscription",
      venue: "coinbase",
      market: product,
      outcome: null,
      listener: product === null ? null : this.#listenerOf(product),
      epoch: this.#epoch,
      sid: null,
      channel,
      requestedAt,
      acknowledgedAt,
      firstDataAt,
      endedAt,
      reason,
    });
  }
}

function keyOf(channel: string, product: string | null): string {
  return `${channel} ${product ?? ""}`;
}
