import type { Micros } from "../../model/time.ts";
import { FollowedMarkets } from "../followed-markets.ts";
import { queryText, text } from "../planned-discovery.ts";
import { batches, objects, type Plan, SimplePlan } from "../planned-requests.ts";
import type { Discovery, HttpRequest, RequestPlan, Settlements } from "../venue.ts";

const TICKERS = 100;
/** Statuses of a market that is not over after all: it was left out of a list, or reopened. */
const OPEN: ReadonlySet<string | null> = new Set(["initialized", "active", "inactive"]);

/**
 * Kalshi's settlement value, expiration value and result, which no stream tells in full: markets that are over are
 * asked for until they are `finalized`. What closed before this program started is found by listing the listener's
 * closed markets once; Kalshi's filter word `closed` holds everything that is over and not finalized.
 */
export class KalshiSettlements extends FollowedMarkets implements Settlements {
  readonly #base: string;
  #listing: Discovery | null;

  /** `listing`: a discovery of the listener's closed markets, null for none. */
  constructor(base: string, listing: Discovery | null) {
    super();
    this.#base = base;
    this.#listing = listing;
  }

  plan(now: Micros): RequestPlan {
    const rest = new SimplePlan(this.#base, () => this.#round(now));
    return {
      next: (): HttpRequest | null => this.#list(now) ?? rest.next(),
      read: (status, body) => (this.#listing ?? rest).read(status, body),
    };
  }

  #list(now: Micros): HttpRequest | null {
    const request = this.#listing?.next() ?? null;
    if (request !== null || this.#listing === null) return request;
    this.follow(
      this.#listing.markets.map(({ market }) => market),
      now,
    );
    this.#listing = null;
    return null;
  }

  *#round(now: Micros): Plan {
    for (const tickers of batches(this.due(now), TICKERS)) {
      const query = queryText({ limit: 1000, tickers: tickers.join(",") });
      const missing = new Set(tickers);
      const live = yield { path: `/markets${query}`, purpose: "settlement", list: "markets" };
      for (const { ticker, status } of this.#read(live)) {
        missing.delete(ticker);
        if (status === "finalized") this.done(ticker, "settled");
        else if (OPEN.has(status)) this.done(ticker, "open");
      }
      if (missing.size === 0) continue;
      // Settled before the cut-off: only the historical endpoint has them.
      const path = `/historical/markets${queryText({ limit: 1000, tickers: [...missing].join(",") })}`;
      const old = yield { path, purpose: "settlement", list: "markets", optional: true };
      for (const { ticker, status } of this.#read(old)) if (status === "finalized") this.done(ticker, "settled");
    }
  }

  #read(answer: Readonly<Record<string, unknown>> | null): { ticker: string; status: string | null }[] {
    return objects(answer?.["markets"]).flatMap((market) => {
      const ticker = text(market, "ticker");
      return ticker === null ? [] : [{ ticker, status: text(market, "status") }];
    });
  }
}

/** Facts of the whole exchange that only REST tells. */
export function kalshiBulletins(base: string): RequestPlan {
  return new SimplePlan(base, function* (): Plan {
    const paths = ["/exchange/status", "/exchange/schedule", "/series/fee_changes", "/events/fee_changes?limit=1000"];
    for (const path of paths) yield { path, purpose: "bulletin", optional: true };
  });
}
