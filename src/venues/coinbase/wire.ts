import { isUtf8 } from "node:buffer";
import { canonical } from "./products.ts";

/** A JSON object of the venue: nothing is known of it before it is looked at. */
export type WireObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is WireObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects in a list; empty where there is no list. */
export function objects(value: unknown): readonly WireObject[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isObject) : [];
}

/** The texts in a list; empty where there is no list. */
export function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as unknown[]).filter((item) => typeof item === "string") : [];
}

/** A whole number, sent as a JSON number or (older samples) as text; null for anything else. */
export function integer(value: unknown): number | null {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
}

/** A frame, or why it is none. */
export type Decoded = { readonly frame: WireObject } | { readonly reason: string; readonly detail: string };

export function decode(bytes: Buffer): Decoded {
  if (!isUtf8(bytes)) return { reason: "invalid_utf8", detail: `${bytes.length} bytes` };
  let frame: unknown;
  try {
    frame = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    return { reason: "malformed_json", detail: error instanceof Error ? error.message.slice(0, 200) : "" };
  }
  if (isObject(frame)) return { frame };
  return { reason: "not_an_object", detail: `the frame is ${JSON.stringify(frame).slice(0, 100)}` };
}

/** How a feed names channels and writes commands: one channel in one command, which both feeds take. */
export interface Dialect {
  readonly format: string;
  readonly ticker: string;
  readonly trades: string;
  readonly heartbeats: string;
  /** What is asked for on the heartbeats' channel so that those of these products come. */
  heartbeatsOf(products: readonly string[]): readonly string[];
  command(type: "subscribe" | "unsubscribe", channel: string, products: readonly string[]): string;
}

export const dialects: Readonly<Record<"advanced" | "exchange", Dialect>> = {
  advanced: {
    format: "coinbase-advanced",
    ticker: "ticker",
    trades: "market_trades",
    heartbeats: "heartbeats",
    // The channel takes no products, and acknowledgements list it as its own.
    heartbeatsOf: (products) => (products.length > 0 ? ["heartbeats"] : []),
    command: (type, channel, products) =>
      JSON.stringify({ type, channel, ...(channel === "heartbeats" ? {} : { product_ids: products }) }),
  },
  exchange: {
    format: "coinbase-exchange",
    ticker: "ticker",
    trades: "matches",
    heartbeats: "heartbeat",
    heartbeatsOf: (products) => products,
    command: (type, channel, products) => JSON.stringify({ type, product_ids: products, channels: [channel] }),
  },
};

/** What a command asks for, of either feed: channel → products, as they were asked for. Null where it is no command. */
export function asked(
  frame: WireObject,
): { readonly unsubscribe: boolean; readonly channels: ReadonlyMap<string, readonly string[]> } | null {
  const { type, channel, channels, product_ids } = frame;
  if (type !== "subscribe" && type !== "unsubscribe") return null;
  const products = texts(product_ids);
  const named = new Map<string, readonly string[]>();
  if (typeof channel === "string") named.set(channel, products);
  for (const each of Array.isArray(channels) ? (channels as unknown[]) : []) {
    if (typeof each === "string") named.set(each, products);
    else if (isObject(each) && typeof each["name"] === "string") {
      named.set(each["name"], "product_ids" in each ? texts(each["product_ids"]) : products);
    }
  }
  return { unsubscribe: type === "unsubscribe", channels: named };
}

/**
 * What an acknowledgement lists, of either feed: channel → canonical products. Every one lists all that is in force, so a
 * product that is not in it was left out (docs.cdp.coinbase.com, Advanced Trade AsyncAPI). Null where it is none.
 */
export function acknowledged(frame: WireObject): ReadonlyMap<string, ReadonlySet<string>> | null {
  const listed = new Map<string, ReadonlySet<string>>();
  if (frame["channel"] === "subscriptions") {
    for (const { subscriptions } of objects(frame["events"])) {
      if (!isObject(subscriptions)) continue;
      for (const [channel, products] of Object.entries(subscriptions)) {
        listed.set(channel, new Set(texts(products).map(canonical)));
      }
    }
    return listed;
  }
  if (frame["type"] !== "subscriptions") return null;
  for (const { name, product_ids } of objects(frame["channels"])) {
    if (typeof name === "string") listed.set(name, new Set(texts(product_ids).map(canonical)));
  }
  return listed;
}
