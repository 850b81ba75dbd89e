import type { Exhibit, Happening, Outgoing, Send, ServerConnection } from "../server.ts";
import type { PolymarketFrames } from "./server-frames.ts";
import type { PolymarketMarket } from "./server-market.ts";

/** Above this many tokens the venue says nothing and leaves the first books out (docs.nautilustrader.io, 2026). */
export const SILENT_CAP = 500;

/** How often a `new_market` is repeated at once; 146 copies in 45 s were seen in August 2026. */
const NEW_MARKET_COPIES = 3;

/** Messages that may wait for a turn; more are ignored, as this protocol has no errors. */
const MOST_PENDING = 10_000;

/** Finds the market and outcome of a token id. */
export class TokenIndex {
  readonly #markets: ReadonlyMap<string, PolymarketMarket>;
  readonly #tokens = new Map<string, { market: PolymarketMarket; outcome: 0 | 1 }>();
  #indexed = 0;

  constructor(exhibit: Exhibit<PolymarketMarket>) {
    this.#markets = exhibit.markets;
  }

  get(token: string): { market: PolymarketMarket; outcome: 0 | 1 } | undefined {
    if (this.#indexed !== this.#markets.size) {
      for (const market of this.#markets.values()) {
        this.#tokens.set(market.tokens[0], { market, outcome: 0 });
        this.#tokens.set(market.tokens[1], { market, outcome: 1 });
      }
      this.#indexed = this.#markets.size;
    }
    return this.#tokens.get(token);
  }
}

/**
 * The server side of one connection of Polymarket's market channel (docs.polymarket.com, "Market Channel"): no
 * acknowledgements, no sequence numbers, first books as one array, changes for both tokens of a market whichever of
 * them was asked for, text `PING` answered by text `PONG`.
 */
export class PolymarketConnection implements ServerConnection<PolymarketMarket> {
  readonly #tokens: TokenIndex;
  readonly #frames: PolymarketFrames;
  readonly #send: Send;
  /** Wanted tokens and the markets they belong to. */
  readonly #wanted = new Set<string>();
  readonly #markets = new Map<string, number>();
  #pending: string[] = [];
  #custom = false;
  #isMuted: ((market: string) => boolean) | null = null;
  readonly #silentCap: number;

  constructor(tokens: TokenIndex, frames: PolymarketFrames, send: Send, silentCap = SILENT_CAP) {
    this.#silentCap = silentCap;
    this.#tokens = tokens;
    this.#frames = frames;
    this.#send = send;
  }

  receive(text: string): void {
    if (this.#pending.length < MOST_PENDING) this.#pending.push(text);
  }

  settle(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    for (const text of pending) {
      if (text.trim() === "PING") this.#send({ text: "PONG", kind: "control", sequenced: false });
      else this.#command(text);
    }
  }

  happened(happening: Happening<PolymarketMarket>): void {
    const frames = this.#frames;
    if (happening.kind === "created" || (happening.kind === "opened" && this.#custom)) {
      if (!this.#custom) return;
      for (let i = 0; i < NEW_MARKET_COPIES; i++) this.#send(frames.newMarket(happening));
      return;
    }
    const { market } = happening;
    if (!this.#markets.has(market.id)) return;
    const send = (frame: Outgoing) => this.#sendOf(market, frame);
    switch (happening.kind) {
      case "change":
        return send(frames.change(happening));
      case "trade":
        if (this.#wanted.has(market.tokens[happening.trade.outcome])) send(frames.bookAfterTrade(happening));
        return;
      case "print":
        if (this.#wanted.has(market.tokens[happening.trade.outcome])) send(frames.print(happening));
        return;
      case "quote":
        if (this.#custom) this.#each(market, (outcome) => frames.bestBidAsk(happening, outcome));
        return;
      case "regridded":
        return this.#each(market, (outcome) => frames.tickSizeChange(happening, outcome));
      case "settled":
        if (this.#custom) send(frames.marketResolved(happening));
        return;
      default:
        return;
    }
  }

  /** This protocol has no error frames: the connection just goes. */
  fail(): void {}

  mute(isMuted: ((market: string) => boolean) | null): void {
    this.#isMuted = isMuted;
  }

  #sendOf(market: PolymarketMarket, frame: Outgoing): void {
    this.#send(this.#isMuted?.(market.id) === true ? { ...frame, muted: true } : frame);
  }

  #each(market: PolymarketMarket, print: (outcome: 0 | 1) => Outgoing): void {
    for (const outcome of [0, 1] as const) {
      if (this.#wanted.has(market.tokens[outcome])) this.#sendOf(market, print(outcome));
    }
  }

  #command(text: string): void {
    const message = readMessage(text);
    if (message === null) return;
    if (message.custom !== null) this.#custom = message.custom;
    const fresh: string[] = [];
    for (const token of message.tokens) {
      if (this.#wanted.has(token) === message.subscribe) continue;
      const found = this.#tokens.get(token);
      if (message.subscribe) {
        this.#wanted.add(token);
        fresh.push(token);
      } else this.#wanted.delete(token);
      if (found === undefined) continue;
      const count = (this.#markets.get(found.market.id) ?? 0) + (message.subscribe ? 1 : -1);
      if (count === 0) this.#markets.delete(found.market.id);
      else this.#markets.set(found.market.id, count);
    }
    if (!message.subscribe || !message.dump || this.#wanted.size > this.#silentCap) return;
    const books = fresh.map((token) => this.#tokens.get(token)).filter((found) => found !== undefined);
    const open = books.filter(({ market }) => market.stage !== "determined" && market.stage !== "settled");
    const muted = open.filter(({ market }) => this.#isMuted?.(market.id) === true);
    const heard = open.filter((book) => !muted.includes(book));
    if (heard.length > 0) this.#send(this.#frames.firstBooks(heard));
    if (muted.length > 0) this.#send({ ...this.#frames.firstBooks(muted), muted: true });
  }
}

interface ClientMessage {
  readonly tokens: readonly string[];
  readonly subscribe: boolean;
  readonly dump: boolean;
  readonly custom: boolean | null;
}

/** Reads what a client says; null where the venue would not react. */
function readMessage(text: string): ClientMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The venue answers nothing to what it cannot read.
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const message = value as Record<string, unknown>;
  const { type, operation, assets_ids: ids } = message;
  const initial = typeof type === "string" && type.toLowerCase() === "market";
  if (!initial && operation !== "subscribe" && operation !== "unsubscribe") return null;
  return {
    tokens: Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [],
    subscribe: operation !== "unsubscribe",
    dump: message.initial_dump !== false,
    custom: typeof message.custom_feature_enabled === "boolean" ? message.custom_feature_enabled : null,
  };
}
