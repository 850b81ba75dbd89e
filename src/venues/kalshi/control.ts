import type { Micros } from "../../model/time.ts";
import { readCommand, texts, type Command } from "./commands.ts";
import { describe, Fields, integer, isObject, type JsonObject } from "./fields.ts";
import type { Connection, Feed, Market, Memory } from "./memory.ts";
import type { Sequence } from "./sequence.ts";

/** Commands kept per connection while they wait for an answer. */
const COMMAND_LIMIT = 10_000;

/** Error codes that end a subscription (docs.kalshi.com, WebSocket error codes): channel error, buffer overflow. */
const TERMINAL: ReadonlySet<number | null> = new Set([10, 25]);

/** Where an error came from. `goodAt`: when the last good frame of its sid came. */
export interface ErrorOrigin {
  readonly connection: Connection;
  readonly feed: Feed | null;
  readonly id: number | null;
  readonly goodAt: Micros | null;
}

/** Our commands and the venue's answers: which sid is which channel, of which markets. */
export class Control {
  readonly #memory: Memory;
  readonly #sequence: Sequence;

  constructor(memory: Memory, sequence: Sequence) {
    this.#memory = memory;
    this.#sequence = sequence;
  }

  /** A frame that we sent. */
  sent(connection: Connection, text: string, at: Micros | null): void {
    const command = readCommand(text, at);
    if ("reason" in command) return this.#sequence.quarantine(command);
    if (command.kind === "other" || command.kind === "delete_markets") {
      this.#remember(connection, command);
      return;
    }
    this.#remember(connection, command);
    if (command.kind === "subscribe") {
      for (const channel of command.channels) this.#request(connection, channel, null, command);
    } else if (command.kind === "add_markets") {
      const feed = connection.feeds.get(command.sids[0] ?? -1);
      if (feed !== undefined && feed.channel !== null) this.#request(connection, feed.channel, feed.sid, command);
    }
  }

  /** `subscribed`: a channel got its sid. It has no `seq`; the numbers of the sid begin with 1 after it. */
  subscribed(connection: Connection, id: number | null, message: unknown, at: Micros | null): void {
    const fields = new Fields(isObject(message) ? message : {});
    const channel = fields.text("channel");
    const sid = fields.required(integer(fields.get("sid")), "sid");
    const [defect] = fields.defects;
    if (defect !== undefined) return this.#sequence.quarantine(defect);
    const known = connection.feeds.get(sid);
    // What came under this number before it was granted was not its own: an echo of an earlier connection.
    const isEcho = known?.acknowledgedAt === null && !connection.resumed;
    if (known !== undefined && isEcho) this.#end(connection, known, at, "resubscribed");
    if (known?.ended === true) connection.feeds.delete(sid);
    const feed = connection.feed(sid);
    feed.channel = channel;
    feed.acknowledgedAt ??= at;
    if (feed.seq < 0 && !connection.resumed) feed.seq = 0;
    if (channel !== null) this.#sequence.granted(connection, channel, at);
    const command = id === null ? undefined : connection.commands.get(id);
    if (command?.kind !== "subscribe" || !command.channels.delete(channel)) return;
    if (command.useYesPrice !== null) feed.useYesPrice = command.useYesPrice;
    if (command.channels.size === 0) connection.commands.delete(command.id);
    this.#acknowledge(connection, feed, command.markets, at);
  }

  /** `ok`: the answer to `update_subscription` and to a `subscribe` merged into a sid that exists, or a list of sids. */
  ok(connection: Connection, feed: Feed | null, id: number | null, message: unknown, at: Micros | null): void {
    if (Array.isArray(message)) {
      for (const item of message as unknown[]) {
        const sid = isObject(item) ? integer(item["sid"]) : null;
        const channel = isObject(item) ? item["channel"] : null;
        if (sid !== null && typeof channel === "string") connection.feed(sid).channel ??= channel;
      }
      return;
    }
    const command = id === null ? undefined : connection.commands.get(id);
    if (feed === null) return;
    const listed = isObject(message) ? texts(message["market_tickers"]) : null;
    if (command !== undefined) this.#answered(connection, feed, command, listed !== null, at);
    if (listed !== null) this.#reconcile(connection, feed, listed, at);
  }

  /** `unsubscribed`: this sid is over. */
  unsubscribed(connection: Connection, feed: Feed, at: Micros | null): void {
    this.#end(connection, feed, at, "unsubscribed");
  }

