import { isUtf8 } from "node:buffer";
import type { Decision } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";
import type { Channel, ChannelState, LiveSession, Step, WantedMarket } from "../venue.ts";
import { Announcements } from "../announcements.ts";
import { CommandLog } from "./command-log.ts";
import { Envelope } from "./envelope.ts";
import { PATIENCE, Subscription } from "./subscription.ts";

/** Our channels in Kalshi's words (docs.kalshi.com/asyncapi.yaml 2.0.0). */
const CHANNELS: Readonly<Record<Channel, string>> = {
  book: "orderbook_delta",
  trades: "trade",
  ticker: "ticker",
  lifecycle: "market_lifecycle_v2",
  index: "cfbenchmarks_value",
};

/** The subscription is over and must be made anew (10 channel error, 25 buffer overflow, 7 unknown subscription). */
const TERMINAL = new Set([7, 10, 25]);
/** The same command may work later (17 internal error, 18 command timeout, 27 too many requests). */
const TRANSIENT = new Set([17, 18, 27]);
/** A subscription takes no more markets; how many it takes is not published. */
const FULL = 26;

/** One connection's conversation with Kalshi: subscribes, checks `seq` per `sid`, asks for snapshots where one is missing. */
export class KalshiSession implements LiveSession {
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #bySid: (Subscription | undefined)[] = [];
  readonly #lastSeq: (number | undefined)[] = [];
  readonly #envelope = new Envelope();
  readonly #log = new CommandLog();
  #wanted: readonly WantedMarket[];
  #names: ReadonlySet<string> = new Set();
  readonly #announcements = new Announcements();
  readonly #isLastResort: boolean;
  #nextId = 1;
  #open = false;
  #marketAt = -1;
  #homeless: { readonly markets: readonly string[]; readonly capacity: number | null } | null = null;

  /** `isLastResort`: markets that another connection did not serve; what this one does not either, none does. */
  constructor(wanted: readonly WantedMarket[], isLastResort = false) {
    this.#wanted = wanted;
    this.#isLastResort = isLastResort;
  }

