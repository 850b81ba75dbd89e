import type { Micros } from "../../model/time.ts";
import { queryText, rank, text } from "../planned-discovery.ts";
import { batches, type JsonObject, objects, type Plan, PlannedRequests } from "../planned-requests.ts";
import { kept, type Look, type TradesRead, tradesSince } from "../trades-read.ts";
import type { PollPlan, RestPoller, WantedMarket } from "../venue.ts";

/** Tickers in one query: the most that `/markets/orderbooks` takes (docs.kalshi.com, since 2026-03-30), about 3 kB of URL. */
const TICKERS = 100;
/** Trades come per market or of the whole exchange; beyond so many markets with news the latter is cheaper. */
const SINGLE_MARKETS = 50;
const TRADES_A_PAGE = 1_000;
const MAX_PAGES = 20;

/** Looks at Kalshi's markets over REST. Trades are asked for only where a market's volume has changed. */
export class KalshiPoller implements RestPoller {
  readonly #base: string;
  #read = new Map<string, TradesRead>();

  constructor(base: string) {
    this.#base = base;
  }

  plan(markets: readonly WantedMarket[], since: Micros, now: Micros): PollPlan {
    this.#read = kept(
      this.#read,
      markets.map(({ market }) => market),
    );
    return new KalshiPoll(this.#base, markets, { since, now, read: this.#read });
  }
}

class KalshiPoll extends PlannedRequests implements PollPlan {
  readonly incomplete: string[] = [];
  readonly #markets: readonly WantedMarket[];
  readonly #look: Look;

  constructor(base: string, markets: readonly WantedMarket[], look: Look) {
    super(base);
    this.#markets = markets;
    this.#look = look;
  }

  protected override *plan(): Plan {
    const summed = this.#tickers("ticker", "trades", "lifecycle");
    const changed = new Map<string, string>();
    for (const tickers of batches(summed, TICKERS)) {
      const path = `/markets${queryText({ limit: 1000, tickers: tickers.join(",") })}`;
      const answer = yield { path, purpose: "poll", list: "markets" };
      for (const market of objects(answer?.["markets"])) this.#compare(market, changed);
    }
    for (const tickers of batches(this.#tickers("book"), TICKERS)) {
      yield { path: `/markets/orderbooks${queryText({ tickers })}`, purpose: "poll", list: "orderbooks" };
    }
    const traded = this.#tickers("trades").filter((ticker) => changed.has(ticker));
    const since = (ticker: string) => tradesSince(this.#look, ticker);
    if (traded.length > SINGLE_MARKETS) yield* this.#trades(null, Math.min(...traded.map(since)));
    else for (const ticker of traded) yield* this.#trades(ticker, since(ticker));
    // Only now: trades that could not be read are asked for again.
    for (const ticker of traded) this.#look.read.set(ticker, { mark: changed.get(ticker) ?? "", at: this.#look.now });
  }

  /** Tickers of the markets that want one of these channels. */
  #tickers(...channels: readonly WantedMarket["channels"][number][]): string[] {
    const wanted = this.#markets.filter((market) => channels.some((channel) => market.channels.includes(channel)));
    return wanted.map(({ market }) => market);
  }

  #compare(market: JsonObject, changed: Map<string, string>): void {
    const ticker = text(market, "ticker");
    const volume = text(market, "volume_fp") ?? String(rank(market, "volume"));
    if (ticker === null || this.#look.read.get(ticker)?.mark === volume) return;
    if (Number(volume) > 0) changed.set(ticker, volume);
  }

  /** Newest first, back to `since`; of one market or, for null, of all. */
  *#trades(ticker: string | null, since: Micros): Plan {
    const query = { limit: TRADES_A_PAGE, min_ts: Math.floor(since / 1_000_000), ticker: ticker ?? undefined };
    const seen = new Set<string>();
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const path = `/markets/trades${queryText({ ...query, cursor })}`;
      const answer = yield { path, purpose: "poll", list: "trades" };
      const next = answer?.["cursor"];
      if (typeof next !== "string" || next === "") return;
      // A cursor that the venue does not understand gives the first page again.
      if (seen.has(next)) break;
      seen.add(next);
      cursor = next;
    }
    this.incomplete.push(ticker ?? "*");
  }
}
