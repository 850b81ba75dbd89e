import type { MessageType, Shape, TypedMessage, Wire } from "../wire-shape.ts";
import { isPong } from "./session.ts";
import { isObject, typeByShape } from "./wire.ts";

const CHANNEL = "docs.polymarket.com, market-data/websocket/market-channel";

const levels = [{ price: "decimal", size: "decimal" }] as const;
const message: Shape = { event_type: "text", market: "text", timestamp: "decimal" };
const ofToken: Shape = { ...message, asset_id: "text" };
const event = "object|null";

const types: Readonly<Record<string, MessageType>> = {
  book: {
    source: `${CHANNEL}; captures of 2024 to August 2026; tick_size and last_trade_price in first books only, since early 2026`,
    makesRow: true,
    shapes: [
      {
        ...ofToken,
        hash: "text",
        bids: levels,
        asks: levels,
        "tick_size?": "decimal",
        "last_trade_price?": "decimal",
        "min_order_size?": "decimal",
        "neg_risk?": "boolean",
      },
      // 2024, after its clients.
      { ...ofToken, hash: "text", buys: levels, sells: levels },
    ],
  },
  price_change: {
    source: `${CHANNEL} and its migration guide (2025-09-15); captures of 2024, July and August 2026`,
    makesRow: true,
    shapes: [
      {
        ...message,
        price_changes: [
          {
            asset_id: "text",
            price: "decimal",
            size: "decimal",
            side: "text",
            hash: "text",
            best_bid: "decimal",
            best_ask: "decimal",
          },
        ],
      },
      { ...ofToken, "hash?": "text", changes: [{ price: "decimal", side: "text", size: "decimal" }] },
      { ...ofToken, "hash?": "text", price: "decimal", side: "text", size: "decimal" },
    ],
  },
  last_trade_price: {
    source: `${CHANNEL}; captures of July and August 2026: transaction_hash may be missing or empty`,
    makesRow: true,
    shapes: [
      {
        ...ofToken,
        price: "decimal",
        size: "decimal",
        side: "text",
        "fee_rate_bps?": "decimal",
        "transaction_hash?": "text",
      },
    ],
  },
  tick_size_change: {
    source: CHANNEL,
    shapes: [{ ...ofToken, old_tick_size: "decimal", new_tick_size: "decimal", "side?": "text" }],
  },
  best_bid_ask: {
    source: `${CHANNEL}; capture of August 2026`,
    shapes: [{ ...ofToken, best_bid: "decimal", best_ask: "decimal", "spread?": "decimal" }],
  },
  new_market: {
    source: `${CHANNEL}; @polymarket/client 0.2.0; netqo's measurements of August 2026`,
    shapes: [
      {
        ...message,
        id: "text",
        "question?": "text",
        "condition_id?": "text",
        "slug?": "text",
        "description?": "text",
        assets_ids: ["text"],
        "clob_token_ids?": ["text"],
        outcomes: ["text"],
        "event_message?": event,
        "tags?": ["text"],
        "active?": "boolean",
        "sports_market_type?": "text|null",
        "line?": "decimal|number|null",
        "game_start_time?": "text|whole|null",
        "order_price_min_tick_size?": "decimal|number|null",
        "group_item_title?": "text|null",
        "taker_base_fee?": "decimal|whole|null",
        "fees_enabled?": "boolean",
        "fee_schedule?": event,
      },
    ],
  },
  market_resolved: {
    source: `${CHANNEL}; capture of 2026-08-19`,
    shapes: [
      {
        ...message,
        id: "text",
        assets_ids: ["text"],
        winning_asset_id: "text",
        winning_outcome: "text",
        "event_message?": event,
        "tags?": ["text"],
        "question?": "text",
        "slug?": "text",
        "description?": "text",
        "outcomes?": ["text"],
      },
    ],
  },
};

const EVENT_TYPE = Buffer.from('"event_type":"');
const QUOTE = 34;

/** Polymarket's messages as the interpreter knows them. */
export const polymarketWire: Wire = {
  types,
  /** `event_type` is the last key of most frames, so it is looked for from the end. */
  typeOf(frame: Buffer): string | null {
    const at = frame.lastIndexOf(EVENT_TYPE) + EVENT_TYPE.length;
    if (at < EVENT_TYPE.length) return isPong(frame) ? null : "";
    const end = frame.indexOf(QUOTE, at);
    return end < 0 || end - at > 60 ? "" : frame.toString("latin1", at, end);
  },
  messages(frame: unknown): TypedMessage[] {
    const all: readonly unknown[] = Array.isArray(frame) ? frame : [frame];
    return all.filter(isObject).map((each) => {
      const type = each["event_type"] ?? typeByShape(each);
      return { type: typeof type === "string" ? type : "", message: each };
    });
  },
};
