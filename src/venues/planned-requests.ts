import { FetchError } from "../ops/errors.ts";
import type { HttpRequest, RequestPlan } from "./venue.ts";

/** A request of a plan. `list`: the answer must be an object with an array of that name; a bare array becomes `items`. */
export interface PlannedRequest {
  readonly path: string;
  /** Where `path` begins, if elsewhere than the plan's own base. */
  readonly base?: string;
  /** JSON value to post; without it the request is a GET. */
  readonly post?: unknown;
  readonly purpose: string;
  readonly list?: string;
  /** A 4xx answer is no failure of the whole plan: it gets null. */
  readonly optional?: boolean;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Requests in order; each is answered with the JSON object that came; one that came as an array is its `items`. */
export type Plan = Generator<PlannedRequest, void, JsonObject | null>;

/** A plan of requests. Answers that cannot be used are refused before the plan sees them, so that the same request can be made again. */
export abstract class PlannedRequests implements RequestPlan {
  readonly #base: string;
  #plan: Plan | null = null;
  #current: PlannedRequest | null = null;

  constructor(base: string) {
    this.#base = base;
  }

  /** Called once, before the first request. */
  protected abstract plan(): Plan;

  next(): HttpRequest | null {
    if (this.#plan === null) {
      this.#plan = this.plan();
      this.#advance(this.#plan, null);
    }
    if (this.#current === null) return null;
    const { base = this.#base, path, purpose, post } = this.#current;
    const url = base.replace(/\/+$/, "") + path;
    if (post === undefined) return { method: "GET", url, purpose };
    const headers = { "content-type": "application/json" };
    return { method: "POST", url, headers, body: JSON.stringify(post), purpose };
  }

  read(status: number, body: string): void {
    if (this.#plan === null || this.#current === null) return;
    const { path, list, optional } = this.#current;
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
    if (list === "items" && Array.isArray(answer)) answer = { items: answer };
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

/** A plan that is nothing but its requests. */
export class SimplePlan extends PlannedRequests {
  readonly #requests: () => Plan;

  constructor(base: string, requests: () => Plan) {
    super(base);
    this.#requests = requests;
  }

  protected override plan(): Plan {
    return this.#requests();
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Lists of at most `size`. */
export function batches<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

/** The objects of a list in an answer. */
export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function excerpt(body: string): string {
  const line = body.replace(/\s+/g, " ").trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
