import type { Decision } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";
import { Silence } from "../silence.ts";
import type { LiveSession, Step, WantedMarket } from "../venue.ts";
import { canonical } from "./products.ts";
import { acknowledged, decode, type Dialect, integer, type WireObject } from "./wire.ts";

/** How long an answer to a command may take; they come within milliseconds. */
const ANSWER_PATIENCE: Micros = 10_000_000;

interface Command {
  readonly type: "subscribe" | "unsubscribe";
  readonly channel: string;
  readonly products: readonly string[];
  readonly sentAt: Micros;
}

/**
 * One connection's conversation with Coinbase, on either feed. It subscribes at once, because a connection without a
 * subscription is closed after 5 s (docs.cdp.coinbase.com, "WebSocket overview"), compares every acknowledgement with
 * what was asked for, checks the numbers of Advanced Trade, and gives up a connection that has fallen silent.
 */
export class CoinbaseSession implements LiveSession {
  readonly #dialect: Dialect;
  readonly #silence: Silence;
  #wanted: readonly WantedMarket[];
  #open = false;
  /** Commands without an answer yet; they are answered in order. */
  #pending: Command[] = [];
  /** Channel → products that are subscribed or asked for, by the name that was asked for. */
  readonly #held = new Map<string, Set<string>>();
  /** Channel → products that the venue does not take. */
  readonly #refused = new Map<string, Set<string>>();
  /** Commands in force, and the last acknowledgement, which lists everything. */
  #sent: { readonly channel: string; readonly text: string }[] = [];
  #acknowledgement: Buffer | null = null;
  #sequence = -1;

  constructor(wanted: readonly WantedMarket[], dialect: Dialect, staleAfter: Micros) {
    this.#wanted = wanted;
    this.#dialect = dialect;
    this.#silence = new Silence(staleAfter);
  }

  open(now: Micros): Step {
    this.#open = true;
    this.#silence.heard(now);
    return this.#step(this.#reconcile(now));
  }

