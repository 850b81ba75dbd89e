import type { Micros } from "../../model/time.ts";
import { queryText } from "../planned-discovery.ts";
import { batches, type JsonObject, objects, type Plan, PlannedRequests } from "../planned-requests.ts";
import { kept, type Look, type TradesRead, tradesSince } from "../trades-read.ts";
import type { Channel, PollPlan, RestPoller, WantedMarket } from "../venue.ts";
import type { PolymarketConfig } from "./config.ts";

/** Tokens in one `POST /books`: more is refused somewhere past 500 (netqo/polymarket-scraper, PROTOCOL.md). */
const TOKENS = 250;
/** `condition_ids` at most in one request to Gamma (nautilus_trader, docs/integrations/polymarket.md). */
const CONDITIONS = 100;
/** Gamma's lists are cached for up to five minutes (`Cache-Control`, forecastbench issue 194): asking more often brings little. */
const GAMMA_EVERY: Micros = 60_000_000;
/** Conditions in one request for trades: what `/v2/trades` takes at most. */
const TRADED = 20;
const FIRST_TRADES = 100;
const MORE_TRADES = 500;
/** Beyond this offset the Data API repeats itself (changelog of 2025-08-26; polymarket-apis issue 4). */
const LAST_OFFSET = 1_000;

/** Looks at Polymarket's markets over REST. Trades are asked for only where a book has changed. */
export class PolymarketPoller implements RestPoller {
  readonly #config: PolymarketConfig;
  #read = new Map<string, TradesRead>();
  #gammaAt: Micros = -Infinity;

  constructor(config: PolymarketConfig) {
    this.#config = config;
  }

  plan(markets: readonly WantedMarket[], since: Micros, now: Micros): PollPlan {
    this.#read = kept(
      this.#read,
      markets.flatMap(({ outcomes }) => outcomes),
    );
    const gamma = now - this.#gammaAt >= GAMMA_EVERY;
    if (gamma) this.#gammaAt = now;
    return new PolymarketPoll(this.#config, markets, gamma, { since, now, read: this.#read });
  }
}

class PolymarketPoll extends PlannedRequests implements PollPlan {
  readonly incomplete: string[] = [];
  readonly #config: PolymarketConfig;
  readonly #markets: readonly WantedMarket[];
  readonly #gamma: boolean;
  readonly #look: Look;

  constructor(config: PolymarketConfig, markets: readonly WantedMarket[], gamma: boolean, look: Look) {
    super(config.clob_url);
    this.#config = config;
    this.#markets = markets;
    this.#gamma = gamma;
    this.#look = look;
  }

  protected override *plan(): Plan {
    const changed = new Map<string, string>();
    const tokens = this.#wanting("book", "ticker", "trades").flatMap(({ outcomes }) => outcomes);
    for (const batch of batches(tokens, TOKENS)) {
      const post = batch.map((token_id) => ({ token_id }));
      const answer = yield { path: "/books", post, purpose: "poll", list: "items" };
      for (const { asset_id: token, timestamp } of objects(answer?.["items"])) {
        if (typeof token !== "string" || typeof timestamp !== "string") continue;
        if (this.#look.read.get(token)?.mark !== timestamp) changed.set(token, timestamp);
      }
    }
    if (this.#gamma) yield* this.#facts();
    const traded = this.#wanting("trades").filter(({ outcomes }) => outcomes.some((token) => changed.has(token)));
    for (const batch of batches(traded, TRADED)) {
      const since = batch.flatMap(({ outcomes }) => outcomes).map((token) => tradesSince(this.#look, token));
      yield* this.#trades(
        batch.map(({ market }) => market),
        Math.min(...since),
      );
    }
    // Only now: trades that could not be read are asked for again.
    for (const [token, mark] of changed) this.#look.read.set(token, { mark, at: this.#look.now });
  }

  *#facts(): Plan {
    for (const batch of batches(this.#wanting("ticker", "lifecycle"), CONDITIONS)) {
      const query = { limit: CONDITIONS, condition_ids: batch.map(({ market }) => market) };
      const path = `/markets/keyset${queryText(query)}`;
      yield { base: this.#config.gamma_url, path, purpose: "poll", list: "markets" };
    }
  }

  /** Newest first, back to `since`. */
  *#trades(markets: readonly string[], since: Micros): Plan {
    for (let offset = 0, limit = FIRST_TRADES; offset <= LAST_OFFSET; offset += limit, limit = MORE_TRADES) {
      const path = `/trades?market=${markets.join(",")}&limit=${limit}${offset === 0 ? "" : `&offset=${offset}`}`;
      const answer = yield { base: this.#config.data_url, path, purpose: "poll", list: "items" };
      const trades = objects(answer?.["items"]);
      if (trades.length < limit || trades.some((trade) => isBefore(since, trade))) return;
    }
    this.incomplete.push(...markets);
  }

  #wanting(...channels: readonly Channel[]): WantedMarket[] {
    return this.#markets.filter((market) => channels.some((channel) => market.channels.includes(channel)));
  }
}

function isBefore(since: Micros, { timestamp }: JsonObject): boolean {
  return typeof timestamp === "number" && timestamp * 1_000_000 < since;
}
