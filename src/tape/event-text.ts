import { formatMillionths, formatSpot } from "../model/decimal.ts";
import type { Levels } from "../model/events.ts";
import { formatTime } from "../model/time.ts";
import { placeOf, type TapeEvent } from "./journal-events.ts";

/** One line for people. */
export function eventLine(event: TapeEvent): string {
  const { venue, market, outcome } = placeOf(event);
  const time = event.receivedAt === null ? "–".padEnd(27) : formatTime(event.receivedAt);
  const where = [venue, market, outcome === "yes" || outcome === null ? null : shorten(outcome, 12)].filter(
    (part) => part !== null && part !== "",
  );
  return `${time}  ${event.type.padEnd(13)}  ${where.join(" ")}  ${whatHappened(event)}`.trimEnd();
}

function whatHappened(event: TapeEvent): string {
  switch (event.type) {
    case "book_delta": {
      const change = event.change === null ? "" : ` ${event.change >= 0 ? "+" : ""}${num(event.change)}`;
      return `${event.side} ${num(event.price)}${change}${event.size === null ? "" : ` = ${num(event.size)}`}`;
    }
    case "book_snapshot":
      return `${side(event.bids)} | ${side(event.asks)}, ${event.bids.prices.length} bids, ${event.asks.prices.length} asks`;
    case "quote":
      return `${num(event.bid)} | ${num(event.ask)}, last ${num(event.lastPrice)}, volume ${num(event.volume)}`;
    case "trade":
      return `${event.takerSide ?? "?"} ${num(event.size)} at ${event.priceReported ?? num(event.price)} (${event.source})`;
    case "lifecycle":
      return `${event.fromStatus ?? "?"} → ${event.toStatus ?? "?"} (${event.kind})`;
    case "market":
    case "event":
    case "series":
      return `${event.type === "market" ? (event.venueStatus ?? "") : event.type === "event" ? event.eventId : event.seriesId} ${event.title ?? ""}`.trim();
    case "gap_opened":
      return `${event.cause} (${event.confidence}) ${JSON.stringify(event.evidence)}`;
    case "gap_closed":
      return event.key;
    case "subscription":
      return `${event.channel} ${event.endedAt === null ? "subscribed" : `ended: ${event.reason ?? ""}`}`;
    case "book_witness":
      return `${side(event.bids)} | ${side(event.asks)}, over REST`;
    case "top_of_book":
      return `${num(event.bid)} | ${num(event.ask)}`;
    case "spot_tick":
      return `${spot(event.price)} (${spot(event.bid)} | ${spot(event.ask)})${event.isStale ? " stale" : ""}`;
    case "spot_trade":
      return `${event.side ?? "?"} ${spot(event.size)} at ${spot(event.price)}`;
    case "quarantine":
      return `${event.reason}: ${event.detail}`;
  }
}

/** One line of JSON: names in snake case, prices and sizes as decimal text, times as UTC text. */
export function eventJson(event: TapeEvent): string {
  const format = event.type.startsWith("spot_") ? formatSpot : formatMillionths;
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(event)) {
    if (key === "instrument") {
      const { venue, market, outcome } = placeOf(event);
      Object.assign(plain, { venue, market_id: market, outcome_id: outcome });
    } else if (key === "books") continue;
    else plain[NAMES[key] ?? snake(key)] = shown(key, value, format);
  }
  return JSON.stringify(plain);
}

const NAMES: Readonly<Record<string, string>> = { market: "market_id", outcome: "outcome_id", volume24h: "volume_24h" };
const TIMES: ReadonlySet<string> = new Set(["ts", "receivedAt", "from", "to", "strikeDate"]);
const PLAIN: ReadonlySet<string> = new Set(["frame", "seq", "epoch", "sid", "sequence"]);

function shown(key: string, value: unknown, format: (value: number) => string): unknown {
  if (typeof value === "number") {
    if (PLAIN.has(key)) return value;
    return TIMES.has(key) || key.endsWith("At") ? formatTime(value) : format(value);
  }
  if (typeof value === "object" && value !== null && "prices" in value) {
    const { prices, sizes } = value as Levels;
    return prices.map((price, i) => ({ price: formatMillionths(price), size: formatMillionths(sizes[i] ?? 0) }));
  }
  return value;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function num(value: number | null): string {
  return value === null ? "–" : formatMillionths(value);
}

function spot(value: number | null): string {
  return value === null ? "–" : formatSpot(value);
}

function side({ prices, sizes }: Levels): string {
  const [price] = prices;
  return price === undefined ? "–" : `${num(price)} × ${num(sizes[0] ?? null)}`;
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
