import type { Micros } from "../../model/time.ts";
import type { Exhibit, Happening, LevelTruth, Send, ServerConnection } from "../server.ts";
import { type Command, ERRORS, type ErrorCode, isErrorCode, readCommand } from "./server-commands.ts";
import {
  deltaMessage,
  type KalshiFormat,
  lifecycleMessages,
  snapshotMessage,
  tickerMessage,
  tradeMessage,
} from "./server-frames.ts";
import { indexMessage, type IndexPrint } from "./server-index.ts";
import type { KalshiMarket } from "./server-market.ts";
import { count, dollars, milliseconds } from "./server-text.ts";
import { ONE } from "../../model/decimal.ts";

type ChannelName = "orderbook_delta" | "ticker" | "trade" | "market_lifecycle_v2" | "cfbenchmarks_value";

const CHANNELS: ReadonlySet<string> = new Set([
  "orderbook_delta",
  "ticker",
  "trade",
  "market_lifecycle_v2",
  "cfbenchmarks_value",
]);

/** Commands that may wait for an answer; the venue takes 10,000 a second (docs.kalshi.com, changelog 2026-06-18). */
const MOST_PENDING = 10_000;

interface Subscription {
  readonly sid: number;
  readonly channel: ChannelName;
  /** Null: all markets. */
  markets: Set<string> | null;
  readonly yesPrice: boolean;
  /** The last number given out; snapshots, changes and `ok` share it (seen on the wire, capture of 2026-08-07). */
  seq: number;
}

export interface KalshiServerOptions {
  readonly format: KalshiFormat;
  /** Most markets of one subscription; more is error 26. The venue's number is not published. */
  readonly marketLimit: number;
  /** A seeded number in [0, 1): commands fired back to back are not processed in the order in which they came. */
  readonly random: () => number;
}

/**
 * The server side of one connection of Kalshi's WebSocket (docs.kalshi.com, AsyncAPI 2.0.0): commands, acknowledgements
 * and channels. Every frame ends with a newline (seen on the wire). Sids count per connection in the order of
 * channels; one sid per channel, so a second subscribe is merged and answered with `ok`.
 */
export class KalshiConnection implements ServerConnection<KalshiMarket> {
  readonly #exhibit: Exhibit<KalshiMarket>;
  readonly #options: KalshiServerOptions;
  readonly #send: Send;
  readonly #subscriptions = new Map<ChannelName, Subscription>();
  #pending: Command[] = [];
  #refusal: { readonly code: ErrorCode; left: number } | null = null;
  #isMuted: ((market: string) => boolean) | null = null;
  /** The last command that came too fast. */
  #refused: number | null = null;
  #lastSid = 0;

  constructor(exhibit: Exhibit<KalshiMarket>, options: KalshiServerOptions, send: Send) {
    this.#exhibit = exhibit;
    this.#options = options;
    this.#send = send;
  }

