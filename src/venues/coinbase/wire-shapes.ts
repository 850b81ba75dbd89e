import type { MessageType, Shape, TypedMessage, Wire } from "../wire-shape.ts";
import { isObject } from "./wire.ts";

const ASYNC_API = "docs.cdp.coinbase.com, Advanced Trade AsyncAPI; captures of June to September 2026";
const EXCHANGE = "docs.cdp.coinbase.com, Exchange WebSocket channels; capture of April 2021";

/** Keys around every message of Advanced Trade. `client_id` is in the prose and in old samples only. */
function advanced(event: Shape): Shape {
  return { channel: "text", timestamp: "text", sequence_num: "whole", "client_id?": "text", events: [event] };
}

const advancedTicker: Shape = advanced({
  type: "text",
  tickers: [
    {
      type: "text",
      product_id: "text",
      price: "decimal",
      volume_24_h: "decimal",
      low_24_h: "decimal",
      high_24_h: "decimal",
      low_52_w: "decimal",
      high_52_w: "decimal",
      price_percent_chg_24_h: "decimal",
      // `ticker_batch` comes without them.
      "best_bid?": "decimal",
      "best_ask?": "decimal",
      "best_bid_quantity?": "decimal",
      "best_ask_quantity?": "decimal",
    },
  ],
});

const exchangeTicker: Shape = {
  type: "text",
  sequence: "whole",
  product_id: "text",
  price: "decimal",
  open_24h: "decimal",
  volume_24h: "decimal",
  low_24h: "decimal",
  high_24h: "decimal",
  volume_30d: "decimal",
  best_bid: "decimal",
  "best_bid_size?": "decimal",
  best_ask: "decimal",
  "best_ask_size?": "decimal",
  side: "text",
  time: "text",
  trade_id: "whole",
  last_size: "decimal",
};

const match: MessageType = {
  source: EXCHANGE,
  makesRow: true,
  shapes: [
    {
      type: "text",
      trade_id: "whole",
      maker_order_id: "text",
      taker_order_id: "text",
      side: "text",
      size: "decimal",
      price: "decimal",
      product_id: "text",
      sequence: "whole",
      time: "text",
    },
  ],
};

const types: Readonly<Record<string, MessageType>> = {
  ticker: { source: `${ASYNC_API}; ${EXCHANGE}`, shapes: [advancedTicker, exchangeTicker], makesRow: true },
  ticker_batch: { source: ASYNC_API, shapes: [advancedTicker] },
  market_trades: {
    source: ASYNC_API,
    shapes: [
      advanced({
        type: "text",
        trades: [
          { trade_id: "text", product_id: "text", price: "decimal", size: "decimal", side: "text", time: "text" },
        ],
      }),
    ],
  },
  heartbeats: {
    source: ASYNC_API,
    shapes: [advanced({ current_time: "text", heartbeat_counter: "whole|decimal" })],
  },
  subscriptions: {
    source: `${ASYNC_API}; ${EXCHANGE}`,
    shapes: [
      advanced({ subscriptions: "object" }),
      { type: "text", channels: [{ name: "text", product_ids: "list|null", "account_ids?": "any" }] },
    ],
  },
  match,
  last_match: match,
  heartbeat: {
    source: EXCHANGE,
    shapes: [{ type: "text", sequence: "whole", last_trade_id: "whole", product_id: "text", time: "text" }],
  },
  error: { source: `${ASYNC_API}; ${EXCHANGE}`, shapes: [{ type: "text", message: "text", "reason?": "text" }] },
};

/** The first key of every frame that was seen: `channel` on Advanced Trade, `type` on the Exchange feed. */
const HEADS = [Buffer.from('{"channel":"'), Buffer.from('{"type":"')] as const;
const QUOTE = 34;

function typeOf(frame: Buffer): string {
  for (const head of HEADS) {
    if (!frame.subarray(0, head.length).equals(head)) continue;
    const end = frame.indexOf(QUOTE, head.length);
    return end < 0 || end - head.length > 60 ? "" : frame.toString("latin1", head.length, end);
  }
  return "";
}

/** Coinbase's messages, of both feeds, as the interpreter knows them. */
export const coinbaseWire: Wire = {
  types,
  typeOf,
  messages(frame: unknown): TypedMessage[] {
    if (!isObject(frame)) return [];
    const type = frame["channel"] ?? frame["type"];
    return [{ type: typeof type === "string" ? type : "", message: frame }];
  },
};