  open(now: Micros): Step {
    this.#open = true;
    return this.want(this.#wanted, now) ?? {};
  }

  want(wanted: readonly WantedMarket[], now: Micros): Step | null {
    this.#wanted = wanted;
    this.#names = new Set(wanted.map(({ market }) => market));
    if (!this.#open) return null;
    for (const channel of Object.keys(CHANNELS) as Channel[]) {
      const markets = wanted.filter((market) => market.channels.includes(channel)).map((market) => market.market);
      let subscription = this.#subscriptions.get(channel);
      if (subscription === undefined) {
        if (markets.length === 0) continue;
        subscription = new Subscription(CHANNELS[channel], channel === "lifecycle");
        this.#subscriptions.set(channel, subscription);
      }
      subscription.want(markets);
    }
    return this.#advance(now, []);
  }

  receive(frame: Buffer, now: Micros): Step | null {
    const envelope = this.#envelope;
    this.#marketAt = -1;
    // A damaged frame may have a readable beginning: its number counts as lost, as it does for the interpreter.
    if (!isWhole(frame) || !isUtf8(frame) || !envelope.read(frame)) return null;
    const { sid, seq } = envelope;
    let decisions: Decision[] | undefined;
    if (sid >= 0 && seq >= 0) {
      const expected = (this.#lastSeq[sid] ?? 0) + 1;
      if (seq >= expected) this.#lastSeq[sid] = seq;
      if (seq > expected) decisions = this.#gap(sid, expected, seq, now);
    }
    if (envelope.class === "delta") this.#marketAt = tickerAt(frame, envelope.bodyAt);
    else if (envelope.class === "ticker" || envelope.class === "other") this.#seen(frame, sid);
    if (envelope.class === "snapshot") {
      const done = this.#bySid[sid]?.booked(marketOf(frame)) === true;
      return done || decisions !== undefined ? this.#advance(now, decisions ?? []) : null;
    }
    if (envelope.class === "control") return this.#control(frame, now, decisions ?? []);
    const announced = envelope.class === "other" ? this.#announced(frame, sid) : null;
    if (announced !== null) return { announced: [announced] };
    return decisions === undefined ? null : this.#advance(now, decisions);
  }

  wake(now: Micros): Step | null {
    const decisions: Decision[] = [];
    for (const { outstanding, channel } of this.#subscriptions.values()) {
      if (outstanding === null || outstanding.action === "get_snapshot" || now < outstanding.sentAt + PATIENCE)
        continue;
      decisions.push({ type: "no-answer", channel, action: outstanding.action, id: outstanding.id, after: PATIENCE });
      return { decisions, close: `no answer to ${outstanding.action} of ${channel}` };
    }
    return this.#advance(now, decisions);
  }

  resync(markets: readonly string[], now: Micros): Step | null {
    this.#subscriptions.get("book")?.resync(now, markets);
    return this.#advance(now, []);
  }

  get marketAt(): number {
    return this.#marketAt;
  }

  state(): readonly ChannelState[] {
    return [...this.#subscriptions.values()].map((subscription) => {
      const { channel, unfiltered, wanted, granted, unseen, sid } = subscription;
      if (unfiltered) {
        const acknowledged = sid === null ? 0 : 1;
        const names = acknowledged === 0 ? ["*"] : [];
        return {
          channel,
          desired: 1,
          acknowledged,
          observed: acknowledged === 1 && this.#lastSeq[sid ?? -1] !== undefined ? 1 : 0,
          unacknowledged: () => names,
          unobserved: () => [],
        };
      }
      return {
        channel,
        desired: wanted.size,
        acknowledged: granted.size,
        observed: subscription.held.size - unseen.size,
        unacknowledged: () => [...wanted].filter((market) => !granted.has(market)),
        unobserved: () => [...granted].filter((market) => unseen.has(market)),
      };
    });
  }

  commands(): readonly { readonly sent: boolean; readonly bytes: string }[] {
    return this.#log.inForce();
  }

  /** The first data of a market on a channel without snapshots; which market the frame is about. */
  #seen(frame: Buffer, sid: number): void {
    this.#marketAt = tickerAt(frame, this.#envelope.bodyAt);
    const unseen = this.#bySid[sid]?.unseen;
    if (unseen !== undefined && unseen.size > 0) unseen.delete(marketOf(frame));
  }

  /** Only books can be asked for again; what was lost on another channel is seen by whoever reads the journal. */
  #gap(sid: number, expected: number, got: number, now: Micros): Decision[] | undefined {
    const subscription = this.#bySid[sid];
    if (subscription?.channel !== "orderbook_delta") return undefined;
    const books = subscription.resync(now);
    return [{ type: "resync", reason: "sequence", sid, expected, got, books }];
  }

  /** A market that is created or opens and is not recorded here yet, or one that is and gets its result (messages of the lifecycle channel). */
  #announced(frame: Buffer, sid: number): string | null {
    if (sid < 0 || this.#bySid[sid] !== this.#subscriptions.get("lifecycle")) return null;
    const begins = BEGINNINGS.some((kind) => frame.includes(kind));
    const end = begins ? -1 : ENDS.findIndex((kind) => frame.includes(kind));
    if (!begins && end < 0) return null;
    const market = marketOf(frame);
    if (market === "" || this.#names.has(market) === begins) return null;
    return this.#announcements.isNew(`${begins ? "" : end}${market}`) ? market : null;
  }

  #control(frame: Buffer, now: Micros, decisions: Decision[]): Step | null {
    let answer: Answer;
    try {
      answer = JSON.parse(frame.toString()) as Answer;
    } catch {
      return this.#advance(now, decisions);
    }
    const { type, msg } = answer;
    const subscription = this.#subject(answer);
    if (subscription === undefined) return this.#advance(now, decisions);
    const command = subscription.outstanding?.id === answer.id ? subscription.outstanding : null;
    if (type === "error") {
      const code = typeof msg?.code === "number" ? msg.code : 0;
      decisions.push({
        type: TERMINAL.has(code) ? "subscription-ended" : "command-refused",
        channel: subscription.channel,
        sid: subscription.sid,
        code,
        message: typeof msg?.msg === "string" ? msg.msg : null,
        ...(command === null ? {} : { action: command.action, id: command.id, markets: command.markets.length }),
      });
      if (TERMINAL.has(code)) this.#end(subscription, now);
      else if (command !== null) {
        this.#log.dropped(command.id);
        if (code === FULL && command.action !== "get_snapshot") {
          const markets = subscription.full();
          if (markets.length > 0) this.#homeless = { markets, capacity: subscription.held.size };
        } else subscription.refused(TRANSIENT.has(code), now);
      }
    } else if (type === "unsubscribed") {
      this.#forget(subscription);
      if (command === null) subscription.ended(now);
      else subscription.acknowledged(null, null, now);
    } else if (command !== null) {
      const sid = typeof msg?.sid === "number" ? msg.sid : this.#envelope.sid;
      const listed = Array.isArray(msg?.market_tickers) ? (msg.market_tickers as string[]) : null;
      const lacking = subscription.acknowledged(sid >= 0 ? sid : null, listed, now);
      if (lacking.length > 0) {
        decisions.push({ type: "not-acknowledged", channel: subscription.channel, sid, markets: lacking });
      }
      if (sid >= 0) this.#bySid[sid] = subscription;
      this.#log.acknowledged(subscription.channel, command, frame, listed !== null);
    }
    return this.#advance(now, decisions);
  }

