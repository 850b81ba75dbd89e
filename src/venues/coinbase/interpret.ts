import type { Closed, Connected, Decision, HttpExchange } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";
import type { Interpreter, InterpreterContext } from "../venue.ts";
import { AdvancedFrames } from "./advanced.ts";
import { ExchangeFrames } from "./exchange-feed.ts";
import { Holes } from "./holes.ts";
import { type Connection, Memory } from "./memory.ts";
import { Ticks } from "./ticks.ts";
import { acknowledged, decode, texts } from "./wire.ts";

/** Makes the interpreter of Coinbase's records in one journal, of both feeds, told apart by the shape of their frames. */
export function coinbaseInterpreter({ emit }: InterpreterContext, saved?: unknown): Interpreter {
  return new CoinbaseInterpreter(new Memory(emit, saved));
}

class CoinbaseInterpreter implements Interpreter {
  readonly #memory: Memory;
  readonly #holes: Holes;
  readonly #ticks: Ticks;
  readonly #advanced: AdvancedFrames;
  readonly #exchange: ExchangeFrames;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#holes = new Holes(memory);
    this.#ticks = new Ticks(memory, this.#holes);
    this.#advanced = new AdvancedFrames(memory, this.#holes, this.#ticks);
    this.#exchange = new ExchangeFrames(memory, this.#holes, this.#ticks);
  }

  connected(epoch: number, { stream, facts }: Connected, at: Micros | null): void {
    this.#memory.open(epoch, stream, facts?.["resumed"] === true, at);
  }

  received(epoch: number, bytes: Buffer, at: Micros | null): void {
    const connection = this.#memory.connection(epoch);
    const decoded = decode(bytes);
    if (!("frame" in decoded)) {
      this.#memory.quarantine(decoded.reason, decoded.detail);
      return this.#holes.unreadable(connection, decoded.reason, at);
    }
    const { frame } = decoded;
    const listed = acknowledged(frame);
    // What is read again from a preamble has an old number.
    const isOld = connection.resumed && connection.frameAt === null && listed !== null;
    const isNew = isOld || typeof frame["channel"] !== "string" || this.#advanced.number(connection, frame, at);
    if (isNew && listed !== null) connection.ledger.acknowledged(listed, connection.controlTime(at));
    else if (isNew && frame["type"] === "error") this.#error(frame["message"], frame["reason"]);
    else if (isNew && typeof frame["channel"] === "string") this.#advanced.read(connection, frame, at);
    else if (isNew) this.#exchange.read(connection, frame, at);
    if (!isOld) connection.frameAt = at ?? connection.frameAt;
  }

  sent(epoch: number, bytes: Buffer, at: Micros | null): void {
    const connection = this.#memory.connection(epoch);
    if (!connection.ledger.sent(bytes, connection.controlTime(at))) {
      this.#memory.quarantine("unreadable_command", "a frame that we sent is no command");
    } else if (!connection.resumed && connection.sequence < 0) connection.whole = true;
  }

  closed(epoch: number, closed: Closed, at: Micros | null): void {
    const connection = this.#memory.connections.get(epoch);
    if (connection === undefined) return;
    this.#holes.closed(connection, closed);
    if (closed.by === "venue" || closed.by === "watchdog" || closed.by === "crash") this.#ticks.stale(connection);
    connection.ledger.endedAll(closed.by === "crash" ? connection.frameAt : at, closed.by);
    this.#memory.connections.delete(epoch);
  }

  http(_exchange: HttpExchange, _at: Micros | null): void {
    // Nothing is fetched from Coinbase while it is recorded.
  }

  decision(decision: Decision, epoch: number, at: Micros | null): void {
    const { type, listener, channel, markets, reason } = decision;
    if (type === "subscribe" && typeof listener === "string") {
      for (const name of texts(markets)) this.#memory.product(name).listener = listener;
    }
    const connection = this.#memory.connections.get(epoch);
    if (connection === undefined) return;
    if (type === "stall" || type === "oversize") this.#holes.judged(connection, type, decision);
    if (type === "stall" || type === "stale") this.#ticks.stale(connection);
    if (type === "command-refused" && typeof channel === "string")
      this.#refused(connection, channel, markets, reason, at);
  }

  wake(_now: Micros): void {
    // Silence is judged by the recorder and arrives as a decision.
  }

  save(): unknown {
    return this.#memory.save();
  }

  #refused(connection: Connection, channel: string, markets: unknown, reason: unknown, at: Micros | null): void {
    connection.ledger.refused(channel, texts(markets), at, typeof reason === "string" ? reason : "refused");
  }

  #error(...parts: readonly unknown[]): void {
    this.#memory.quarantine("error_message", parts.filter((part) => typeof part === "string").join(": "));
  }
}