  receive(text: string): void {
    const command = this.#refuse(readCommand(text));
    if (this.#pending.length < MOST_PENDING) this.#pending.push(command);
    else this.#refused = command.id;
  }

  settle(now: Micros): void {
    while (this.#pending.length > 0) {
      const [command] = this.#pending.splice(Math.floor(this.#options.random() * this.#pending.length), 1);
      if (command !== undefined) this.#execute(command, now);
    }
    if (this.#refused !== null) this.#error(this.#refused, 27, now);
    this.#refused = null;
  }

  happened(happening: Happening<KalshiMarket>): void {
    const { market, at } = happening;
    switch (happening.kind) {
      case "change": {
        const subscription = this.#subscribed("orderbook_delta", market.id);
        if (subscription === null) return;
        for (const change of happening.changes) {
          const msg = deltaMessage(market, change, at, subscription.yesPrice, this.#options.format);
          const yes = change.side === "bid";
          const after: LevelTruth = {
            market: market.id,
            outcome: yes ? "yes" : "no",
            side: "bid",
            price: dollars(yes ? change.price : ONE - change.price),
            size: count(change.size),
          };
          this.#data(subscription, "orderbook_delta", msg, at, { after: [after], market: market.id });
        }
        return;
      }
      case "cleared": {
        const subscription = this.#subscribed("orderbook_delta", market.id);
        if (subscription !== null) this.#snapshot(subscription, market, at);
        return;
      }
      case "trade": {
        const subscription = this.#subscribed("trade", market.id);
        if (subscription !== null) {
          this.#data(subscription, "trade", tradeMessage(market, happening.trade), at, { market: market.id });
        }
        return;
      }
      case "quote": {
        const subscription = this.#subscribed("ticker", market.id);
        if (subscription !== null) {
          this.#data(subscription, "ticker", tickerMessage(market, at), at, { market: market.id });
        }
        return;
      }
      default: {
        const subscription = this.#subscribed("market_lifecycle_v2", market.id);
        if (subscription === null) return;
        for (const { type, msg } of lifecycleMessages(happening)) this.#data(subscription, type, msg, at);
      }
    }
  }

  /** CF Benchmarks published an index. */
  indexed(print: IndexPrint): void {
    const subscription = this.#subscribed("cfbenchmarks_value", print.id);
    if (subscription !== null) this.#data(subscription, "cfbenchmarks_value", indexMessage(print), print.at);
  }

  /** Ends every subscription with a terminal error, 10 or 25: the client has to subscribe again. */
  fail(code: number, now: Micros): void {
    const known: ErrorCode = isErrorCode(code) ? code : 10;
    for (const { sid, seq, channel } of this.#subscriptions.values()) {
      const numbered = channel === "ticker" ? "" : `,"seq":${seq + 1}`;
      this.#reply(`"type":"error","sid":${sid}${numbered},"msg":${errorMessage(known)}`, now, numbered !== "");
    }
    this.#subscriptions.clear();
  }

  mute(isMuted: ((market: string) => boolean) | null): void {
    this.#isMuted = isMuted;
  }

  /** The next commands are answered with this error: 26 market limit, 27 too many requests, 18 time-out. */
  refuse(code: number, times: number): void {
    this.#refusal = { code: isErrorCode(code) ? code : 27, left: times };
  }

  #refuse(command: Command): Command {
    if (this.#refusal === null) return command;
    const { code } = this.#refusal;
    if (--this.#refusal.left === 0) this.#refusal = null;
    return { cmd: "error", id: command.id, code };
  }

  #subscribed(channel: ChannelName, market: string): Subscription | null {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return null;
    return subscription.markets === null || subscription.markets.has(market) ? subscription : null;
  }

  #execute(command: Command, now: Micros): void {
    switch (command.cmd) {
      case "error":
        return this.#error(command.id, command.code, now);
      case "list_subscriptions": {
        const list = [...this.#subscriptions.values()].map(({ channel, sid }) => ({ channel, sid }));
        return this.#reply(`"type":"ok",${idText(command.id)}"msg":${JSON.stringify(list)}`, now, false);
      }
      case "unsubscribe":
        for (const sid of command.sids) this.#unsubscribe(command.id, sid, now);
        return;
      case "update_subscription":
        return this.#update(command, now);
      case "subscribe":
        for (const channel of command.channels) {
          if (isChannel(channel)) this.#subscribe(channel, command, now);
          else this.#error(command.id, 8, now);
        }
    }
  }

  #subscribe(channel: ChannelName, command: Command & { cmd: "subscribe" }, now: Micros): void {
    const everything = channel === "market_lifecycle_v2";
    if (channel === "orderbook_delta" && command.tickers === null) return this.#error(command.id, 14, now);
    const tickers = everything ? null : command.tickers;
    let subscription = this.#subscriptions.get(channel);
    const known = subscription?.markets?.size ?? 0;
    if (tickers !== null && known + tickers.length > this.#options.marketLimit) return this.#error(command.id, 26, now);
    const fresh = (tickers ?? []).filter((ticker) => !subscription?.markets?.has(ticker));
    if (subscription === undefined) {
      const sid = ++this.#lastSid;
      const markets = tickers === null ? null : new Set(tickers);
      subscription = { sid, channel, markets, yesPrice: command.yesPrice, seq: 0 };
      this.#subscriptions.set(channel, subscription);
      this.#reply(`"type":"subscribed",${idText(command.id)}"msg":{"channel":"${channel}","sid":${sid}}`, now, false);
    } else {
      if (tickers === null) subscription.markets = null;
      else for (const ticker of tickers) subscription.markets?.add(ticker);
      this.#acknowledge(subscription, command.id, now, command.quietAck);
    }
    this.#first(subscription, fresh, now, command.initial);
  }

  /** What a newly subscribed market gets at once. A ticker that does not exist gets nothing. */
  #first(subscription: Subscription, tickers: readonly string[], now: Micros, initial: boolean): void {
    for (const ticker of new Set(tickers)) {
      const market = this.#exhibit.markets.get(ticker);
      if (market === undefined) continue;
      if (subscription.channel === "orderbook_delta") this.#snapshot(subscription, market, now);
      if (subscription.channel === "ticker" && initial)
        this.#data(subscription, "ticker", tickerMessage(market, now), now, { market: market.id });
    }
  }

  #update(command: Command & { cmd: "update_subscription" }, now: Micros): void {
    const subscription = this.#bySid(command.sid);
    if (subscription === undefined) return this.#error(command.id, 7, now);
    if (command.action === "get_snapshot") {
      if (subscription.channel !== "orderbook_delta") return this.#error(command.id, 13, now);
      for (const ticker of command.tickers) {
        const market = this.#exhibit.markets.get(ticker);
        if (market !== undefined) this.#snapshot(subscription, market, now, command.id);
      }
      return;
    }
    const { markets } = subscription;
    const fresh = command.tickers.filter((ticker) => markets !== null && !markets.has(ticker));
    if (command.action === "delete_markets") for (const ticker of command.tickers) markets?.delete(ticker);
    else {
      if ((markets?.size ?? 0) + fresh.length > this.#options.marketLimit) return this.#error(command.id, 26, now);
      for (const ticker of fresh) markets?.add(ticker);
    }
    this.#acknowledge(subscription, command.id, now, false);
    if (command.action === "add_markets") this.#first(subscription, fresh, now, false);
  }

  #unsubscribe(id: number, sid: number, now: Micros): void {
    const subscription = this.#bySid(sid);
    if (subscription === undefined) return this.#error(id, 7, now);
    this.#subscriptions.delete(subscription.channel);
    const numbered = subscription.channel !== "ticker";
    const seq = numbered ? `,"seq":${++subscription.seq}` : "";
    this.#reply(`"type":"unsubscribed",${idText(id)}"sid":${sid}${seq}`, now, numbered);
  }

  #bySid(sid: number): Subscription | undefined {
    return this.#subscriptions.values().find((subscription) => subscription.sid === sid);
  }

