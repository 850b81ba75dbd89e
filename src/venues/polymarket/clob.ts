import { marketFacts, outcomesJson, tickSizesJson } from "./facts.ts";
import { pick } from "./gamma.ts";
import { anyTime, decimalText, isObject, text } from "./wire.ts";
import type { WireObject } from "./wire.ts";
import { ONE } from "../../model/decimal.ts";
import type { MarketFacts } from "../../model/events.ts";

/** What CLOB REST says of a market, for the facts and for the book hash. */
export interface ClobMarket {
  readonly facts: MarketFacts;
  readonly tokens: readonly string[];
  readonly minOrderSize: string | null;
  readonly tickSize: string | null;
  readonly negRisk: boolean | null;
}

/** `GET /markets/{conditionId}` of the CLOB: `tokens[].winner` says how a closed market ended. Null: no such object. */
export function clobMarket(market: WireObject): ClobMarket | null {
  const conditionId = text(market["condition_id"]);
  if (conditionId === null) return null;
  const tokens = tokensOf(market["tokens"], "token_id", "outcome");
  const winner = tokens.find(({ wins }) => wins);
  const isClosed = market["closed"] === true;
  const isOpen = !isClosed && market["accepting_orders"] === true;
  const tickSize = decimalText(market["minimum_tick_size"]);
  return {
    facts: marketFacts({
      market: conditionId,
      slug: text(market["market_slug"]),
      title: text(market["question"]),
      status: isClosed ? (winner === undefined ? "closed" : "settled") : isOpen ? "open" : null,
      venueStatus: isClosed ? "closed" : isOpen ? "accepting_orders" : null,
      openAt: anyTime(market["accepting_order_timestamp"]),
      closeAt: anyTime(market["end_date_iso"]),
      result: isClosed ? (winner?.name ?? null) : null,
      settlementValue: isClosed && winner !== undefined ? (winner === tokens[0] ? ONE : 0) : null,
      tickSizes: tickSizesJson(tickSize),
      fee: pick(market, ["maker_base_fee", "taker_base_fee"]),
      outcomes: outcomesOf(tokens),
      rules: text(market["description"]),
      raw: JSON.stringify(market),
    }),
    tokens: tokens.map(({ token }) => token),
    minOrderSize: decimalText(market["minimum_order_size"]),
    tickSize,
    negRisk: market["neg_risk"] === true ? true : market["neg_risk"] === false ? false : null,
  };
}

/**
 * `GET /clob-markets/{conditionId}`, one letter a field: `c` condition, `t` tokens, `mts` tick, `mos` least order,
 * `nr` neg-risk (absent where false), `fd` fee, `ao` accepting orders, `aot` since when. Null: no such object.
 */
export function compactMarket(market: WireObject): ClobMarket | null {
  const conditionId = text(market["c"]);
  if (conditionId === null) return null;
  const tokens = tokensOf(market["t"], "t", "o");
  const tickSize = decimalText(market["mts"]);
  return {
    facts: marketFacts({
      market: conditionId,
      status: market["ao"] === true ? "open" : null,
      venueStatus: market["ao"] === true ? "accepting_orders" : null,
      openAt: anyTime(market["aot"]),
      tickSizes: tickSizesJson(tickSize),
      fee: pick(market, ["fd", "mbf", "tbf"]),
      outcomes: outcomesOf(tokens),
      raw: JSON.stringify(market),
    }),
    tokens: tokens.map(({ token }) => token),
    minOrderSize: decimalText(market["mos"]),
    tickSize,
    negRisk: market["nr"] === true,
  };
}

interface Token {
  readonly token: string;
  readonly name: string | null;
  readonly wins: boolean;
}

function tokensOf(list: unknown, id: string, name: string): Token[] {
  const tokens: Token[] = [];
  for (const entry of Array.isArray(list) ? (list as readonly unknown[]) : []) {
    if (!isObject(entry)) continue;
    const token = text(entry[id]);
    // A market that is not on the order book yet has empty token ids.
    if (token !== null) tokens.push({ token, name: text(entry[name]), wins: entry["winner"] === true });
  }
  return tokens;
}

function outcomesOf(tokens: readonly Token[]): string | null {
  const names = tokens.flatMap(({ name }) => (name === null ? [] : [name]));
  return outcomesJson(
    tokens.map(({ token }) => token),
    names,
  );
}
