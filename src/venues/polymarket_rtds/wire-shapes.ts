import type { MessageType, Shape, Wire } from "../wire-shape.ts";

const DOCS = "docs.polymarket.com/market-data/websocket/rtds";
const price: Shape = { timestamp: "whole", value: "number|decimal", "full_accuracy_value?": "decimal" };

function prices(payload: Shape): Shape {
  return { topic: "text", type: "text", timestamp: "whole", "connection_id?": "text", payload };
}

const PRICES: MessageType = {
  source: DOCS,
  makesRow: true,
  // An update; and the last minutes of one symbol, with which a subscription may begin.
  shapes: [
    prices({ symbol: "text", ...price }),
    prices({ "symbol?": "text", data: [{ "symbol?": "text", ...price }] }),
  ],
};

const TOPIC = Buffer.from('{"topic":"');
const QUOTE = 34;
const BRACE = 123;

/** Messages of Polymarket's Real-Time Data Socket as the interpreter knows them; `PONG` and empty frames are none. */
export const rtdsWire: Wire = {
  types: { crypto_prices: PRICES, crypto_prices_chainlink: PRICES },
  typeOf(frame: Buffer): string | null {
    if (frame[0] !== BRACE) return null;
    if (!frame.subarray(0, TOPIC.length).equals(TOPIC)) return "";
    const end = frame.indexOf(QUOTE, TOPIC.length);
    return end < 0 || end - TOPIC.length > 60 ? "" : frame.toString("latin1", TOPIC.length, end);
  },
  messages(frame: unknown) {
    if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return [];
    const { topic } = frame as { readonly topic?: unknown };
    return [{ type: typeof topic === "string" ? topic : "", message: frame }];
  },
};