  #acknowledge(subscription: Subscription, id: number, now: Micros, quiet: boolean): void {
    const { sid, channel } = subscription;
    const numbered = channel !== "ticker";
    const seq = numbered ? `,"seq":${++subscription.seq}` : "";
    const list = quiet ? {} : { market_tickers: [...(subscription.markets ?? [])].sort() };
    this.#reply(`"type":"ok",${idText(id)}"sid":${sid}${seq},"msg":${JSON.stringify(list)}`, now, numbered);
  }

  #snapshot(subscription: Subscription, market: KalshiMarket, now: Micros, id = 0): void {
    const msg = snapshotMessage(market, subscription.yesPrice);
    this.#data(subscription, "orderbook_snapshot", msg, now, { id, market: market.id });
  }

  #data(
    subscription: Subscription,
    type: string,
    msg: string,
    now: Micros,
    extra: { readonly id?: number; readonly after?: readonly LevelTruth[]; readonly market?: string } = {},
  ): void {
    const muted = extra.market !== undefined && this.#isMuted?.(extra.market) === true;
    const sequenced = subscription.channel !== "ticker";
    const seq = sequenced && !muted ? `,"seq":${++subscription.seq}` : "";
    const head = `"type":"${type}",${idText(extra.id ?? 0)}"sid":${subscription.sid}${seq}`;
    const text = `{${head},"msg":${msg}${this.#sendingTime(now)}}\n`;
    const { after } = extra;
    this.#send({ text, kind: "data", sequenced, ...(muted && { muted }), ...(after !== undefined && { after }) });
  }

  #error(id: number, code: ErrorCode, now: Micros): void {
    this.#reply(`"type":"error",${idText(id)}"msg":${errorMessage(code)}`, now, false);
  }

  #reply(fields: string, now: Micros, sequenced: boolean): void {
    this.#send({ text: `{${fields}${this.#sendingTime(now)}}\n`, kind: "control", sequenced });
  }

  #sendingTime(now: Micros): string {
    return this.#options.format.sendingTime ? `,"sending_ts_ms":${milliseconds(now)}` : "";
  }
}

function isChannel(name: string): name is ChannelName {
  return CHANNELS.has(name);
}

function idText(id: number): string {
  return id === 0 ? "" : `"id":${id},`;
}

function errorMessage(code: ErrorCode): string {
  return JSON.stringify({ code, msg: ERRORS[code] });
}
