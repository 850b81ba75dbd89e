import type { Decision } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";
import { Silence } from "../silence.ts";
import type { LiveSession, Step, WantedMarket } from "../venue.ts";

/** docs.polymarket.com/market-data/websocket/rtds: a text `PING` every 5 s. */
const PING_EVERY: Micros = 5_000_000;

/**
 * One connection's conversation with the Real-Time Data Socket. Nothing is acknowledged or numbered, and the feed freezes
 * every half hour or so while the connection stays open and `PING` is answered (Polymarket/real-time-data-client, issues
 * 25 and 26): each topic's own silence is watched.
 */
export class RtdsSession implements LiveSession {
  readonly #staleAfter: Micros;
  readonly #topics = new Map<string, { readonly mark: Buffer; readonly silence: Silence }>();
  #wanted: readonly WantedMarket[];
  #open = false;
  #subscribed = "";
  #pingAt: Micros = 0;

  constructor(wanted: readonly WantedMarket[], staleAfter: Micros) {
    this.#wanted = wanted;
    this.#staleAfter = staleAfter;
  }

  open(now: Micros): Step {
    this.#open = true;
    this.#pingAt = now + PING_EVERY;
    return this.#step(this.#reconcile(now));
  }

  want(wanted: readonly WantedMarket[], now: Micros): Step | null {
    this.#wanted = wanted;
    if (!this.#open) return null;
    const send = this.#reconcile(now);
    return send.length > 0 ? this.#step(send) : null;
  }

  receive(frame: Buffer, now: Micros): Step | null {
    for (const { mark, silence } of this.#topics.values()) if (frame.includes(mark)) silence.heard(now);
    return null;
  }

  wake(now: Micros): Step | null {
    const send: string[] = [];
    if (now >= this.#pingAt) {
      send.push("PING");
      this.#pingAt = now + PING_EVERY;
    }
    const decisions: Decision[] = [];
    for (const [topic, { silence }] of this.#topics) {
      const verdict = silence.verdict(now);
      if (verdict !== null) decisions.push({ ...verdict, topic });
    }
    const step = this.#step(send, decisions);
    return decisions.some(({ type }) => type === "stall") ? { ...step, send: [], close: "stall" } : step;
  }

  /** There are no books here. */
  resync(): Step | null {
    return null;
  }

  commands(): readonly { readonly sent: boolean; readonly bytes: string }[] {
    return this.#subscribed === "" ? [] : [{ sent: true, bytes: this.#subscribed }];
  }

  #reconcile(now: Micros): string[] {
    const wanted = this.#wanted.map(({ market }) => market);
    const gone = [...this.#topics.keys()].filter((topic) => !wanted.includes(topic));
    const added = wanted.filter((topic) => !this.#topics.has(topic));
    for (const topic of gone) this.#topics.delete(topic);
    for (const topic of added) {
      const silence = new Silence(this.#staleAfter);
      silence.heard(now);
      this.#topics.set(topic, { mark: Buffer.from(`"topic":"${topic}"`), silence });
    }
    const send: string[] = [];
    if (gone.length > 0) send.push(command("unsubscribe", gone));
    if (added.length > 0) send.push(command("subscribe", added));
    if (send.length > 0) this.#subscribed = command("subscribe", [...this.#topics.keys()]);
    return send;
  }

  #step(send: readonly string[], decisions: readonly Decision[] = []): Step {
    const wakes = [...this.#topics.values()].map(({ silence }) => silence.wakeAt);
    return { send, decisions, wakeAt: Math.min(this.#pingAt, ...wakes) };
  }
}

function command(action: "subscribe" | "unsubscribe", topics: readonly string[]): string {
  const subscriptions = topics.map((topic) =>
    topic === "crypto_prices" ? { topic, type: "update" } : { topic, type: "*", filters: "" },
  );
  return JSON.stringify({ action, subscriptions });
}
