import { Connection } from "./connection.ts";
import type { SavedConnection, Stream } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { HashChecks } from "./hash-agreement.ts";
import type { HashAgreement } from "./hash-agreement.ts";
import { Holes } from "./holes.ts";
import { HttpAnswers } from "./http.ts";
import { MarketChannel } from "./market-channel.ts";
import { MarketStates } from "./market-state.ts";
import { Subscriptions } from "./subscriptions.ts";
import { WholeMarkets } from "./whole-markets.ts";
import { isObject, parseJson, strings, textOf, typeByShape } from "./wire.ts";
import type { Closed, Connected, Decision, HttpExchange } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";
import type { Interpreter, InterpreterContext } from "../venue.ts";

/** The interpreter of Polymarket, and what it found out about the venue's book hashes. */
export interface PolymarketInterpreter extends Interpreter {
  /** How often the recorded books had the hash that the venue sent with them. */
  hashAgreement(): HashAgreement;
}

/** Makes the interpreter of Polymarket's market channel and of its public REST answers. */
export function polymarketInterpreter(context: InterpreterContext, saved?: unknown): PolymarketInterpreter {
  const interpretation = new Interpretation(context);
  if (saved !== undefined) interpretation.restore(saved as Saved);
  return interpretation;
}

interface Saved {
  readonly streams: readonly Stream[];
  readonly connections: readonly SavedConnection[];
  readonly markets: unknown;
  readonly subscriptions: unknown;
  readonly hashes: unknown;
  readonly whole: unknown;
}

class Interpretation implements PolymarketInterpreter {
  readonly #emitter: Emitter;
  readonly #markets = new MarketStates();
  readonly #hashes = new HashChecks();
  readonly #streams = new Map<string, Stream>();
  readonly #connections = new Map<number, Connection>();
  readonly #subscriptions: Subscriptions;
  readonly #holes: Holes;
  readonly #channel: MarketChannel;
  readonly #whole: WholeMarkets;
  readonly #http: HttpAnswers;

  constructor(context: InterpreterContext) {
    this.#emitter = new Emitter(context);
    this.#subscriptions = new Subscriptions(this.#emitter, this.#markets);
    this.#holes = new Holes(this.#emitter, (market) => this.#markets.isOver(market));
    this.#channel = new MarketChannel(this.#emitter, this.#markets, this.#subscriptions, this.#holes, this.#hashes);
    this.#whole = new WholeMarkets(this.#emitter, this.#markets);
    this.#http = new HttpAnswers(this.#emitter, this.#markets);
  }

  connected(epoch: number, connected: Connected, _at: Micros | null): void {
    this.#connections.set(epoch, new Connection(epoch, this.#stream(connected.stream)));
  }

  received(epoch: number, bytes: Buffer, at: Micros | null): void {
    const connection = this.#connection(epoch);
    const source = textOf(bytes);
    if (source === null) return this.#unreadable(connection, at, "invalid_utf8", "a frame that is no UTF-8");
    // The answer to our `PING` every ten seconds: neither data nor a sign that data flows.
    if (source.length < 8 && /^\s*P[IO]NG\s*$/.test(source)) return;
    const parsed = parseJson(source);
    if (!parsed.ok) return this.#unreadable(connection, at, "malformed_json", parsed.error);
    const { value } = parsed;
    const read = (): void => {
      if (Array.isArray(value))
        for (const message of value as readonly unknown[]) this.#message(connection, message, at);
      else this.#message(connection, value, at);
    };
    if (!withinStack(read)) this.#unreadable(connection, at, "too_deep", "a frame nested too deeply");
  }

  sent(epoch: number, bytes: Buffer, at: Micros | null): void {
    this.#subscriptions.sent(this.#connection(epoch), bytes, at);
  }

