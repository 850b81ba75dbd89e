import { shown } from "./levels.ts";
import { anyTime, decimal, decimalText, isBuy, isObject, sizeOf, text } from "./wire.ts";
import type { Emitter } from "./emitter.ts";
import { TradeIds } from "./trade-id.ts";
import { ONE } from "../../model/decimal.ts";
import type { Millionths } from "../../model/decimal.ts";

/**
 * Reads rows of the Data API's `/trades` (camel case) and `/v2/trades` (snake case). The price of a taker's order that
 * met several makers is an average computed in floats: with more than six decimals it stays text in `priceReported`.
 * With `takerOnly=false` in the URL a row's side may be a maker's, so the taker's is not known.
 */
export function tradeHistory(emitter: Emitter, rows: readonly unknown[], takersOnly: boolean): void {
  const ids = new TradeIds();
  for (const row of rows) {
    if (!isObject(row)) {
      emitter.quarantine("missing_field", `a trade that is ${shown(row)}`);
      continue;
    }
    const market = text(row["conditionId"] ?? row["condition_id"] ?? row["condition"]);
    const token = text(row["asset"] ?? row["asset_id"] ?? row["token_id"]);
    if (market === null || token === null) {
      emitter.quarantine("missing_field", "a trade without conditionId or asset", market, token);
      continue;
    }
    const reported = decimalText(row["price"]);
    const exact = decimal(row["price"]);
    const size = shares(row["size"]);
    const value = Number(reported ?? Number.NaN);
    if (Number.isNaN(size) || !(value >= 0 && value <= 1) || (exact !== null && exact > ONE)) {
      emitter.quarantine(
        "bad_number",
        `a trade of price ${shown(row["price"])}, size ${shown(row["size"])}`,
        market,
        token,
      );
      continue;
    }
    const buy = isBuy(row["side"]);
    const side = buy === null || !takersOnly ? null : buy ? "buy" : "sell";
    const timestamp = row["timestamp"] ?? row["block_timestamp"];
    const transactionHash = text(row["transactionHash"] ?? row["transaction_hash"]);
    const priceReported = exact === null ? reported : null;
    emitter.emit({
      type: "trade",
      instrument: emitter.instrument(market, token),
      tradeId: ids.next({
        token,
        price: exact,
        priceReported,
        size,
        side,
        transactionHash,
        timestamp: decimalText(timestamp) ?? "",
      }),
      ts: anyTime(timestamp),
      price: exact,
      size,
      takerSide: side,
      source: "history",
      isBlock: null,
      isAggregate: priceReported === null ? null : true,
      transactionHash,
      priceReported,
    });
  }
}

/**
 * A number of shares. Shares are whole millionths on the chain, and the API adds fills up in floats: a sum that misses
 * a whole millionth by no more than such an addition does (206.60124000000002) is that millionth, anything else NaN.
 */
function shares(value: unknown): Millionths {
  const exact = sizeOf(value);
  if (!Number.isNaN(exact) || typeof value !== "number") return exact;
  const nearest = Math.round(value * ONE);
  const error = Math.abs(value - nearest / ONE);
  return value >= 0 && Number.isSafeInteger(nearest) && error <= value * Number.EPSILON * 4 ? nearest : Number.NaN;
}
