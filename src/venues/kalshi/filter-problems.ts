import { nearest } from "../../config/nearest.ts";
import { isObject, type JsonObject, objects, type PlannedRequest } from "../planned-discovery.ts";
import type { Candidate } from "./candidate.ts";
import { isWildcard, type KalshiFilter, seriesPattern } from "./filter.ts";
import type { KnownGroups } from "./groups.ts";
import { knownPeriods, strikePeriod } from "./strike-period.ts";

/**
 * Names in a listener's filters that Kalshi does not have, a sentence each with the nearest that there is. Only names
 * that found nothing are asked about: a series may well have no market today. `unlisted`: market tickers that the venue
 * does not have; `before`: what the last listing said.
 */
export function* filterProblems(
  { filters }: KalshiFilter,
  found: ReadonlyMap<string, Candidate>,
  unlisted: readonly string[],
  known: KnownGroups,
  before: readonly string[],
): Generator<PlannedRequest, readonly string[], JsonObject | null> {
  const events = new Set([...found.values()].map(({ event }) => event));
  const series = new Set([...events].map((event) => known.seriesOf(event)));
  const problems = unlisted.map((ticker) => missing("market", ticker, [...found.keys()]));
  for (const ticker of filters.event_tickers) {
    if (events.has(ticker)) continue;
    const answer = yield ask(`/events/${encodeURIComponent(ticker)}`);
    if (!isObject(answer?.["event"])) problems.push(missing("event", ticker, [...known.events.keys()]));
  }
  let listed = false;
  const allSeries = function* (): Generator<PlannedRequest, readonly string[], JsonObject | null> {
    const answer = listed ? null : yield ask("/series", "series");
    listed = true;
    for (const one of objects(answer?.["series"])) known.addSeries(one);
    return [...known.series]
      .filter(([, { frequency, categories }]) => frequency !== null || categories.length > 0)
      .map(([name]) => name);
  };
  for (const ticker of filters.series_tickers) {
    if (isWildcard(ticker)) {
      if (![...known.series.keys()].some((name) => seriesPattern(ticker).test(name)))
        problems.push(missing("series", ticker, []));
      continue;
    }
    if (series.has(ticker)) continue;
    const said = before.find((line) => line.includes(`series ${ticker}`));
    if (said !== undefined) {
      problems.push(said);
      continue;
    }
    const answer = yield ask(`/series/${encodeURIComponent(ticker)}`);
    if (!isObject(answer?.["series"])) problems.push(missing("series", ticker, yield* allSeries()));
  }
  const categories = () => [...new Set([...known.series.values()].flatMap((one) => one.categories))];
  for (const category of filters.categories) {
    const isKnown = () => categories().some((one) => one.toLowerCase() === category.toLowerCase());
    if (!isKnown()) yield* allSeries();
    if (!isKnown()) problems.push(missing("category", category, categories()));
  }
  for (const word of filters.strike_periods) {
    const period = strikePeriod({ strikePeriod: word }) ?? word;
    if (!knownPeriods.includes(period)) problems.push(missing("strike period", word, knownPeriods));
  }
  return problems;
}

function ask(path: string, list?: string): PlannedRequest {
  return { path, purpose: "filters", optional: true, ...(list === undefined ? {} : { list }) };
}

function missing(what: string, name: string, candidates: readonly string[]): string {
  const near = nearest(
    name,
    candidates.filter((one) => one !== name),
  );
  return `Kalshi has no ${what} ${name}${near === null ? "" : `; did you mean ${near}?`}`;
}