  /** `error`: an answer to a command, or the end of a subscription. */
  error({ connection, feed, id, goodAt }: ErrorOrigin, message: unknown, at: Micros | null): void {
    const body: JsonObject = isObject(message) ? message : {};
    const code = integer(body["code"]);
    const ticker = body["market_ticker"];
    const market = typeof ticker === "string" ? this.#memory.market(ticker) : null;
    const to = id === null ? "" : `, in answer to command ${id}`;
    const detail = `code ${describe(body["code"])}: ${describe(body["msg"])}${to}`;
    this.#sequence.quarantine({ reason: "error_message", detail }, market);
    if (code !== null && TERMINAL.has(code)) {
      this.#sequence.broken(connection, feed, code, goodAt, at);
      if (feed !== null) this.#end(connection, feed, at, `error ${code}`);
      return;
    }
    const command = id === null ? undefined : connection.commands.get(id);
    if (command !== undefined) this.#refused(connection, command, `error ${code ?? "without code"}`, at);
  }

  /** True, once per market and command, where a snapshot with this id answers a `get_snapshot` of ours. */
  takeRequested(connection: Connection, id: number | null, ticker: string): boolean {
    const command = id === null ? undefined : connection.commands.get(id);
    if (command?.kind !== "get_snapshot" || command.markets?.delete(ticker) !== true) return false;
    if (command.markets.size === 0) connection.commands.delete(command.id);
    return true;
  }

  #remember(connection: Connection, command: Command): void {
    connection.commands.set(command.id, command);
    if (connection.commands.size <= COMMAND_LIMIT) return;
    const [oldest] = connection.commands.keys();
    if (oldest !== undefined) connection.commands.delete(oldest);
  }

  /** What the command wanted ends, unless the venue had granted it before. */
  #refused(connection: Connection, command: Command, reason: string, at: Micros | null): void {
    const isSubscribe = command.kind === "subscribe";
    // With several channels the error does not say which one it is about; it then stays unacknowledged.
    if (isSubscribe && command.channels.size !== 1) return;
    connection.commands.delete(command.id);
    if (!isSubscribe && command.kind !== "add_markets") return;
    const [channel] = isSubscribe ? command.channels : [connection.feeds.get(command.sids[0] ?? -1)?.channel];
    if (channel === undefined || channel === null) return;
    const { subscriptions } = connection;
    if (command.markets === null) return subscriptions.refused(channel, null, at, reason);
    for (const ticker of command.markets) subscriptions.refused(channel, this.#memory.market(ticker), at, reason);
  }

  #request(connection: Connection, channel: string, sid: number | null, command: Command): void {
    const { subscriptions } = connection;
    if (command.markets === null) return subscriptions.requested(channel, null, sid, command.at);
    for (const ticker of command.markets) {
      subscriptions.requested(channel, this.#memory.market(ticker), sid, command.at);
    }
  }

  #answered(connection: Connection, feed: Feed, command: Command, isListed: boolean, at: Micros | null): void {
    if (command.kind === "get_snapshot") return;
    connection.commands.delete(command.id);
    if (command.kind === "subscribe" && feed.channel !== null) {
      command.channels.delete(feed.channel);
      if (command.channels.size > 0) connection.commands.set(command.id, command);
    }
    if (command.kind === "delete_markets") {
      for (const ticker of command.markets ?? []) this.#leave(connection, feed, this.#memory.market(ticker), at);
    } else if (!isListed && command.kind !== "other") this.#acknowledge(connection, feed, command.markets, at);
  }

  /** The list is the whole of what the sid carries now. */
  #reconcile(connection: Connection, feed: Feed, tickers: readonly string[], at: Micros | null): void {
    this.#acknowledge(connection, feed, tickers, at);
    if (feed.members.size === tickers.length) return;
    const listed = new Set(tickers);
    for (const market of feed.members) {
      if (!listed.has(market.instrument.market)) this.#leave(connection, feed, market, at);
    }
  }

  #acknowledge(connection: Connection, feed: Feed, tickers: Iterable<string> | null, at: Micros | null): void {
    if (tickers === null) return connection.subscriptions.acknowledged(feed, null, at);
    for (const ticker of tickers) {
      const market = this.#memory.market(ticker);
      if (feed.members.has(market) && feed.seen.has(market)) continue;
      feed.members.add(market);
      connection.subscriptions.acknowledged(feed, market, at);
    }
  }

  #leave(connection: Connection, feed: Feed, market: Market, at: Micros | null): void {
    feed.members.delete(market);
    feed.seen.delete(market);
    if (market.book === feed) market.book = null;
    const reason = connection.moved.has(market.instrument.market) ? "moved" : "unsubscribed";
    if (feed.channel !== null) connection.subscriptions.ended(feed.channel, market, at, reason);
  }

  #end(connection: Connection, feed: Feed, at: Micros | null, reason: string): void {
    feed.ended = true;
    for (const market of feed.members) if (market.book === feed) market.book = null;
    feed.members.clear();
    feed.seen.clear();
    connection.subscriptions.endedSid(feed.sid, at, reason);
  }
}
