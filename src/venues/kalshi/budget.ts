import { createHash, type KeyObject } from "node:crypto";
import type { Micros } from "../../model/time.ts";
import type { Charge, RateLimit } from "../../net/rate-limit.ts";
import { isObject } from "../planned-discovery.ts";
import type { HttpRequest, RequestBudget } from "../venue.ts";
import { signedHeaders } from "./auth.ts";

/** Every request that is not in `/account/endpoint_costs` (docs.kalshi.com/getting_started/rate_limits). */
const DEFAULT_COST = 10;
/** The Basic tier's reads: 200 tokens a second, two seconds' worth at once (same page, 2026-07-17). */
const BASIC = { refill: 200, capacity: 400 };

interface Cost {
  readonly method: string;
  readonly path: RegExp;
  readonly cost: number;
}

/**
 * Kalshi's read bucket: one per key; what is not signed is assumed to be counted per address, at the Basic tier. The real
 * figures come from `GET /account/limits` (signed) and `GET /account/endpoint_costs` (open to all).
 */
export class KalshiBudget implements RequestBudget {
  readonly questions: readonly HttpRequest[];
  readonly sign: RequestBudget["sign"];
  readonly #prefix: string;
  readonly #share: number;
  readonly #open: RateLimit;
  #keyed: RateLimit;
  #defaultCost = DEFAULT_COST;
  #costs: readonly Cost[] = [];

  constructor(rest: string, share: number, key: { readonly id: string; readonly key: KeyObject } | null) {
    const base = rest.replace(/\/+$/, "");
    const { host, pathname } = new URL(base);
    const ask = (path: string): HttpRequest => ({ method: "GET", url: base + path, purpose: "limits" });
    this.#prefix = pathname;
    this.#share = share;
    this.#open = this.#limit(`${host}/read`, BASIC.refill, BASIC.capacity, false);
    this.#keyed = this.#open;
    if (key !== null) {
      const digest = createHash("sha256").update(key.id).digest("hex").slice(0, 8);
      this.#keyed = { ...this.#open, name: `${host}/read/key-${digest}` };
    }
    this.questions = [...(key === null ? [] : [ask("/account/limits")]), ask("/account/endpoint_costs")];
    this.sign =
      key === null
        ? null
        : ({ method, url }: HttpRequest, now: Micros) =>
            signedHeaders(key.id, key.key, Math.floor(now / 1000), method, new URL(url).pathname);
  }

  charges({ method, url }: HttpRequest, signed: boolean): readonly Charge[] {
    const { pathname } = new URL(url);
    const path = pathname.startsWith(this.#prefix) ? pathname.slice(this.#prefix.length) : pathname;
    const dear = this.#costs.find((cost) => cost.method === method && cost.path.test(path));
    return [{ limit: signed ? this.#keyed : this.#open, tokens: dear?.cost ?? this.#defaultCost }];
  }

  learn({ url }: HttpRequest, status: number, body: string): Readonly<Record<string, unknown>> | null {
    const answer = status === 200 ? objectOf(body) : null;
    if (answer === null) return null;
    return url.endsWith("/account/limits") ? this.#learnLimits(answer) : this.#learnCosts(answer);
  }

  #learnLimits({
    usage_tier: tier,
    read,
  }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | null {
    if (!isObject(read)) return null;
    const { refill_rate: refill, bucket_capacity: capacity } = read;
    if (!isPositive(refill) || !isPositive(capacity)) return null;
    this.#keyed = this.#limit(this.#keyed.name, refill, capacity, true);
    return { tier, read: { refill, capacity }, share: this.#share };
  }

  #learnCosts(answer: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | null {
    const { default_cost: usual, endpoint_costs: costs } = answer;
    if (!isPositive(usual) || !Array.isArray(costs)) return null;
    this.#defaultCost = usual;
    this.#costs = costs.flatMap((one: unknown) => {
      if (!isObject(one) || typeof one["path"] !== "string" || !isPositive(one["cost"])) return [];
      const path = one["path"].replace(/^\/trade-api\/v2/, "");
      return [{ method: String(one["method"]).toUpperCase(), path: pattern(path), cost: one["cost"] }];
    });
    return { defaultCost: usual, exceptions: this.#costs.length };
  }

  #limit(name: string, refill: number, capacity: number, learned: boolean): RateLimit {
    return { name, perSecond: refill * this.#share, capacity: capacity * this.#share, learned };
  }
}

/** A route with parameters in either of the usual spellings: `/markets/{ticker}`, `/markets/:ticker`. */
function pattern(route: string): RegExp {
  const parts = route.split("/").map((part) => (/^(\{.*\}|:.+)$/.test(part) ? "[^/]+" : RegExp.escape(part)));
  return new RegExp(`^${parts.join("/")}/?$`);
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function objectOf(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const answer: unknown = JSON.parse(body);
    return isObject(answer) ? answer : null;
  } catch {
    return null;
  }
}
