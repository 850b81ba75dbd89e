import type { MessageType, Shape, TypedMessage, Wire } from "../wire-shape.ts";
import { isObject } from "./fields.ts";

/**
 * Keys around every message. `sending_ts_ms`: since October 2026, "when Kalshi queued the frame" (docs.kalshi.com
 * changelog). `seq`: not on tickers; on lifecycle messages since about July 2026.
 */
function data(msg: Shape): Shape {
  return { type: "text", sid: "whole", "seq?": "whole", "id?": "whole", "sending_ts_ms?": "whole", msg };
}

function answer(rest: Shape): Shape {
  return { type: "text", "id?": "whole", "sid?": "whole", "seq?": "whole", "sending_ts_ms?": "whole", ...rest };
}

const market: Shape = { market_ticker: "text", "market_id?": "text" };
const delta: Shape = { ...market, side: "text", "client_order_id?": "text", "subaccount?": "any" };
const levels = [["decimal"]] as const;
/** Integer cents and counts, and mixtures of them with dollars, until 2026-03-12. */
const oldLevels = [["whole|decimal"]] as const;

const tickerDollars: Shape = { price_dollars: "decimal", yes_bid_dollars: "decimal", yes_ask_dollars: "decimal" };
const tickerCents: Shape = {
  price: "whole",
  yes_bid: "whole",
  yes_ask: "whole",
  volume: "whole",
  open_interest: "whole",
};
const tickerTotals: Shape = { "dollar_volume?": "whole", "dollar_open_interest?": "whole", "Clock?": "whole" };
const tickerCounts = (mark: "" | "?"): Shape => ({
  [`yes_bid_size_fp${mark}`]: "decimal",
  [`yes_ask_size_fp${mark}`]: "decimal",
  [`last_trade_size_fp${mark}`]: "decimal",
  [`volume_fp${mark}`]: "decimal",
  [`open_interest_fp${mark}`]: "decimal",
});

const trade: Shape = { trade_id: "text", ...market, "is_block_trade?": "boolean" };
const tradeDollars: Shape = { yes_price_dollars: "decimal", no_price_dollars: "decimal", count_fp: "decimal" };

const strike: Shape = {
  "strike_type?": "text",
  "floor_strike?": "number|null",
  "cap_strike?": "number|null",
  "custom_strike?": "object|null",
  "yes_sub_title?": "text",
};

const lifecycle: Shape = data({
  market_ticker: "text",
  event_type: "text",
  ...strike,
  "market_id?": "text",
  "open_ts?": "whole",
  "close_ts?": "whole",
  "determination_ts?": "whole",
  "settled_ts?": "whole",
  "result?": "text",
  "settlement_value?": "decimal",
  "is_deactivated?": "boolean",
  "exchange_index?": "whole",
  "price_level_structure?": "text",
  "price_ranges?": [{ start: "decimal", end: "decimal", step: "decimal" }],
  "fractional_trading_enabled?": "boolean",
  "additional_metadata?": {
    ...strike,
    "name?": "text",
    "title?": "text",
    "no_sub_title?": "text",
    "rules_primary?": "text",
    "rules_secondary?": "text",
    "can_close_early?": "boolean",
    "event_ticker?": "text",
    "expected_expiration_ts?": "whole",
  },
});

const ASYNC_API = "docs.kalshi.com/asyncapi.yaml 2.0.0";

