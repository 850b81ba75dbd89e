import { keepListeners, withListener } from "../listener-names.ts";
import type { Closed, Connected, Decision, HttpExchange } from "../../journal/record.ts";
import type { GapCause } from "../../model/events.ts";
import type { Micros } from "../../model/time.ts";
import type { Interpreter, InterpreterContext } from "../venue.ts";
import { texts } from "./commands.ts";
import { Control } from "./control.ts";
import { DeltaScan } from "./delta-scan.ts";
import { Facts } from "./facts.ts";
import { isObject } from "./fields.ts";
import { Frames } from "./frames.ts";
import { LifecycleMessages } from "./lifecycle.ts";
import { kalshiMaintenance } from "./maintenance.ts";
import { MarketData } from "./market-data.ts";
import { Connection, type Memory } from "./memory.ts";
import { RestAnswers } from "./rest.ts";
import { restoreMemory, saveMemory } from "./saved.ts";
import { BOOK_CHANNEL, Sequence } from "./sequence.ts";

/** Makes the interpreter of Kalshi's records in one journal. `saved` is what its `save` gave, after a trip through JSON. */
export function kalshiInterpreter(context: InterpreterContext, saved?: unknown): Interpreter {
  return new KalshiInterpreter(restoreMemory(context.instruments, context.emit, saved), context.unusual);
}

/** Why nothing arrives, by who ended the connection. The other ways to end lose nothing. */
const CAUSES: Partial<Record<Closed["by"], GapCause>> = {
  venue: "disconnect",
  watchdog: "disconnect",
  crash: "recorder_down",
};

class KalshiInterpreter implements Interpreter {
  readonly #memory: Memory;
  readonly #sequence: Sequence;
  readonly #control: Control;
  readonly #frames: Frames;
  readonly #rest: RestAnswers;
  readonly #data: MarketData;
  readonly #scan = new DeltaScan();

  readonly #unusual: InterpreterContext["unusual"];

  constructor(memory: Memory, unusual: InterpreterContext["unusual"]) {
    this.#memory = memory;
    this.#unusual = unusual;
    const sequence = new Sequence(memory);
    const facts = new Facts(memory, (defect, market) => sequence.quarantine(defect, market));
    this.#sequence = sequence;
    this.#control = new Control(memory, sequence);
    const data = new MarketData(memory, sequence);
    this.#data = data;
    const lifecycle = new LifecycleMessages(memory, facts);
    this.#frames = new Frames({ memory, sequence, control: this.#control, data, lifecycle });
    this.#rest = new RestAnswers(memory, facts, (defect, market) => sequence.quarantine(defect, market));
  }

