import { readFileSync } from "node:fs";
import type { Closed } from "../../journal/record.ts";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";
import type { Interpreter } from "../venue.ts";
import { kalshiInterpreter } from "./interpret.ts";

/** The captures beside the project; tests that need them are skipped where they are absent. */
export const shared = new URL("../../../../shared/fixtures/kalshi/", import.meta.url);

export const START: Micros = 1_780_000_000_000_000;

type Json = Readonly<Record<string, unknown>>;

/** Lines of an excerpt in `fixtures/`. */
export function excerpt(name: string): string[] {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** A REST body in `fixtures/`. */
export function restBody(name: string): string {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
}

/** An interpreter with what it emitted; time goes on by a millisecond with every record. */
export class Scenario {
  readonly instruments = new Instruments();
  events: MarketEvent[] = [];
  now: Micros = START;
  interpreter: Interpreter;
  /** Put before every frame; white space is refused by the scanner of deltas and read by the JSON path. */
  readonly #prefix: string;

  constructor(prefix = "") {
    this.#prefix = prefix;
    this.interpreter = kalshiInterpreter({ instruments: this.instruments, emit: (event) => this.events.push(event) });
  }

  /** Opens connection `epoch`. */
  connect(epoch = 1, facts?: Json, stream = "market/0"): this {
    const connected = {
      venue: "kalshi",
      stream,
      url: "wss://x",
      format: "kalshi-ws-v2",
      ...(facts === undefined ? {} : { facts }),
    };
    this.interpreter.connected(epoch, connected, this.#tick());
    return this;
  }

  receive(frame: Json | string | Buffer, epoch = 1): this {
    const bytes = Buffer.isBuffer(frame)
      ? frame
      : Buffer.from(typeof frame === "string" ? frame : `${this.#prefix}${JSON.stringify(frame)}\n`);
    this.interpreter.received(epoch, bytes, this.#tick());
    return this;
  }

  send(command: Json, epoch = 1): this {
    this.interpreter.sent(epoch, Buffer.from(JSON.stringify(command)), this.#tick());
    return this;
  }

  close(closed: Closed, epoch = 1): this {
    this.interpreter.closed(epoch, closed, this.#tick());
    return this;
  }

  decide(decision: Json & { readonly type: string }, epoch = 1): this {
    this.interpreter.decision({ venue: "kalshi", ...decision }, epoch, this.#tick());
    return this;
  }

  fetch(path: string, body: string, status = 200): this {
    const url = `https://external-api.kalshi.com/trade-api/v2${path}`;
    const head = { venue: "kalshi", method: "GET", url, status, sentAt: this.now };
    this.interpreter.http({ head, body: Buffer.from(body) }, this.#tick());
    return this;
  }

  /** Goes on with what `save` gave, after a trip through JSON. */
  restart(): this {
    const saved: unknown = JSON.parse(JSON.stringify(this.interpreter.save()));
    this.interpreter = kalshiInterpreter(
      { instruments: this.instruments, emit: (event) => this.events.push(event) },
      saved,
    );
    return this;
  }

  of<T extends MarketEvent["type"]>(type: T): Extract<MarketEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<MarketEvent, { type: T }> => event.type === type);
  }

  /** What was emitted since the last call. */
  take(): MarketEvent[] {
    const taken = this.events;
    this.events = [];
    return taken;
  }

  #tick(): Micros {
    return (this.now += 1_000);
  }
}

export function subscribed(sid: number, channel: string, id = 1): Json {
  return { type: "subscribed", id, msg: { channel, sid } };
}

export function ok(sid: number, seq: number, markets: readonly string[], id = 2): Json {
  return { type: "ok", id, sid, seq, msg: { market_tickers: markets } };
}

export function snapshot(
  sid: number,
  seq: number,
  market: string,
  msg: Json = { yes_dollars_fp: [["0.4000", "5.00"]] },
): Json {
  return { type: "orderbook_snapshot", sid, seq, msg: { market_ticker: market, market_id: "u", ...msg } };
}

export function delta(sid: number, seq: number, market: string, msg: Json = {}): Json {
  const change = {
    price_dollars: "0.4000",
    delta_fp: "1.00",
    side: "yes",
    ts: "2026-05-28T20:26:40.5Z",
    ts_ms: 1_780_000_000_500,
  };
  return { type: "orderbook_delta", sid, seq, msg: { market_ticker: market, market_id: "u", ...change, ...msg } };
}

export function ticker(sid: number, market: string, msg: Json = {}): Json {
  const quote = { price_dollars: "0.4100", yes_bid_dollars: "0.4000", yes_ask_dollars: "0.4200" };
  return { type: "ticker", sid, msg: { market_ticker: market, ...quote, ts_ms: 1_780_000_000_500, ...msg } };
}
