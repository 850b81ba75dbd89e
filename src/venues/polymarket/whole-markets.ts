import { hash } from "node:crypto";
import { marketFacts, outcomesJson, tickSizesJson } from "./facts.ts";
import { decimalText, isObject, millisTime, strings, text } from "./wire.ts";
import type { WireObject } from "./wire.ts";
import { pick } from "./gamma.ts";
import type { Connection } from "./connection.ts";
import type { Emitter } from "./emitter.ts";
import type { MarketStates } from "./market-state.ts";
import type { MarketFacts } from "../../model/events.ts";

/** Announcements that are remembered, so that repeats are seen as such. */
const RECENT = 2048;

/**
 * Messages about a market as a whole, which every connection gets whatever it subscribed to: `new_market` and
 * `market_resolved`. Both are repeated, `new_market` more than a hundred times: only new content makes events.
 */
export class WholeMarkets {
  readonly #emitter: Emitter;
  readonly #markets: MarketStates;
  /** Market and type → hash of the content without its timestamp. */
  readonly #recent = new Map<string, string>();

  constructor(emitter: Emitter, markets: MarketStates) {
    this.#emitter = emitter;
    this.#markets = markets;
  }

  /** `new_market`. */
  created(message: WireObject): void {
    const market = marketOf(message);
    if (market === null) return this.#emitter.quarantine("missing_field", "a new_market without market");
    if (this.#isRepeat(market, message)) return;
    const tokens = tokensOf(message);
    this.#emitter.emit(
      marketFacts({
        market,
        ...identity(message),
        subtitle: text(message["group_item_title"]),
        tickSizes: tickSizesJson(decimalText(message["order_price_min_tick_size"])),
        fee: pick(message, ["fees_enabled", "fee_schedule", "taker_base_fee"]),
        outcomes: outcomesJson(tokens, strings(message["outcomes"])),
        raw: JSON.stringify(message),
      }),
    );
    this.#lifecycle(market, message, "new_market");
  }

  /** `market_resolved`: the payout is fixed, nothing more happens to the market's books. */
  resolved(connection: Connection, message: WireObject): void {
    const market = marketOf(message);
    if (market === null) return this.#emitter.quarantine("missing_field", "a market_resolved without market");
    const tokens = tokensOf(message) ?? [];
    for (const token of tokens)
      if (connection.tokens.get(token)?.subscription === null) connection.tokens.delete(token);
    if (this.#isRepeat(market, message)) return;
    const result = text(message["winning_outcome"]);
    this.#emitter.emit(
      marketFacts({
        market,
        ...identity(message),
        status: "settled",
        venueStatus: "market_resolved",
        settledAt: millisTime(message["timestamp"]),
        result,
        outcomes: outcomesJson(tokens, strings(message["outcomes"])),
        raw: JSON.stringify(message),
      }),
    );
    this.#lifecycle(market, message, "market_resolved");
    // Every resolution of the whole venue arrives here: only markets that were named before are kept in mind.
    const state = this.#markets.find(market);
    if (state !== undefined) state.status = "settled";
  }

  save(): unknown {
    return [...this.#recent];
  }

  restore(saved: unknown): void {
    for (const [name, content] of saved as [string, string][]) this.#recent.set(name, content);
  }

  #lifecycle(market: string, message: WireObject, kind: "new_market" | "market_resolved"): void {
    this.#emitter.emit({
      type: "lifecycle",
      instrument: this.#emitter.instrument(market, null),
      ts: millisTime(message["timestamp"]),
      fromStatus: kind === "new_market" ? null : (this.#markets.find(market)?.status ?? null),
      toStatus: kind === "new_market" ? null : "settled",
      kind,
      detail: JSON.stringify(message),
    });
  }

  #isRepeat(market: string, message: WireObject): boolean {
    const { timestamp: _, ...rest } = message;
    const name = `${String(message["event_type"])} ${market}`;
    const content = hash("sha1", JSON.stringify(rest), "hex");
    if (this.#recent.get(name) === content) return true;
    this.#recent.delete(name);
    this.#recent.set(name, content);
    if (this.#recent.size > RECENT) {
      for (const oldest of this.#recent.keys()) {
        this.#recent.delete(oldest);
        break;
      }
    }
    return false;
  }
}

function marketOf(message: WireObject): string | null {
  return text(message["market"]) ?? text(message["condition_id"]);
}

function tokensOf(message: WireObject): readonly string[] | null {
  return strings(message["assets_ids"]) ?? strings(message["clob_token_ids"]);
}

function identity(message: WireObject): Pick<MarketFacts, "eventId" | "slug" | "title" | "rules"> {
  const event = message["event_message"];
  return {
    eventId: isObject(event) ? text(event["id"]) : null,
    slug: text(message["slug"]),
    title: text(message["question"]),
    rules: text(message["description"]),
  };
}