  connected(epoch: number, { stream, facts }: Connected, at: Micros | null): void {
    const told = facts?.["use_yes_price"];
    const useYesPrice = typeof told === "boolean" ? told : null;
    const options = { useYesPrice, resumed: facts?.["resumed"] === true, connectedAt: at };
    const connection = new Connection(epoch, this.#memory.stream(stream), options, this.#memory.emit);
    this.#memory.connections.set(epoch, connection);
  }

  received(epoch: number, bytes: Buffer, at: Micros | null): void {
    const connection = this.#memory.connection(epoch);
    if (!this.#delta(connection, bytes, at)) this.#frames.read(connection, bytes, at);
    connection.frameAt = at ?? connection.frameAt;
  }

  /** The hot path: an ordinary book change. False where the frame is anything else. */
  #delta(connection: Connection, bytes: Buffer, at: Micros | null): boolean {
    const scan = this.#scan;
    if (!scan.read(bytes)) {
      if (scan.isDelta) this.#unusual?.();
      return false;
    }
    const feed = connection.feeds.get(scan.sid);
    if (feed === undefined || feed.ended || feed.channel !== BOOK_CHANNEL) return false;
    if (!this.#sequence.advance(connection, feed, scan.seq, at)) return true;
    const market = this.#memory.marketAt(bytes, scan.tickerFrom, scan.tickerTo);
    this.#data.delta(connection, feed, scan.seq, market, scan, at);
    return true;
  }

  sent(epoch: number, bytes: Buffer, at: Micros | null): void {
    const connection = this.#memory.connection(epoch);
    this.#control.sent(connection, bytes.toString("utf8"), connection.controlTime(at));
  }

  closed(epoch: number, { by, code, reason }: Closed, at: Micros | null): void {
    const connection = this.#memory.connections.get(epoch);
    if (connection === undefined) return;
    this.#sequence.finish(connection);
    const last = connection.frameAt ?? connection.connectedAt;
    const cause = CAUSES[by];
    if (cause !== undefined) {
      const evidence = {
        by,
        ...(code === undefined ? {} : { code }),
        ...(reason === undefined ? {} : { reason }),
        ...scheduled(at),
      };
      this.#sequence.interrupted(connection, cause, last, evidence);
    }
    connection.subscriptions.endedAll(by === "crash" ? last : at, by);
    for (const feed of connection.feeds.values()) {
      for (const market of feed.members) if (market.book === feed) market.book = null;
    }
    this.#memory.connections.delete(epoch);
  }

  http(exchange: HttpExchange, _at: Micros | null): void {
    this.#rest.read(exchange);
  }

  decision(decision: Decision, epoch: number, at: Micros | null): void {
    if (decision.type === "subscribe" || decision.type === "discovery") {
      const { listener } = decision;
      if (typeof listener !== "string") return;
      for (const ticker of named(decision)) {
        const market = this.#memory.market(ticker);
        market.listener = withListener(market.listener, listener);
      }
    } else if (decision.type === "unsubscribe") {
      for (const ticker of named(decision)) {
        const market = this.#memory.markets.get(ticker);
        if (market !== undefined)
          market.listener = keepListeners(market.listener, (name) => name !== decision.listener);
      }
    } else if (decision.type === "listeners") {
      const stay = texts(decision["listeners"]) ?? [];
      for (const market of this.#memory.markets.values())
        market.listener = keepListeners(market.listener, (name) => stay.includes(name));
    } else if (decision.type === "stall" || decision.type === "oversize") {
      const connection = this.#memory.connections.get(epoch);
      if (connection === undefined) return;
      const { type: cause, venue: _, ...evidence } = decision;
      const last = cause === "stall" ? connection.dataAt : connection.frameAt;
      const shown = { ...evidence, ...scheduled(at) };
      this.#sequence.interrupted(connection, decision.type, last ?? connection.connectedAt, shown);
    } else if (decision.type === "market-stall") {
      const connection = this.#memory.connections.get(epoch);
      const { type: _, venue: __, market, ...evidence } = decision;
      if (connection === undefined || typeof market !== "string") return;
      this.#sequence.withheld(connection, this.#memory.market(market), evidence, at);
    } else if (decision.type === "moved") {
      const moved = this.#memory.connections.get(epoch)?.moved;
      for (const market of texts(decision["markets"]) ?? []) moved?.add(market);
    }
  }

  wake(_now: Micros): void {
    // Nothing in this protocol waits for a time.
  }

  save(): unknown {
    return saveMemory(this.#memory);
  }
}

/** Evidence that the venue had announced it. */
function scheduled(at: Micros | null): { readonly scheduled?: string } {
  const window = at === null ? null : kalshiMaintenance(at);
  return window === null ? {} : { scheduled: window.name };
}

/** Tickers that a decision gives to a listener: `markets` as a list of names, or `added` with a `market` each. */
function named({ markets, added }: Decision): string[] {
  const found = Array.isArray(added) ? (added as unknown[]).map((one) => (isObject(one) ? one["market"] : null)) : [];
  return [...(texts(markets) ?? []), ...(texts(found) ?? [])];
}