  /** The subscription that an answer is about: by the command's id, else by its sid. */
  #subject(answer: Answer): Subscription | undefined {
    for (const subscription of this.#subscriptions.values()) {
      if (answer.id !== undefined && subscription.outstanding?.id === answer.id) return subscription;
    }
    return typeof answer.sid === "number" ? this.#bySid[answer.sid] : undefined;
  }

  #end(subscription: Subscription, now: Micros): void {
    this.#forget(subscription);
    subscription.ended(now);
  }

  #forget(subscription: Subscription): void {
    this.#log.ended(subscription.channel);
    if (subscription.sid === null) return;
    this.#bySid[subscription.sid] = undefined;
    this.#lastSeq[subscription.sid] = undefined;
  }

  /** Sends whatever each subscription has to say now. */
  #advance(now: Micros, decisions: Decision[]): Step | null {
    const send: string[] = [];
    let wakeAt = Infinity;
    let unserved: string[] = [];
    for (const subscription of this.#subscriptions.values()) {
      const lost = subscription.givenUp(now);
      if (lost.length > 0) {
        decisions.push({ type: "no-snapshot", channel: subscription.channel, markets: lost });
        if (this.#isLastResort) unserved = lost;
        else this.#homeless = { markets: lost, capacity: null };
      }
      const command = subscription.next(this.#nextId, now);
      if (command !== null) {
        this.#nextId++;
        send.push(command.text);
        if (command.action !== "get_snapshot") this.#log.sent(subscription.channel, command);
      }
      wakeAt = Math.min(wakeAt, subscription.wakeAt(now));
    }
    const elsewhere = this.#homeless;
    this.#homeless = null;
    return {
      send,
      decisions,
      ...(wakeAt === Infinity ? {} : { wakeAt }),
      ...(elsewhere === null ? {} : { elsewhere }),
      ...(unserved.length === 0 ? {} : { unserved }),
    };
  }
}

interface Answer {
  readonly type: string;
  readonly id?: number;
  readonly sid?: number;
  readonly msg?: {
    readonly sid?: unknown;
    readonly code?: unknown;
    readonly msg?: unknown;
    readonly market_tickers?: unknown;
  };
}

const BEGINNINGS = [Buffer.from('"event_type":"created"'), Buffer.from('"event_type":"activated"')];
const ENDS = [Buffer.from('"event_type":"determined"'), Buffer.from('"event_type":"settled"')];
const TICKER_KEY = Buffer.from('"market_ticker":"');

/** The frame ends as an object does; a newline may follow. */
function isWhole(frame: Buffer): boolean {
  const last = frame.length - 1;
  return frame[last] === 125 /* } */ || (frame[last] === 10 && frame[last - 1] === 125);
}

/** Where the ticker begins: the first field of `msg`, except in trades (seen on the wire, captures of 2026). */
function tickerAt(frame: Buffer, bodyAt: number): number {
  if (bodyAt >= 0 && frame[bodyAt + 2] === 109 /* m */ && frame[bodyAt + 9] === 116 /* market_t */) return bodyAt + 18;
  const at = frame.indexOf(TICKER_KEY);
  return at < 0 ? -1 : at + TICKER_KEY.length;
}

function marketOf(frame: Buffer): string {
  const at = frame.indexOf(TICKER_KEY);
  if (at < 0) return "";
  const from = at + TICKER_KEY.length;
  return frame.toString("latin1", from, frame.indexOf(34, from));
}
