import { isUtf8 } from "node:buffer";
import type { Decision } from "../../journal/record.ts";
import type { Micros } from "../../model/time.ts";
import type { ChannelState, LiveSession, Step, WantedMarket } from "../venue.ts";
import { Announcements } from "../announcements.ts";
import { announcements, isAnnouncement } from "./announcement.ts";
import { TokenLog } from "./token-log.ts";

const SECOND = 1_000_000;
/** docs.polymarket.com/market-data/websocket/overview: a text `PING` every 10 s, answered by `PONG`. */
const PING_EVERY: Micros = 10 * SECOND;
/**
 * A first book normally comes within a second; some never come until they are asked for again, and asking on the same
 * connection helps little (0 of 462 in one report, nautechsystems/nautilus_trader#3963): so it is tried once.
 */
const BOOK_PATIENCE: Micros = 15 * SECOND;
const MAX_ASKS = 1;
/** A noisy connection must not drown itself in first books. */
const RESYNC_EVERY: Micros = 10 * SECOND;

const BOOK_EVENT = Buffer.from('"event_type":"book"');

/**
 * One connection's conversation with Polymarket's market channel: it keeps the connection alive, counts first books,
 * and subscribes anew where a frame was damaged or a book did not come. The venue acknowledges nothing.
 */
export class PolymarketSession implements LiveSession {
  readonly #tokens = new Set<string>();
  /** Tokens whose first book has not come: when to ask (again), and how often we did. */
  readonly #missing = new Map<string, { askAt: Micros; asks: number }>();
  /** Tokens whose first book has not come, also after we gave up asking. */
  readonly #unseen = new Set<string>();
  readonly #log = new TokenLog();
  readonly #announcements = new Announcements();
  readonly #isLastResort: boolean;
  #marketAt = -1;
  #wanted: readonly WantedMarket[];
  #open = false;
  #pingAt: Micros = 0;
  #lastResync: Micros = 0;
  #resyncAt: Micros | null = null;

  /** `isLastResort`: markets that another connection did not serve; what this one does not either, none does. */
  constructor(wanted: readonly WantedMarket[], isLastResort = false) {
    this.#wanted = wanted;
    this.#isLastResort = isLastResort;
  }