const types: Readonly<Record<string, MessageType>> = {
  orderbook_delta: {
    source: `${ASYNC_API}; captures of August 2025 (integers) to August 2026; ts_ms announced 2026-04-15`,
    makesRow: true,
    shapes: [
      data({ ...delta, price_dollars: "decimal", delta_fp: "decimal", "ts?": "text", ts_ms: "whole" }),
      data({ ...delta, price_dollars: "decimal", delta_fp: "decimal", ts: "text" }),
      data({
        ...delta,
        price: "whole",
        price_dollars: "decimal",
        delta: "whole",
        "delta_fp?": "decimal",
        "ts?": "text",
      }),
      data({ ...delta, price: "whole", delta: "whole", "ts?": "text" }),
    ],
  },
  orderbook_snapshot: {
    source: `${ASYNC_API}; captures of May to August 2026: a side without orders is absent`,
    makesRow: true,
    shapes: [
      data({ ...market, "yes_dollars_fp?": levels, "no_dollars_fp?": levels }),
      data({
        ...market,
        "yes?": oldLevels,
        "no?": oldLevels,
        "yes_dollars?": oldLevels,
        "no_dollars?": oldLevels,
        "yes_dollars_fp?": levels,
        "no_dollars_fp?": levels,
      }),
    ],
  },
  ticker: {
    source: `${ASYNC_API}; captures of November 2025 (integers, Clock) to July 2026; ts and time are deprecated`,
    makesRow: true,
    shapes: [
      data({
        ...market,
        ...tickerDollars,
        ...tickerCounts(""),
        ...tickerTotals,
        ts_ms: "whole",
        "ts?": "whole",
        "time?": "text",
      }),
      data({ ...market, ...tickerDollars, ...tickerCounts(""), ...tickerTotals, ts: "whole", "time?": "text" }),
      data({
        ...market,
        ...tickerCents,
        ...tickerDollars,
        ...tickerCounts("?"),
        ...tickerTotals,
        ts: "whole",
        "ts_ms?": "whole",
      }),
      data({ ...market, ...tickerCents, ...tickerTotals, ts: "whole" }),
    ],
  },
  trade: {
    source: `${ASYNC_API}; is_block_trade since 2026-08-13, taker_side and ts are deprecated (changelog)`,
    makesRow: true,
    shapes: [
      data({
        ...trade,
        ...tradeDollars,
        taker_outcome_side: "text",
        taker_book_side: "text",
        "taker_side?": "text",
        ts_ms: "whole",
        "ts?": "whole",
      }),
      data({ ...trade, ...tradeDollars, taker_side: "text", ts: "whole", "ts_ms?": "whole" }),
      data({
        ...trade,
        yes_price: "whole",
        no_price: "whole",
        count: "whole",
        "yes_price_dollars?": "decimal",
        "no_price_dollars?": "decimal",
        "count_fp?": "decimal",
        taker_side: "text",
        ts: "whole",
      }),
    ],
  },
  market_lifecycle_v2: { source: `${ASYNC_API}; captures of October 2025 and July 2026`, shapes: [lifecycle] },
  multivariate_market_lifecycle: { source: ASYNC_API, shapes: [lifecycle] },
  event_lifecycle: {
    source: ASYNC_API,
    shapes: [
      data({
        event_ticker: "text",
        "series_ticker?": "text",
        "title?": "text",
        "subtitle?": "text",
        "exchange_index?": "whole",
        "collateral_return_type?": "text",
        "strike_date?": "whole",
        "strike_period?": "text",
      }),
    ],
  },
  event_fee_update: {
    source: ASYNC_API,
    shapes: [
      data({
        event_ticker: "text",
        "fee_type_override?": "text|null",
        "fee_multiplier_override?": "number|null",
      }),
    ],
  },
  subscribed: {
    source: `${ASYNC_API}; captures of May to August 2026`,
    shapes: [answer({ msg: { channel: "text", sid: "whole" } })],
  },
  ok: { source: `${ASYNC_API}; capture of August 2026`, shapes: [answer({ "msg?": "object|list|null" })] },
  unsubscribed: { source: ASYNC_API, shapes: [answer({ "msg?": "object|null" })] },
  error: {
    source: ASYNC_API,
    shapes: [answer({ msg: { code: "whole", msg: "text", "market_ticker?": "text", "market_tickers?": ["text"] } })],
  },
};

const HEAD = Buffer.from('{"type":"');
const ANYWHERE = Buffer.from('"type":"');
const DELTA = Buffer.from("orderbook_delta");
const QUOTE = 34;

/** `type` is the first key of nearly every frame that was seen on the wire. */
function typeOf(frame: Buffer): string {
  const at = startsWith(frame, HEAD, 0) ? HEAD.length : frame.indexOf(ANYWHERE) + ANYWHERE.length;
  if (at < ANYWHERE.length) return "";
  if (startsWith(frame, DELTA, at) && frame[at + DELTA.length] === QUOTE) return "orderbook_delta";
  const end = frame.indexOf(QUOTE, at);
  return end < 0 || end - at > 60 ? "" : frame.toString("latin1", at, end);
}

function startsWith(frame: Buffer, text: Buffer, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (frame[at + i] !== text[i]) return false;
  return true;
}

/** Kalshi's messages as the interpreter knows them. */
export const kalshiWire: Wire = {
  types,
  typeOf,
  messages(frame: unknown): TypedMessage[] {
    if (!isObject(frame)) return [];
    const { type } = frame;
    return [{ type: typeof type === "string" ? type : "", message: frame }];
  },
};
