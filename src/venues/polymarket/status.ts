import { decimal, strings, text } from "./wire.ts";
import type { WireObject } from "./wire.ts";
import { ONE } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";
import type { MarketStatus } from "../../model/market-status.ts";

/** What a market object says about where the market stands. */
export interface Standing {
  readonly status: MarketStatus | null;
  /** The venue's own word: UMA's, or the name of the flag that decides. */
  readonly venueStatus: string | null;
  /** Label of the outcome that won; null while there is none, and where the payout was split. */
  readonly result: string | null;
  /** What a share of the first outcome was paid. */
  readonly settlementValue: Millionths | null;
}

/**
 * Where a Gamma market stands. `closed` with UMA's `resolved`, or with a payout of exactly one outcome, is `settled`
 * (all 292 BTC five-minute markets of 2026-07-23 ended so; `active` stays true); `closed` alone is `closed`. UMA's
 * `disputed` is `disputed`, its `proposed` is `determined` once trading has stopped (it goes on in some: capture of
 * 2026-04). Else `acceptingOrders` decides between `open` and `paused`, or `unopened` while it has never accepted any.
 * Payouts are `outcomePrices`, which in an open market are trading prices.
 */
export function standingOf(market: WireObject): Standing {
  const uma = text(market["umaResolutionStatus"]);
  const closed = market["closed"] === true;
  const prices = strings(market["outcomePrices"]);
  const winner = closed && prices !== null ? winnerOf(prices) : -1;
  if (closed && (uma === "resolved" || winner >= 0)) {
    return {
      status: "settled",
      venueStatus: uma ?? "closed",
      result: winner < 0 ? null : (strings(market["outcomes"])?.[winner] ?? null),
      settlementValue: decimal(prices?.[0]),
    };
  }
  const [status, venueStatus] = statusWords(market, uma, closed);
  return { status, venueStatus, result: null, settlementValue: null };
}

function statusWords(
  market: WireObject,
  uma: string | null,
  closed: boolean,
): readonly [MarketStatus | null, string | null] {
  if (uma === "disputed") return ["disputed", uma];
  if (uma === "resolved" || (uma === "proposed" && market["acceptingOrders"] !== true)) return ["determined", uma];
  if (closed) return ["closed", uma ?? "closed"];
  if (market["archived"] === true) return ["closed", "archived"];
  if (market["acceptingOrders"] === true) return ["open", uma ?? "accepting_orders"];
  if (market["active"] === false) return ["unopened", "inactive"];
  if (market["acceptingOrders"] !== false) return [null, market["active"] === true ? "active" : null];
  return [text(market["acceptingOrdersTimestamp"]) === null ? "unopened" : "paused", "not_accepting_orders"];
}

/** The only outcome that is paid a whole dollar while the others get nothing; -1 where there is none. */
function winnerOf(prices: readonly string[]): number {
  const values = prices.map(decimal);
  const winner = values.indexOf(ONE);
  return values.every((value, index) => (index === winner ? value === ONE : value === 0)) ? winner : -1;
}
