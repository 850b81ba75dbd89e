import { FetchError } from "../ops/errors.ts";
import type { Discovery, HttpRequest, WantedMarket } from "./venue.ts";

/** A request of a plan. `list`: the answer must be an object with an array of that name; a bare array becomes `items`. */
export interface PlannedRequest {
  readonly path: string;
  readonly purpose: string;
  readonly list?: string;
  /** A 4xx answer is no failure of the whole discovery: the plan gets null. */
  readonly optional?: boolean;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Requests in order; each is answered with the JSON object that came. */
export type Plan = Generator<PlannedRequest, void, JsonObject | null>;

/** Pages beyond this in one listing mean that the venue's paging is broken. */
const MAX_PAGES = 5_000;
const MAX_IDLE_PAGES = 3;

/** A discovery written as a plan of requests. Answers that cannot be used are refused before the plan sees them, so that the same request can be made again. */
export abstract class PlannedDiscovery implements Discovery {
  abstract readonly markets: readonly WantedMarket[];
  abstract readonly leftOut: number;
  abstract readonly exhaustive: boolean;
  readonly #base: string;
  #plan: Plan | null = null;
  #current: PlannedRequest | null = null;

  constructor(base: string) {
    this.#base = base.replace(/\/+$/, "");
  }

  /** Called once, before the first request. */
  protected abstract plan(): Plan;

  next(): HttpRequest | null {
    if (this.#plan === null) {
      this.#plan = this.plan();
      this.#advance(this.#plan, null);
    }
    if (this.#current === null) return null;
    return { method: "GET", url: this.#base + this.#current.path, purpose: this.#current.purpose };
  }

  read(status: number, body: string): void {
    const { path, list, optional } = this.#current ?? { path: "", list: undefined, optional: undefined };
    if (this.#plan === null || this.#current === null) return;
    const where = path.split("?", 1)[0] ?? path;
    if (status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429) {
      if (optional === true) return this.#advance(this.#plan, null);
      throw new FetchError(`${where} was refused with HTTP ${status}: ${excerpt(body)}`, { status });
    }
    if (status < 200 || status >= 300) throw new FetchError(`${where} answered HTTP ${status}`, { status, retry: {} });
    let answer: unknown;
    try {
      answer = JSON.parse(body);
    } catch (cause) {
      throw new FetchError(`${where} answered no JSON: ${excerpt(body)}`, { status, cause, retry: {} });
    }
    if (Array.isArray(answer) && list === "items") answer = { items: answer as unknown[] };
    if (!isObject(answer) || (list !== undefined && !Array.isArray(answer[list]))) {
      throw new FetchError(`${where} answered without "${list ?? ""}": ${excerpt(body)}`, { status, retry: {} });
    }
    this.#advance(this.#plan, answer);
  }

  #advance(plan: Plan, answer: JsonObject | null): void {
    const step = plan.next(answer);
    this.#current = step.done === true ? null : step.value;
  }
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

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list; none where it is no list. */
export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A list in pieces of at most `size`. */
export function batches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
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

function excerpt(body: string): string {
  const line = body.replace(/\s+/g, " ").trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