  closed(epoch: number, closed: Closed, at: Micros | null): void {
    const connection = this.#connections.get(epoch);
    if (connection === undefined) return;
    this.#holes.closed(connection, closed, at);
    this.#subscriptions.closed(connection, at, closed.by);
    this.#connections.delete(epoch);
    const { stream } = connection;
    const isServed = [...this.#connections.values()].some((other) => other.stream === stream);
    if (stream.hole === null && !isServed) this.#streams.delete(stream.name);
  }

  http(exchange: HttpExchange, _at: Micros | null): void {
    if (withinStack(() => this.#http.read(exchange))) return;
    this.#emitter.quarantine(
      "too_deep",
      `the answer to ${exchange.head.method} ${exchange.head.url} is nested too deeply`,
    );
  }

  decision(decision: Decision, epoch: number, at: Micros | null): void {
    const connection = this.#connections.get(epoch);
    switch (decision.type) {
      case "discovery":
      case "subscribe":
      case "unsubscribe":
      case "listeners":
        return this.#subscriptions.wanted(decision);
      case "stall":
      case "oversize":
        if (connection !== undefined) this.#holes.judged(connection, decision.type, decision, at);
        return;
      case "market-stall":
        if (connection !== undefined) this.#holes.withheld(connection, decision, at);
        return;
      case "moved":
        for (const market of strings(decision["markets"]) ?? []) connection?.moved.add(market);
        return;
      case "no-snapshot":
        for (const token of strings(decision["tokens"]) ?? [])
          if (connection !== undefined) this.#holes.noBook(connection, token);
        return;
      case "probe":
      case "resync":
        for (const each of connection === undefined ? this.#connections.values() : [connection]) {
          each.expectAgain([...(strings(decision["markets"]) ?? []), ...(strings(decision["tokens"]) ?? [])]);
        }
    }
  }

  wake(_now: Micros): void {
    // Nothing here is due by the clock alone: silence is judged by the recorder and arrives as a decision.
  }

  hashAgreement(): HashAgreement {
    return this.#hashes.agreement();
  }

  save(): unknown {
    return {
      streams: [...this.#streams.values()],
      connections: [...this.#connections.values()].map((connection) => connection.save()),
      markets: this.#markets.save(),
      subscriptions: this.#subscriptions.save(),
      hashes: this.#hashes.save(),
      whole: this.#whole.save(),
    } satisfies Record<keyof Saved, unknown>;
  }

  restore(saved: Saved): void {
    this.#markets.restore(saved.markets);
    this.#subscriptions.restore(saved.subscriptions);
    this.#hashes.restore(saved.hashes);
    this.#whole.restore(saved.whole);
    for (const { name, hole } of saved.streams) this.#streams.set(name, { name, hole });
    for (const connection of saved.connections) {
      this.#connections.set(
        connection.epoch,
        Connection.restore(
          connection,
          (name) => this.#stream(name),
          (market, token) => this.#emitter.instrument(market, token),
        ),
      );
    }
  }

  #message(connection: Connection, message: unknown, at: Micros | null): void {
    if (!isObject(message)) return this.#emitter.quarantine("unknown_type", "a message that is no object");
    switch (message["event_type"] ?? typeByShape(message)) {
      case "price_change":
        return this.#channel.priceChange(connection, message, at);
      case "book":
        return this.#channel.book(connection, message, at);
      case "last_trade_price":
        return this.#channel.trade(connection, message, at);
      case "best_bid_ask":
        return this.#channel.bestBidAsk(connection, message, at);
      case "tick_size_change":
        return this.#channel.tickSizeChange(connection, message, at);
      case "new_market":
        return this.#whole.created(message);
      case "market_resolved":
        return this.#whole.resolved(connection, message);
      default:
        this.#emitter.quarantine("unknown_type", `a message of type ${JSON.stringify(message["event_type"] ?? null)}`);
    }
  }

  #unreadable(connection: Connection, at: Micros | null, reason: string, detail: string): void {
    this.#emitter.quarantine(reason, detail);
    this.#holes.garbled(connection, at, reason);
  }

  #connection(epoch: number): Connection {
    let connection = this.#connections.get(epoch);
    if (connection === undefined) {
      connection = new Connection(epoch, this.#stream(`epoch/${epoch}`));
      this.#connections.set(epoch, connection);
    }
    return connection;
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = { name, hole: null };
      this.#streams.set(name, stream);
    }
    return stream;
  }
}

/** False where the stack did not suffice: Node 24 parses JSON of any depth, but writes it back (`raw`) only to some. */
function withinStack(read: () => void): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof RangeError && error.message.includes("call stack")) return false;
    throw error;
  }
}
