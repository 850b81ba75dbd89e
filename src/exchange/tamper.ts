/** What a fault makes of a frame's text; pure, and the same for every venue where nothing else is said. */

/** Fields without which a change or a trade says nothing: Kalshi's, Polymarket's, Coinbase's. */
const REQUIRED = ["delta_fp", "count_fp", "price_changes", "new_quantity", "product_id", "asset_id"];
const QUOTED_NUMBER = /"(delta_fp|count_fp|size|new_quantity|price)":("-?[\d.]+")/;

/** A frame that was cut on its way. */
export function cut(text: string): string {
  return text.slice(0, Math.ceil(text.length * 0.6));
}

/** 0xFF is in no UTF-8 text; it lands inside the first quoted word. */
export function breakUtf8(text: string): Buffer {
  const bytes = Buffer.from(text);
  bytes[Math.min(3, bytes.length - 1)] = 0xff;
  return bytes;
}

/** A field that nobody knows, at the end of the last object. */
export function addField(text: string): string | null {
  const end = text.lastIndexOf("}");
  return end < 0 ? null : `${text.slice(0, end)},"added_field":{"since":"2026-12-01"}${text.slice(end)}`;
}

/** A required field under another name; null where the frame has none. */
export function renameField(text: string): string | null {
  const name = REQUIRED.find((field) => text.includes(`"${field}":`));
  return name === undefined ? null : text.replace(`"${name}":`, `"${name}_v2":`);
}

/** A decimal text that became an object; null where the frame has none. */
export function retypeField(text: string): string | null {
  return QUOTED_NUMBER.test(text) ? text.replace(QUOTED_NUMBER, '"$1":{"value":$2}') : null;
}

/** A message of a type that did not exist yesterday. */
export function unknownMessage(venue: string, n: number): string {
  if (venue === "kalshi")
    return `{"type":"orderbook_imbalance","msg":{"market_ticker":"NEW-${n}","imbalance":"0.10"}}\n`;
  const name = venue === "polymarket" ? "event_type" : "type";
  return JSON.stringify({ [name]: "book_imbalance", id: String(n), imbalance: "0.10" });
}
