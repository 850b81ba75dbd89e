import type { Candidate, CandidateState } from "./candidate.ts";
import { type KalshiFilters, kalshiFilters } from "./filters.ts";
import type { KnownGroups } from "./groups.ts";
import { strikePeriod } from "./strike-period.ts";

/** With `open`, a market that has not opened yet is wanted too, so that it is recorded from its first moment. */
const WANTED: Readonly<Record<KalshiFilters["status"], readonly CandidateState[]>> = {
  unopened: ["unopened"],
  open: ["open", "unopened", "paused", null],
  paused: ["paused"],
  closed: ["closed"],
  settled: ["settled"],
};

/** A listener's filters, asked market by market. Throws where they are not Kalshi's. */
export class KalshiFilter {
  readonly filters: KalshiFilters;
  /** Whether matching needs to know a market's event and series. */
  readonly needsGroups: boolean;
  readonly #known: KnownGroups;
  readonly #periods: readonly string[];
  readonly #categories: readonly string[];
  readonly #title: string;
  readonly #series: readonly RegExp[];

  constructor(filters: Readonly<Record<string, unknown>>, known: KnownGroups) {
    this.filters = kalshiFilters.parse(filters);
    this.#known = known;
    this.#periods = this.filters.strike_periods.map((word) => strikePeriod({ strikePeriod: word }) ?? word);
    this.#categories = this.filters.categories.map((category) => category.toLowerCase());
    this.#title = this.filters.title_contains.toLowerCase();
    this.#series = this.filters.series_tickers.map(seriesPattern);
    this.needsGroups = this.#periods.length > 0 || this.#categories.length > 0 || this.#title !== "";
  }

  /** The series to ask for, wildcards spelled out by the series that are known. */
  series(): readonly string[] {
    const { series_tickers } = this.filters;
    const patterns = this.#series.filter((_, index) => isWildcard(series_tickers[index] ?? ""));
    const spelled = [...this.#known.series.keys()].filter((name) => patterns.some((pattern) => pattern.test(name)));
    return [...new Set([...series_tickers.filter((ticker) => !isWildcard(ticker)), ...spelled])];
  }

  /** False where neither the event's nor the series' facts could make it match. */
  mayMatch({ ticker, event, state, volume, interest }: Candidate): boolean {
    const { status, min_volume, min_open_interest } = this.filters;
    return (
      WANTED[status].includes(state) &&
      this.mayWant(ticker, event) &&
      volume >= min_volume &&
      interest >= min_open_interest
    );
  }

  matches(candidate: Candidate): boolean {
    if (!this.mayMatch(candidate)) return false;
    if (!this.needsGroups) return true;
    const group = this.#known.events.get(candidate.event);
    const series = this.#known.series.get(this.#known.seriesOf(candidate.event));
    return (
      among(this.#categories, [group?.category ?? "", ...(series?.categories ?? [])]) &&
      among(this.#periods, [this.periodOf(candidate) ?? ""]) &&
      (candidate.title.includes(this.#title) || (group?.title ?? "").toLowerCase().includes(this.#title))
    );
  }

  periodOf({ event, openAt, closeAt }: Candidate): string | null {
    const group = this.#known.events.get(event);
    return strikePeriod({
      strikePeriod: group?.strikePeriod ?? null,
      frequency: this.#known.series.get(this.#known.seriesOf(event))?.frequency ?? null,
      cadence: group?.cadence ?? null,
      openAt,
      closeAt,
    });
  }

  /** Whether the names of market, event and series pass. Tickers begin with their event's, those with their series'. */
  mayWant(market: string, event = market.slice(0, Math.max(0, market.lastIndexOf("-")))): boolean {
    const { market_tickers, event_tickers } = this.filters;
    const series = this.#known.seriesOf(event);
    return (
      (market_tickers.length === 0 || market_tickers.includes(market)) &&
      (event_tickers.length === 0 || event_tickers.includes(event)) &&
      (this.#series.length === 0 || this.#series.some((pattern) => pattern.test(series)))
    );
  }
}

export function isWildcard(ticker: string): boolean {
  return ticker.includes("*");
}

/** `KXNFL*`: every series whose ticker begins so. */
export function seriesPattern(ticker: string): RegExp {
  return new RegExp(`^${ticker.split("*").map(RegExp.escape).join(".*")}$`);
}

function among(allowed: readonly string[], actual: readonly string[]): boolean {
  return allowed.length === 0 || actual.some((one) => allowed.includes(one.toLowerCase()));
}
