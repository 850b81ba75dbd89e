import type { Charge, RateLimit } from "../../net/rate-limit.ts";
import type { HttpRequest, RequestBudget } from "../venue.ts";
import type { PolymarketConfig } from "./config.ts";

/**
 * Requests in a sliding window of ten seconds, per service and route (docs.polymarket.com/api-reference/rate-limits, as of
 * August 2026). The first pattern is the narrowest. All together stay below the general limit of 15,000.
 */
const LIMITS = {
  gamma: [
    { name: "events", path: /^\/events(\/|$)/, requests: 500 },
    { name: "markets", path: /^\/markets(\/|$)/, requests: 300 },
    { name: "tags", path: /^\/tags(\/|$)/, requests: 200 },
    { name: "comments", path: /^\/comments(\/|$)/, requests: 200 },
    { name: "search", path: /^\/public-search(\/|$)/, requests: 350 },
    { name: "listings", path: /^\/(events|markets)(\/|$)/, requests: 900 },
    { name: "all", path: /^/, requests: 4_000 },
  ],
  data: [
    { name: "trades", path: /^(\/v2)?\/trades(\/|$)/, requests: 200 },
    { name: "positions", path: /^(\/v2)?\/positions(\/|$)/, requests: 150 },
    { name: "all", path: /^/, requests: 1_000 },
  ],
  clob: [
    { name: "books", path: /^\/books$/, requests: 500 },
    { name: "prices", path: /^\/prices$/, requests: 500 },
    { name: "midpoints", path: /^\/midpoints$/, requests: 500 },
    { name: "book", path: /^\/book$/, requests: 1_500 },
    { name: "price", path: /^\/price$/, requests: 1_500 },
    { name: "midpoint", path: /^\/midpoint$/, requests: 1_500 },
    { name: "history", path: /^\/prices-history$/, requests: 1_000 },
    { name: "tick-size", path: /^\/tick-size$/, requests: 200 },
    { name: "ok", path: /^\/ok$/, requests: 100 },
    { name: "all", path: /^/, requests: 9_000 },
  ],
} as const;

const WINDOW_S = 10;
/** A bucket of a fifth of the window's requests that refills the rest within the window never exceeds the window. */
const AT_ONCE = 0.2;

/** Polymarket's limits, by address. Beyond them the venue delays before it refuses, so they are only ever assumed. */
export class PolymarketBudget implements RequestBudget {
  readonly questions = [];
  readonly sign = null;
  readonly #services: readonly {
    readonly base: string;
    readonly routes: readonly { readonly path: RegExp; readonly limit: RateLimit }[];
  }[];

  constructor(config: PolymarketConfig) {
    const services = { gamma: config.gamma_url, data: config.data_url, clob: config.clob_url };
    this.#services = Object.entries(services).map(([service, url]) => {
      const base = url.replace(/\/+$/, "");
      const { host, pathname } = new URL(base);
      const where = `${host}${pathname === "/" ? "" : pathname}`;
      const routes = LIMITS[service as keyof typeof services].map(({ name, path, requests }) => {
        const ours = requests * config.rate_share;
        const perSecond = (ours * (1 - AT_ONCE)) / WINDOW_S;
        return { path, limit: { name: `${where}/${name}`, perSecond, capacity: ours * AT_ONCE, learned: false } };
      });
      return { base, routes };
    });
  }

  charges({ url }: HttpRequest): readonly Charge[] {
    const address = url.split("?", 1)[0] ?? url;
    const service = this.#services.find(({ base }) => address === base || address.startsWith(`${base}/`));
    if (service === undefined) return [];
    const path = address.slice(service.base.length);
    return service.routes.filter((route) => route.path.test(path)).map(({ limit }) => ({ limit, tokens: 1 }));
  }

  learn(): null {
    return null;
  }
}
