import { parseTime, type Micros } from "../../model/time.ts";
import { type JsonObject, objects, rank, text } from "../planned-discovery.ts";

/** What filters ask of a market. Small, because many are kept between two listings. */
export interface Candidate {
  readonly condition: string;
  readonly tokens: readonly string[];
  /** `upcoming`: takes no orders yet, its end is ahead. `closed`: takes none any more, its result is not known. */
  readonly state: "upcoming" | "open" | "closed" | "settled";
  readonly createdAt: Micros | null;
  readonly closeAt: Micros | null;
  readonly slugs: readonly string[];
  readonly series: readonly string[];
  /** Ids and slugs. */
  readonly tags: readonly string[];
  /** Dollars, for filters and ranking only. */
  readonly recent: number;
  readonly volume: number;
  readonly liquidity: number;
}

/**
 * Reads a market of Gamma; `groups`: the event around it where it was listed inside one. Null where it has no condition
 * id, or no tokens (yet): new markets are listed some minutes before their tokens (nautilus_trader, integration guide).
 */
export function readCandidate(market: JsonObject, around: readonly JsonObject[], now: Micros): Candidate | null {
  const condition = text(market, "conditionId");
  const tokens = tokenIds(market["clobTokenIds"]);
  if (condition === null || condition === "" || tokens === null) return null;
  const events = [...around, ...objects(market["events"])];
  const ids = (list: readonly JsonObject[]) => list.map((one) => String(one["id"]));
  const tags = [...objects(market["tags"]), ...events.flatMap((event) => objects(event["tags"]))];
  const closeAt = parseTime(text(market, "endDate") ?? "");
  return {
    condition,
    tokens,
    state: stateOf(market, closeAt, now),
    createdAt: parseTime(text(market, "createdAt") ?? ""),
    closeAt,
    slugs: [market, ...events].map((one) => text(one, "slug")).filter((slug) => slug !== null),
    series: events.flatMap((event) => ids(objects(event["series"]))),
    tags: tags.flatMap((tag) => [String(tag["id"]), text(tag, "slug") ?? ""]),
    recent: rank(market, "volume24hr"),
    volume: rank(market, "volumeNum", "volume"),
    liquidity: rank(market, "liquidityNum", "liquidity"),
  };
}

/** Old windows stay `closed: false` for ever: only those that take orders, or whose end is ahead, are alive (seen on Gamma, July 2026). */
function stateOf(market: JsonObject, closeAt: Micros | null, now: Micros): Candidate["state"] {
  if (market["closed"] === true) return market["umaResolutionStatus"] === "resolved" ? "settled" : "closed";
  if (market["archived"] === true || market["enableOrderBook"] === false) return "settled";
  if (market["acceptingOrders"] !== false) return "open";
  return closeAt !== null && closeAt > now ? "upcoming" : "closed";
}

/** Gamma sends a JSON array in a string; real arrays are accepted too. Null where there are no tokens yet. */
function tokenIds(value: unknown): readonly string[] | null {
  let ids = value;
  if (typeof value === "string") {
    try {
      ids = JSON.parse(value);
    } catch {
      return null;
    }
  }
  if (!Array.isArray(ids) || ids.length === 0) return null;
  return ids.every((id) => typeof id === "string" && id !== "") ? ids : null;
}
