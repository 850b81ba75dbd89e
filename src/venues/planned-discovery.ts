import { FetchError } from "../ops/errors.ts";
import { type JsonObject, objects, type Plan, PlannedRequests } from "./planned-requests.ts";
import type { Discovery, WantedMarket } from "./venue.ts";

export { batches, isObject, type JsonObject, objects, type Plan, type PlannedRequest } from "./planned-requests.ts";

/** Pages beyond this in one listing mean that the venue's paging is broken. */
const MAX_PAGES = 5_000;
const MAX_IDLE_PAGES = 3;

/** A discovery written as a plan of requests. */
export abstract class PlannedDiscovery extends PlannedRequests implements Discovery {
  abstract readonly markets: readonly WantedMarket[];
  abstract readonly leftOut: number;
  abstract readonly exhaustive: boolean;
}

/**
 * Follows a cursor to the listing's end and gives each page's objects to `take`, which says how many it had not seen
 * and may return null to stop. Throws `FetchError` where the cursor runs in a circle: a venue that ignores a bad
 * cursor serves its first page for ever (seen on Kalshi's demo, June 2026).
 */
export function* pages(options: {
  readonly path: string;
  readonly query: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly list: string;
  readonly cursor: { readonly parameter: string; readonly field: string };
  readonly purpose: string;
  readonly take: (items: readonly JsonObject[]) => number | null;
}): Plan {
  const seen = new Set<string>();
  let cursor: string | undefined;
  let idle = 0;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = { ...options.query, [options.cursor.parameter]: cursor };
    const answer = yield { path: `${options.path}${queryText(query)}`, purpose: options.purpose, list: options.list };
    const items = answer?.[options.list];
    const fresh = options.take(objects(items));
    if (fresh === null) return;
    idle = fresh === 0 ? idle + 1 : 0;
    const next = answer?.[options.cursor.field];
    if (typeof next !== "string" || next === "" || next === "LTE=") return;
    if (seen.has(next) || idle >= MAX_IDLE_PAGES) break;
    seen.add(next);
    cursor = next;
  }
  throw new FetchError(`the listing ${options.path} runs in a circle`, { context: { path: options.path } });
}

export function queryText(query: Readonly<Record<string, string | number | readonly string[] | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) parameters.append(name, String(one));
  }
  const written = parameters.toString();
  return written === "" ? "" : `?${written}`;
}

/** The text of a field, or null. */
export function text(object: JsonObject, key: string): string | null {
  const value = object[key];
  return typeof value === "string" ? value : null;
}

/** A quantity for filters and ranking only, from a number or decimal text; 0 where it is absent. Never recorded. */
export function rank(object: JsonObject, ...keys: readonly string[]): number {
  for (const key of keys) {
    const value = Number(object[key]);
    if (object[key] !== undefined && object[key] !== null && Number.isFinite(value)) return value;
  }
  return 0;
}