  open(now: Micros): Step {
    this.#open = true;
    this.#pingAt = now + PING_EVERY;
    for (const token of tokensOf(this.#wanted)) this.#tokens.add(token);
    const text = JSON.stringify({
      assets_ids: [...this.#tokens],
      type: "market",
      custom_feature_enabled: true,
      initial_dump: true,
    });
    this.#log.subscribed(text, this.#tokens);
    this.#await(this.#tokens, now);
    return this.#step(now, [text], []);
  }

  receive(frame: Buffer, now: Micros): Step | null {
    const first = frame[0];
    // `{"market":"0x…`: the first key of every message about a token but first books, which come as an array.
    this.#marketAt = frame[2] === 109 /* m */ && frame[8] === 34 && frame[10] === 34 ? 11 : -1;
    if (first === 80 /* P */ && isPong(frame)) return null;
    if ((first !== 123 /* { */ && first !== 91) /* [ */ || !isWhole(frame) || !isUtf8(frame))
      return this.#damaged(frame, now);
    const announced = isAnnouncement(frame) ? this.#announced(frame) : [];
    if (announced.length > 0) return { announced };
    if (this.#unseen.size === 0 || !(first === 91 || frame.includes(BOOK_EVENT))) return null;
    return this.#books(frame, now);
  }

  wake(now: Micros): Step | null {
    const send: string[] = [];
    const decisions: Decision[] = [];
    if (now >= this.#pingAt) {
      send.push("PING");
      this.#pingAt = now + PING_EVERY;
    }
    if (this.#resyncAt !== null && now >= this.#resyncAt) {
      this.#resyncAt = null;
      decisions.push({ type: "resync", reason: "malformed", tokens: [...this.#tokens] });
      send.push(...this.#again([...this.#tokens], now));
    }
    const lost = this.#askAgain(now, send, decisions);
    const step = this.#step(now, send, decisions);
    if (lost.length === 0) return step;
    return this.#isLastResort ? { ...step, unserved: lost } : { ...step, elsewhere: { markets: lost, capacity: null } };
  }

  want(wanted: readonly WantedMarket[], now: Micros): Step | null {
    this.#wanted = wanted;
    if (!this.#open) return null;
    const tokens = new Set(tokensOf(wanted));
    const gone = [...this.#tokens].filter((token) => !tokens.has(token));
    const added = [...tokens].filter((token) => !this.#tokens.has(token));
    for (const token of gone) {
      this.#tokens.delete(token);
      this.#missing.delete(token);
      this.#unseen.delete(token);
    }
    for (const token of added) this.#tokens.add(token);
    const send: string[] = [];
    if (gone.length > 0) send.push(this.#unsubscribe(gone));
    if (added.length > 0) send.push(this.#subscribe(added, now));
    return send.length > 0 ? this.#step(now, send, []) : null;
  }

  resync(markets: readonly string[], now: Micros): Step | null {
    const names = new Set(markets);
    const tokens = tokensOf(this.#wanted.filter((market) => names.has(market.market)));
    return tokens.length > 0 ? this.#step(now, this.#again(tokens, now), []) : null;
  }

  get marketAt(): number {
    return this.#marketAt;
  }

  state(): readonly ChannelState[] {
    const unseen = this.#unseen;
    const observed = this.#tokens.size - unseen.size;
    const unacknowledged = () => [...new Set(this.#marketsOf(unseen).map(({ market }) => market))];
    const desired = this.#wanted.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
    return [{ channel: "market", desired, acknowledged: observed, observed, unacknowledged, unobserved: () => [] }];
  }

  commands(): readonly { readonly sent: boolean; readonly bytes: string }[] {
    return this.#log.inForce();
  }

  /** A frame that cannot be read may have held anything, for any token here. */
  #damaged(frame: Buffer, now: Micros): Step | null {
    if (this.#resyncAt !== null) return null;
    const at = this.#lastResync === 0 ? now : Math.max(now, this.#lastResync + RESYNC_EVERY);
    this.#resyncAt = at;
    if (at > now) return this.#step(now, [], [{ type: "malformed", bytes: frame.length, resyncAt: at }]);
    return this.wake(now);
  }

  #books(frame: Buffer, now: Micros): Step | null {
    let message: unknown;
    try {
      message = JSON.parse(frame.toString());
    } catch {
      return this.#damaged(frame, now);
    }
    for (const event of Array.isArray(message) ? message : [message]) {
      if (typeof event !== "object" || event === null) continue;
      const { event_type, asset_id } = event as Record<string, unknown>;
      if (event_type === "book" && typeof asset_id === "string") {
        this.#missing.delete(asset_id);
        this.#unseen.delete(asset_id);
      }
    }
    return null;
  }

  /** New markets, and results of markets that are recorded here: both come on every connection, again and again. */
  #announced(frame: Buffer): string[] {
    return announcements(frame)
      .filter(({ kind, market }) => kind === "new_market" || this.#wanted.some((wanted) => wanted.market === market))
      .filter(({ kind, market }) => this.#announcements.isNew(`${kind} ${market}`))
      .map(({ market }) => market);
  }

  /** Subscribes anew to the tokens whose book did not come; gives back the markets for which that was no use. */
  #askAgain(now: Micros, send: string[], decisions: Decision[]): string[] {
    const due: string[] = [];
    const lost: string[] = [];
    const late = [...this.#missing].filter(([, { askAt }]) => askAt <= now);
    if (late.length === 0) return [];
    const over = new Set(tokensOf(this.#wanted.filter(({ isOver }) => isOver === true)));
    for (const [token, { asks }] of late) {
      // A market that is over has no book any more.
      if (over.has(token)) this.#missing.delete(token);
      else (asks < MAX_ASKS ? due : lost).push(token);
    }
    if (lost.length > 0) {
      for (const token of lost) this.#missing.delete(token);
      decisions.push({ type: "no-snapshot", asks: MAX_ASKS, tokens: lost });
    }
    if (due.length > 0) {
      decisions.push({ type: "resync", reason: "no-first-book", tokens: due });
      send.push(...this.#again(due, now));
    }
    return [...new Set(this.#marketsOf(new Set(lost)).map(({ market }) => market))];
  }

  #marketsOf(tokens: ReadonlySet<string>): WantedMarket[] {
    return tokens.size === 0 ? [] : this.#wanted.filter(({ outcomes }) => outcomes.some((token) => tokens.has(token)));
  }

  /** Unsubscribes and subscribes: the way to a fresh book. */
  #again(tokens: readonly string[], now: Micros): string[] {
    this.#lastResync = now;
    return [this.#unsubscribe(tokens), this.#subscribe(tokens, now)];
  }

  #subscribe(tokens: readonly string[], now: Micros): string {
    const text = JSON.stringify({
      assets_ids: tokens,
      operation: "subscribe",
      custom_feature_enabled: true,
      initial_dump: true,
    });
    this.#log.subscribed(text, tokens);
    this.#await(tokens, now);
    return text;
  }

  #unsubscribe(tokens: readonly string[]): string {
    const text = JSON.stringify({ assets_ids: tokens, operation: "unsubscribe" });
    this.#log.unsubscribed(text, tokens);
    return text;
  }

  #await(tokens: Iterable<string>, now: Micros): void {
    for (const token of tokens) {
      this.#unseen.add(token);
      this.#missing.set(token, { askAt: now + BOOK_PATIENCE, asks: (this.#missing.get(token)?.asks ?? -1) + 1 });
    }
  }

  #step(now: Micros, send: string[], decisions: Decision[]): Step {
    let wakeAt = Math.min(this.#pingAt, this.#resyncAt ?? Infinity);
    for (const { askAt } of this.#missing.values()) wakeAt = Math.min(wakeAt, askAt);
    return { send, decisions, wakeAt: Math.max(wakeAt, now) };
  }
}

/** `PONG`, with or without a line's end. */
export function isPong(frame: Buffer): boolean {
  return frame.length <= 6 && frame[0] === 80 && frame[1] === 79 && frame[2] === 78 && frame[3] === 71;
}

function tokensOf(markets: readonly WantedMarket[]): string[] {
  return markets.flatMap((market) => [...market.outcomes]);
}

/** The frame ends as JSON objects and arrays end: it was not cut. */
function isWhole(frame: Buffer): boolean {
  let at = frame.length - 1;
  while (at > 0 && (frame[at] ?? 0) <= 32) at--;
  return frame[at] === (frame[0] === 123 ? 125 : 93);
}
