import { ONE } from "../../model/decimal.ts";
import type { Exhibit, ServerRequest, ServerResponse, Trade } from "../server.ts";
import type { PolymarketMarket } from "./server-market.ts";

/**
 * Answers the Data API's trades, newest first: `/trades` (a bare list, camel case, offset) and `/v2/trades` (an
 * envelope, snake case, cursor) (docs.polymarket.com, "Data API"). Only takers' sides, as both give by default.
 */
export class DataRest {
  readonly #exhibit: Exhibit<PolymarketMarket>;

  constructor(exhibit: Exhibit<PolymarketMarket>) {
    this.#exhibit = exhibit;
  }

  answer({ method, path, query }: ServerRequest): ServerResponse {
    const isFirst = path === "/trades";
    if (method !== "GET" || (!isFirst && path !== "/v2/trades")) return { status: 404, body: { error: "not found" } };
    const wanted = query.getAll(isFirst ? "market" : "condition").flatMap((text) => text.split(","));
    const found = this.#exhibit.trades
      .filter(({ market }) => wanted.length === 0 || wanted.includes(market.id))
      .reverse();
    const limit = Number(query.get("limit") ?? 100);
    if (isFirst) {
      const offset = Number(query.get("offset") ?? 0);
      return { status: 200, body: found.slice(offset, offset + Math.min(limit, 10_000)).map(row) };
    }
    if (query.has("offset")) return { status: 400, body: { error: "offset is not supported" } };
    if (limit > 1000) return { status: 400, body: { error: "limit must be at most 1000" } };
    const last = Buffer.from(query.get("cursor") ?? "", "base64url").toString("latin1");
    const from = found.findIndex(({ trade }) => trade.id === last) + 1;
    const shown = found.slice(from, from + limit);
    const more = from + limit < found.length;
    const end = shown.at(-1)?.trade.id ?? "";
    return {
      status: 200,
      body: {
        data: shown.map((item) => snakeCase(row(item))),
        pagination: {
          limit,
          offset: 0,
          has_more: more,
          next_cursor: more ? Buffer.from(end).toString("base64url") : null,
        },
      },
    };
  }
}

function row({ market, trade }: { readonly market: PolymarketMarket; readonly trade: Trade }): Record<string, unknown> {
  const { outcome } = trade;
  return {
    proxyWallet: `0x${trade.hash.slice(2, 42)}`,
    side: trade.taker === outcome ? "BUY" : "SELL",
    asset: market.tokens[outcome],
    conditionId: market.id,
    size: trade.size / ONE,
    price: (outcome === 0 ? trade.price : ONE - trade.price) / ONE,
    timestamp: Math.floor(trade.at / 1_000_000),
    title: market.question,
    slug: market.slug,
    icon: "",
    eventSlug: market.event.slug,
    outcome: market.outcomes[outcome],
    outcomeIndex: outcome,
    name: "",
    pseudonym: "",
    bio: "",
    profileImage: "",
    profileImageOptimized: "",
    transactionHash: trade.hash,
  };
}

function snakeCase(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}
