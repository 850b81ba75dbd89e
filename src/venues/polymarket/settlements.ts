import { formatTime, parseTime, type Micros } from "../../model/time.ts";
import { FollowedMarkets } from "../followed-markets.ts";
import { pages, queryText, text } from "../planned-discovery.ts";
import { batches, type JsonObject, objects, type Plan, SimplePlan } from "../planned-requests.ts";
import type { RequestPlan, Settlements } from "../venue.ts";
import type { PolymarketFilters } from "./filters.ts";

const CONDITIONS = 100;
/** How far back the first round looks for markets that ended before this program started. */
const LOOK_BACK: Micros = 3 * 86_400_000_000;
const CURSOR = { parameter: "after_cursor", field: "next_cursor" };

/**
 * Polymarket announces resolutions unreliably, so markets whose end has come are asked for until Gamma says
 * `umaResolutionStatus: "resolved"`. What ended shortly before this program started is found by listing the listener's
 * series, tags and conditions once.
 */
export class PolymarketSettlements extends FollowedMarkets implements Settlements {
  readonly #base: string;
  readonly #filters: PolymarketFilters;
  #listed = false;

  constructor(base: string, filters: PolymarketFilters) {
    super();
    this.#base = base;
    this.#filters = filters;
  }

  plan(now: Micros): RequestPlan {
    return new SimplePlan(this.#base, () => this.#round(now));
  }

  *#round(now: Micros): Plan {
    if (!this.#listed) yield* this.#list(now);
    this.#listed = true;
    for (const conditions of batches(this.due(now), CONDITIONS)) {
      const open = new Set(conditions);
      for (const market of yield* this.#markets(conditions, true)) {
        open.delete(text(market, "conditionId") ?? "");
        if (market["umaResolutionStatus"] === "resolved") this.done(text(market, "conditionId") ?? "", "settled");
      }
      if (open.size === 0) continue;
      for (const market of yield* this.#markets([...open], false)) {
        const ends = parseTime(text(market, "endDate") ?? "");
        // Left out of a list, but not over.
        if (market["acceptingOrders"] === true && ends !== null && ends > now) {
          this.done(text(market, "conditionId") ?? "", "open");
        }
      }
    }
  }

  *#markets(
    condition_ids: readonly string[],
    closed: boolean,
  ): Generator<Plan extends Generator<infer R> ? R : never, JsonObject[], JsonObject | null> {
    const query = { limit: CONDITIONS, closed: String(closed), condition_ids };
    const answer = yield { path: `/markets/keyset${queryText(query)}`, purpose: "settlement", list: "markets" };
    return objects(answer?.["markets"]);
  }

  *#list(now: Micros): Plan {
    const { series_ids, tag_ids, condition_ids } = this.#filters;
    this.follow(condition_ids, now);
    const groups = [...series_ids.map((series_id) => ({ series_id })), ...tag_ids.map((tag_id) => ({ tag_id }))];
    for (const group of groups) {
      yield* pages({
        path: "/events/keyset",
        query: {
          limit: 100,
          closed: "false",
          end_date_min: formatTime(now - LOOK_BACK),
          end_date_max: formatTime(now),
          ...group,
        },
        list: "events",
        cursor: CURSOR,
        purpose: "settlement",
        take: (events) => {
          const markets = events.flatMap((event) => objects(event["markets"]));
          const ended = markets.filter((market) => (parseTime(text(market, "endDate") ?? "") ?? Infinity) <= now);
          this.follow(
            ended.flatMap((market) => text(market, "conditionId") ?? []),
            now,
          );
          return events.length;
        },
      });
    }
  }
}
