import type { Candidate } from "./candidate.ts";
import { type PolymarketFilters, polymarketFilters } from "./filters.ts";

/** What events can be listed by. */
export type Asked = "series_id" | "tag_id" | "tag_slug";

/** A listener's filters, asked market by market. Throws where they are not Polymarket's. */
export class PolymarketFilter {
  readonly filters: PolymarketFilters;
  /** The series asked for, those of the named sports too, once `/sports` has told them. */
  series: readonly string[];
  readonly #slugs: readonly RegExp[];

  constructor(filters: Readonly<Record<string, unknown>>) {
    this.filters = polymarketFilters.parse(filters);
    this.series = this.filters.series_ids;
    this.#slugs = this.filters.slug_patterns.map(slugPattern);
  }

  /** `asked`: the filter that the venue applied itself, whose names its nested objects may leave out; `known`: all of them, earlier. */
  matches(candidate: Candidate, asked: Asked | "known" | null): boolean {
    const { condition_ids, tag_ids, tag_slugs, sports, min_liquidity, min_volume } = this.filters;
    const among = (wanted: readonly string[], actual: readonly string[]) => actual.some((one) => wanted.includes(one));
    return (
      (candidate.state === "open" || candidate.state === "upcoming") &&
      (condition_ids.length === 0 || condition_ids.includes(candidate.condition)) &&
      ((this.series.length === 0 && sports.length === 0) ||
        asked === "series_id" ||
        asked === "known" ||
        among(this.series, candidate.series)) &&
      (tag_ids.length === 0 || asked === "tag_id" || asked === "known" || among(tag_ids, candidate.tags)) &&
      (tag_slugs.length === 0 || asked === "tag_slug" || asked === "known" || among(tag_slugs, candidate.tags)) &&
      (this.#slugs.length === 0 || this.#slugs.some((pattern) => candidate.slugs.some((slug) => pattern.test(slug)))) &&
      candidate.liquidity >= min_liquidity &&
      candidate.volume >= min_volume
    );
  }
}

/** A part of a slug; `*` stands for any text in between. */
function slugPattern(pattern: string): RegExp {
  return new RegExp(pattern.toLowerCase().split("*").map(RegExp.escape).join(".*"), "i");
}
