import { keepListeners, withListener } from "../listener-names.ts";
import { isObject, parseJson, strings, text, textOf } from "./wire.ts";
import type { Connection, SubscriptionState, TokenStream } from "./connection.ts";
import type { Emitter } from "./emitter.ts";
import type { MarketStates } from "./market-state.ts";
import type { Decision } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";

/** Names kept of what listeners want; the oldest are forgotten. */
const LIMIT = 200_000;

/**
 * Follows what we asked for. The venue acknowledges nothing: a subscription is confirmed by the token's first `book`,
 * and ends with our `unsubscribe` or the connection.
 */
export class Subscriptions {
  readonly #emitter: Emitter;
  readonly #markets: MarketStates;
  /** Market or token → listeners. */
  readonly #listeners = new Map<string, string>();

  constructor(emitter: Emitter, markets: MarketStates) {
    this.#emitter = emitter;
    this.#markets = markets;
  }

  /**
   * A decision that says which listener wants which markets: `discovery` (`added`: markets with their tokens,
   * `removed`: markets), `subscribe` (`markets`, `tokens`) or `unsubscribe` (`markets`). `listeners`: who there is.
   */
  wanted(decision: Decision): void {
    const { listener } = decision;
    if (decision.type === "listeners") {
      const stay = strings(decision["listeners"]) ?? [];
      for (const name of this.#listeners.keys()) this.#keep(name, (each) => stay.includes(each));
    }
    if (typeof listener !== "string") return;
    const gone = decision.type === "unsubscribe" ? decision["markets"] : decision["removed"];
    for (const market of strings(gone) ?? []) this.#keep(market, (each) => each !== listener);
    if (decision.type === "unsubscribe") return;
    const added = decision["added"];
    for (const entry of Array.isArray(added) ? (added as readonly unknown[]) : []) {
      const market = isObject(entry) ? text(entry["market"]) : null;
      if (market === null || !isObject(entry)) continue;
      this.#markets.name(market, strings(entry["outcomes"]) ?? []);
      this.#want(market, listener);
    }
    for (const name of [...(strings(decision["markets"]) ?? []), ...(strings(decision["tokens"]) ?? [])]) {
      this.#want(name, listener);
    }
  }

  /** A frame that we sent. `PING` and what is no subscription asks for nothing. */
  sent(connection: Connection, bytes: Buffer, at: Micros | null): void {
    const source = textOf(bytes);
    const parsed = source?.trimStart().startsWith("{") ? parseJson(source) : null;
    if (parsed === null || !parsed.ok || !isObject(parsed.value)) return;
    const tokens = strings(parsed.value["assets_ids"]);
    if (tokens === null) return;
    const unsubscribe = parsed.value["operation"] === "unsubscribe";
    for (const token of tokens) {
      if (unsubscribe) this.#end(connection, token, at);
      else this.#request(connection, token, at);
    }
  }

  /** The first data of a token on this connection; `isBook`: its complete book, which is the acknowledgement. */
  arrived(connection: Connection, stream: TokenStream, at: Micros | null, isBook: boolean): void {
    let { subscription } = stream;
    if (subscription === null) {
      // Only what was asked for gets a `book`: a capture without sent frames shows its subscriptions by that.
      if (!isBook || connection.asked) return;
      subscription = newSubscription(null, null);
      stream.subscription = subscription;
    } else if (subscription.stated && (isBook ? stream.live : subscription.hasData)) return;
    if (!subscription.hasData) subscription.firstDataAt = at;
    subscription.hasData = true;
    if (isBook) subscription.acknowledgedAt ??= at;
    this.#state(connection, stream, null, null);
  }

  /** The connection is over: so are its subscriptions. */
  closed(connection: Connection, at: Micros | null, reason: string): void {
    for (const stream of connection.tokens.values()) {
      if (stream.subscription === null) continue;
      this.#state(connection, stream, at, reason);
      stream.subscription = null;
    }
  }

  save(): unknown {
    return [...this.#listeners];
  }

  restore(saved: unknown): void {
    for (const [name, listener] of saved as [string, string][]) this.#listeners.set(name, listener);
  }

  #keep(name: string, stays: (listener: string) => boolean): void {
    const kept = keepListeners(this.#listeners.get(name) ?? null, stays);
    if (kept === null) this.#listeners.delete(name);
    else this.#listeners.set(name, kept);
  }

  #want(name: string, listener: string): void {
    const names = withListener(this.#listeners.get(name) ?? null, listener);
    this.#listeners.delete(name);
    this.#listeners.set(name, names);
    if (this.#listeners.size <= LIMIT) return;
    for (const oldest of this.#listeners.keys()) return void this.#listeners.delete(oldest);
  }

  #request(connection: Connection, token: string, at: Micros | null): void {
    const stream = connection.token(token);
    connection.asked = true;
    connection.used = true;
    connection.lastGood ??= at;
    if (stream.subscription !== null) {
      stream.resync = true;
      return;
    }
    stream.resync = connection.left.delete(token);
    const market = this.#markets.marketOf(token);
    if (market !== undefined) stream.instrument ??= this.#emitter.instrument(market, token);
    const listener =
      (market === undefined ? undefined : this.#listeners.get(market)) ?? this.#listeners.get(token) ?? null;
    stream.subscription = newSubscription(at, listener);
    if (stream.instrument !== null) this.#state(connection, stream, null, null);
  }

  #end(connection: Connection, token: string, at: Micros | null): void {
    const stream = connection.tokens.get(token);
    if (stream === undefined || stream.subscription === null) return;
    const market = stream.instrument?.market ?? this.#markets.marketOf(token);
    const isMoved = market !== undefined && connection.moved.has(market);
    this.#state(connection, stream, at, isMoved ? "moved" : "unsubscribed");
    connection.leave(token, market === undefined ? [] : (this.#markets.find(market)?.tokens ?? []));
  }

  #state(connection: Connection, stream: TokenStream, endedAt: Micros | null, reason: string | null): void {
    const { subscription, instrument, token } = stream;
    if (subscription === null) return;
    subscription.stated = true;
    this.#emitter.emit({
      type: "subscription",
      venue: this.#emitter.venue,
      market: instrument?.market ?? null,
      outcome: token,
      listener:
        subscription.listener ?? (instrument === null ? null : (this.#listeners.get(instrument.market) ?? null)),
      epoch: connection.epoch,
      sid: null,
      channel: "market",
      requestedAt: subscription.requestedAt,
      acknowledgedAt: subscription.acknowledgedAt,
      firstDataAt: subscription.firstDataAt,
      endedAt,
      reason,
    });
  }
}

function newSubscription(requestedAt: Micros | null, listener: string | null): SubscriptionState {
  return { requestedAt, acknowledgedAt: null, firstDataAt: null, listener, hasData: false, stated: false };
}
