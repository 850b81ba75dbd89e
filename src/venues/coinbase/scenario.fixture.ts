import { readFileSync } from "node:fs";
import type { Closed, Decision } from "../../journal/record.ts";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";
import { coinbaseInterpreter } from "./interpret.ts";

/** Lines of a file of `fixtures/`. */
export function lines(name: string): string[] {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8")
    .trim()
    .split("\n");
}

/** An interpreter that says what each record became, and short ways to feed it. */
export class Scenario {
  readonly events: MarketEvent[] = [];
  readonly interpreter;
  #at: Micros = 1_800_000_000_000_000;
  #from = 0;

  constructor(saved?: unknown) {
    this.interpreter = coinbaseInterpreter(
      { instruments: new Instruments(), emit: (event) => this.events.push(structuredClone(event)) },
      saved,
    );
  }

  /** The same interpreter after a trip of its memory through JSON. */
  resume(): Scenario {
    return new Scenario(JSON.parse(JSON.stringify(this.interpreter.save())));
  }

  open(epoch: number, facts?: Readonly<Record<string, unknown>>): MarketEvent[] {
    const connected = { venue: "coinbase", stream: "market/0", url: "", format: "coinbase-advanced" };
    this.interpreter.connected(epoch, { ...connected, ...(facts === undefined ? {} : { facts }) }, this.#tick());
    return this.#since();
  }

  frame(epoch: number, frame: unknown): MarketEvent[] {
    const text = typeof frame === "string" ? frame : JSON.stringify(frame);
    this.interpreter.received(epoch, Buffer.from(text), this.#tick());
    return this.#since();
  }

  send(epoch: number, command: unknown): MarketEvent[] {
    this.interpreter.sent(epoch, Buffer.from(JSON.stringify(command)), this.#tick());
    return this.#since();
  }

  close(epoch: number, closed: Closed): MarketEvent[] {
    this.interpreter.closed(epoch, closed, this.#tick());
    return this.#since();
  }

  decide(epoch: number, decision: Decision): MarketEvent[] {
    this.interpreter.decision(decision, epoch, this.#tick());
    return this.#since();
  }

  #tick(): Micros {
    return (this.#at += 1_000);
  }

  #since(): MarketEvent[] {
    const since = this.events.slice(this.#from);
    this.#from = this.events.length;
    return since;
  }
}

/** A ticker of Advanced Trade. */
export function ticker(sequence_num: number, fields: Readonly<Record<string, unknown>> = {}): unknown {
  const tickers = [
    {
      type: "ticker",
      product_id: "BTC-USD",
      price: "64281.7",
      volume_24_h: "3974.98800786",
      best_bid: "64281.7",
      ...fields,
    },
  ];
  return advanced("ticker", sequence_num, [{ type: "update", tickers }]);
}

/** Trades of Advanced Trade, the latest first as on the wire. */
export function trades(sequence_num: number, ...ids: readonly number[]): unknown {
  const list = ids.map((id) => ({
    trade_id: String(id),
    product_id: "BTC-USD",
    price: "64589.4",
    size: "0.00000014",
    side: "BUY",
    time: "2026-07-15T03:40:11.055508Z",
  }));
  return advanced("market_trades", sequence_num, [{ type: "update", trades: list }]);
}

export function advanced(channel: string, sequence_num: number, events: readonly unknown[]): unknown {
  return { channel, timestamp: "2026-07-15T03:40:11.184966387Z", sequence_num, events };
}

/** A message of the Exchange feed. */
export function exchange(type: string, fields: Readonly<Record<string, unknown>>): unknown {
  return { type, product_id: "BTC-USD", time: "2026-07-15T03:40:11.055508Z", ...fields };
}
