import { isDeepStrictEqual } from "node:util";
import type { TrueFrame } from "./truth.ts";

/** Millionths of dollars → millionths of contracts, by side. */
export interface TrueBook {
  readonly bid: Map<number, number>;
  readonly ask: Map<number, number>;
}

/** A complete book as a frame states it. */
interface Stated {
  readonly key: string;
  readonly book: TrueBook;
  /** The book may be another one now: a pause ended, the market was cleared, or nobody was subscribed for a moment. */
  readonly isNew: boolean;
}

type Message = Readonly<Record<string, unknown>>;

const ONE = 1_000_000;
export const millionths = (text: string): number => Math.round(Number(text) * ONE);

/** The name of one book: Kalshi's in YES terms, Polymarket's per token. */
export function bookKey(venue: string, market: string, outcome: string): string {
  return `${venue}/${market}/${venue === "kalshi" ? "yes" : outcome}`;
}

/** The side and price of a level in the terms of the tables: a NO bid at P is an ask at 1 − P. */
export function levelOf(venue: string, level: { outcome: string; side: "bid" | "ask"; price: string }) {
  const price = millionths(level.price);
  return venue === "kalshi" && level.outcome === "no"
    ? ({ side: "ask", price: ONE - price } as const)
    : ({ side: level.side, price } as const);
}

function messages(frame: TrueFrame): Message[] {
  const text = frame.original ?? frame.bytes.toString("utf8");
  if (!text.startsWith("{") && !text.startsWith("[")) return [];
  const value = JSON.parse(text) as Message | Message[];
  return Array.isArray(value) ? value : [value];
}

/** Sequence number's subscription of a Kalshi frame, null where it has none. */
export function sidOf(frame: TrueFrame): number | null {
  const [message] = messages(frame);
  return typeof message?.["sid"] === "number" ? message["sid"] : null;
}

/** The subscription that a Kalshi frame grants, null where it grants none. */
export function grantOf(frame: TrueFrame): { readonly sid: number; readonly channel: string } | null {
  const [message] = messages(frame);
  if (message?.["type"] !== "subscribed") return null;
  const { sid, channel } = message["msg"] as { sid: number; channel: string };
  return { sid, channel };
}

/** The markets, or Coinbase's products, that a frame speaks of. */
export function marketsOf(venue: string, frame: TrueFrame): string[] {
  if (venue === "coinbase") {
    const text = frame.original ?? frame.bytes.toString("utf8");
    return [...new Set(Array.from(text.matchAll(/"product_id":"([^"]+)"/g), ([, product = ""]) => product))];
  }
  const names = messages(frame).map((message) =>
    venue === "kalshi" ? (message["msg"] as Message | undefined)?.["market_ticker"] : message["market"],
  );
  return [...new Set(names.filter((name) => typeof name === "string"))];
}

/** The markets of those messages in a damaged list that the damage reached; of all where they cannot be told apart. */
export function damagedMarkets(venue: string, frame: TrueFrame): string[] {
  const [was, is] = [messages(frame), messages({ ...frame, original: null })];
  if (was.length !== is.length) return marketsOf(venue, frame);
  const hit = was.filter((message, i) => !isDeepStrictEqual(message, is[i]));
  return [...new Set(hit.map((message) => message["market"]).filter((name) => typeof name === "string"))];
}

/** The books that a frame says something of: those that are unknown when it is lost. */
export function booksTouched(venue: string, frame: TrueFrame): string[] {
  return messages(frame).flatMap((message) => {
    if (venue === "kalshi") {
      const msg = message["msg"] as Message | undefined;
      const isBook = message["type"] === "orderbook_delta" || message["type"] === "orderbook_snapshot";
      return isBook && msg !== undefined ? [bookKey(venue, String(msg["market_ticker"]), "yes")] : [];
    }
    const changes = (message["price_changes"] ?? []) as Message[];
    const assets =
      message["event_type"] === "book" ? [message["asset_id"]] : changes.map((change) => change["asset_id"]);
    return [...new Set(assets.map((asset) => bookKey(venue, String(message["market"]), String(asset))))];
  });
}

/** The changes of a damaged Polymarket frame that the damage did not reach. */
export function soundChanges(frame: TrueFrame) {
  const changes = (of: TrueFrame) =>
    messages(of).flatMap((message) =>
      ((message["price_changes"] ?? []) as Readonly<Record<string, string>>[]).map((change) => ({
        market: String(message["market"]),
        change,
      })),
    );
  const read = new Set(changes({ ...frame, original: null }).map((each) => JSON.stringify(each)));
  return changes(frame)
    .filter((each) => read.has(JSON.stringify(each)))
    .map(({ market, change: { asset_id: asset = "", side, price = "", size = "" } }) => ({
      key: bookKey("polymarket", market, asset),
      side: side === "BUY" ? ("bid" as const) : ("ask" as const),
      price: millionths(price),
      size: millionths(size),
    }));
}

/** A Kalshi frame by which the venue ends a subscription: what happens until the next one is sent to nobody. */
export function endsSubscription(venue: string, frame: TrueFrame): boolean {
  return venue === "kalshi" && messages(frame).some(({ type, sid }) => type === "error" && sid !== undefined);
}

/** The complete books in a frame, as the venue's documentation reads them: written apart from the product's parsers. */
export function statedBooks(venue: string, frame: TrueFrame): Stated[] {
  // Polymarket answers a subscription with a list.
  const isAnswer = frame.bytes[0] === 91;
  return messages(frame).flatMap((message): Stated[] => {
    if (venue === "kalshi") {
      if (message["type"] !== "orderbook_snapshot") return [];
      const msg = message["msg"] as Message;
      const levels = (name: string) => (msg[name] ?? []) as [string, string][];
      const bid = new Map(levels("yes_dollars_fp").map(([price, size]) => [millionths(price), millionths(size)]));
      const ask = new Map(levels("no_dollars_fp").map(([price, size]) => [ONE - millionths(price), millionths(size)]));
      const key = bookKey(venue, String(msg["market_ticker"]), "yes");
      return [{ key, book: { bid, ask }, isNew: message["id"] === undefined }];
    }
    if (message["event_type"] !== "book") return [];
    const levels = (name: string) =>
      new Map(
        (message[name] as { price: string; size: string }[]).map(({ price, size }) => [
          millionths(price),
          millionths(size),
        ]),
      );
    const key = bookKey(venue, String(message["market"]), String(message["asset_id"]));
    return [{ key, book: { bid: levels("bids"), ask: levels("asks") }, isNew: isAnswer }];
  });
}