  want(wanted: readonly WantedMarket[], now: Micros): Step | null {
    this.#wanted = wanted;
    if (!this.#open) return null;
    const send = this.#reconcile(now);
    return send.length > 0 ? this.#step(send) : null;
  }

  receive(bytes: Buffer, now: Micros): Step | null {
    this.#silence.heard(now);
    const decoded = decode(bytes);
    // What cannot be read has used up a number: the next frame shows that, here and to the interpreter.
    if (!("frame" in decoded)) return null;
    const { frame } = decoded;
    const decisions = this.#number(frame);
    const send: string[] = [];
    const listed = acknowledged(frame);
    if (frame["type"] === "error") return this.#error(frame, now);
    if (decisions.length > 0) send.push(...this.#tradesAgain(now));
    if (listed === null) return decisions.length > 0 ? this.#step(send, decisions) : null;
    this.#acknowledgement = Buffer.from(bytes);
    const command = this.#pending.shift();
    if (command?.type !== "subscribe") return this.#step(send, decisions);
    const has = listed.get(command.channel);
    const missing = command.products.filter((product) => has?.has(canonical(product)) !== true);
    if (missing.length === 0) return this.#step(send, decisions);
    const reason = "left out of the acknowledgement";
    return this.#step(
      send,
      [...decisions, this.#refuse(command.channel, missing, reason)],
      [`Coinbase does not send ${command.channel} of ${missing.join(", ")}: check the names in products`],
    );
  }

  wake(now: Micros): Step | null {
    const [oldest] = this.#pending;
    if (oldest !== undefined && now >= oldest.sentAt + ANSWER_PATIENCE) {
      const { type: action, channel } = oldest;
      const decision = { type: "no-answer", action, channel, after: ANSWER_PATIENCE };
      return { decisions: [decision], close: `no answer to ${action} of ${channel}` };
    }
    const verdict = this.#silence.verdict(now);
    if (verdict === null) return this.#step([]);
    const step = this.#step([], [verdict]);
    return verdict.type === "stall" ? { ...step, close: "stall" } : step;
  }

  /** There are no books here. */
  resync(): Step | null {
    return null;
  }

  commands(): readonly { readonly sent: boolean; readonly bytes: string }[] {
    const sent = this.#sent.map(({ text }) => ({ sent: true, bytes: Buffer.from(text).toString("latin1") }));
    const ack = this.#acknowledgement;
    return ack === null ? sent : [...sent, { sent: false, bytes: ack.toString("latin1") }];
  }

  /** Advanced Trade counts all frames of a connection, acknowledgements and heartbeats too, from 0. */
  #number(frame: WireObject): Decision[] {
    const got = integer(frame["sequence_num"]);
    if (got === null) return [];
    const expected = this.#sequence + 1;
    if (got > this.#sequence) this.#sequence = got;
    return got > expected ? [{ type: "resync", reason: "sequence", expected, got }] : [];
  }

  /** A new subscription to trades begins with the latest ones: those in the lost frames come again. */
  #tradesAgain(now: Micros): string[] {
    const { trades } = this.#dialect;
    const products = [...(this.#held.get(trades) ?? [])];
    if (products.length === 0 || this.#pending.some(({ channel }) => channel === trades)) return [];
    return [this.#command("unsubscribe", trades, products, now), this.#command("subscribe", trades, products, now)];
  }

  /**
   * Errors name no command; they are taken for the answer to the oldest. The Exchange feed refuses a whole command for
   * one wrong product and names it: the others are asked for again.
   */
  #error(frame: WireObject, now: Micros): Step {
    const message = [frame["message"], frame["reason"]].filter((each) => typeof each === "string").join(": ");
    const command = this.#pending.shift();
    if (command === undefined) {
      return this.#step([], [{ type: "venue-error", message }], [`Coinbase says: ${message}`]);
    }
    const { channel, products, type: action } = command;
    const named = products.filter((product) => message.includes(product));
    const wrong = named.length > 0 ? named : products;
    const decision = { ...this.#refuse(channel, wrong, message), action };
    const send = named.length > 0 ? this.#reconcile(now, channel) : [];
    return this.#step(
      send,
      [decision],
      [`Coinbase refuses ${channel}${wrong.length > 0 ? ` of ${wrong.join(", ")}` : ""}: ${message}`],
    );
  }

  #refuse(channel: string, products: readonly string[], reason: string): Decision {
    const refused = this.#refused.get(channel) ?? new Set();
    for (const product of products) {
      refused.add(product);
      this.#held.get(channel)?.delete(product);
    }
    this.#refused.set(channel, refused);
    return { type: "command-refused", channel, markets: products, reason };
  }

  /** Commands that bring what is held to what is wanted. `again`: nothing of this channel is held after all. */
  #reconcile(now: Micros, again?: string): string[] {
    const { ticker, trades, heartbeats } = this.#dialect;
    const named = (channel: "ticker" | "trades") =>
      this.#wanted.filter(({ channels }) => channels.includes(channel)).map(({ market }) => market);
    const wanted = new Map([
      [ticker, named("ticker")],
      [trades, named("trades")],
      [heartbeats, this.#dialect.heartbeatsOf(this.#wanted.map(({ market }) => market))],
    ]);
    if (again !== undefined) {
      this.#held.delete(again);
      this.#sent = this.#sent.filter(({ channel }) => channel !== again);
    }
    return [...wanted].flatMap(([channel, products]) => {
      const held = this.#held.get(channel) ?? new Set();
      this.#held.set(channel, held);
      const refused = this.#refused.get(channel);
      const gone = [...held].filter((product) => !products.includes(product));
      const added = products.filter((product) => !held.has(product) && refused?.has(product) !== true);
      const commands: string[] = [];
      if (gone.length > 0) commands.push(this.#command("unsubscribe", channel, gone, now));
      if (added.length > 0) commands.push(this.#command("subscribe", channel, added, now));
      for (const product of gone) held.delete(product);
      for (const product of added) held.add(product);
      return commands;
    });
  }

  #command(type: Command["type"], channel: string, products: readonly string[], now: Micros): string {
    this.#pending.push({ type, channel, products, sentAt: now });
    const text = this.#dialect.command(type, channel, products);
    const held = this.#held.get(channel)?.size ?? 0;
    // Nothing is left of a channel that everything is taken from.
    if (type === "unsubscribe" && products.length === held) {
      this.#sent = this.#sent.filter((sent) => sent.channel !== channel);
    } else this.#sent.push({ channel, text });
    return text;
  }

  #step(send: readonly string[], decisions: readonly Decision[] = [], warnings: readonly string[] = []): Step {
    const answerBy = (this.#pending[0]?.sentAt ?? Infinity) + ANSWER_PATIENCE;
    return { send, decisions, warnings, wakeAt: Math.min(this.#silence.wakeAt, answerBy) };
  }
}
