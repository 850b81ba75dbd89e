import { parseTime, type Micros } from "../../model/time.ts";
import { type JsonObject, rank, text } from "../planned-discovery.ts";

/** Where a market is in its life, in the words of the filter `status`; null for a word that is not known. */
export type CandidateState = "unopened" | "open" | "paused" | "closed" | "settled" | null;

/** What filters ask of a market. Small, because a whole exchange of them is kept between two listings. */
export interface Candidate {
  readonly ticker: string;
  readonly event: string;
  readonly state: CandidateState;
  readonly openAt: Micros | null;
  readonly closeAt: Micros | null;
  readonly updatedAt: Micros | null;
  /** Contracts, for filters and ranking only: since the beginning, in the last day, open. */
  readonly volume: number;
  readonly recent: number;
  readonly interest: number;
  /** In lower case; empty where no filter asks for it. */
  readonly title: string;
}

/** An object's words differ from the filter's (docs.kalshi.com/openapi.yaml 3.30.0). */
const STATES: Readonly<Record<string, CandidateState>> = {
  initialized: "unopened",
  active: "open",
  inactive: "paused",
  closed: "closed",
  determined: "closed",
  disputed: "closed",
  amended: "closed",
  finalized: "settled",
};

/** Reads a market object of REST; null where it has no ticker. */
export function readCandidate(object: JsonObject, withTitle: boolean): Candidate | null {
  const ticker = text(object, "ticker");
  if (ticker === null || ticker === "") return null;
  const status = text(object, "status") ?? "";
  return {
    ticker,
    event: text(object, "event_ticker") ?? "",
    state: Object.hasOwn(STATES, status) ? (STATES[status] ?? null) : null,
    openAt: time(object, "open_time"),
    closeAt: time(object, "close_time"),
    updatedAt: time(object, "updated_time"),
    volume: rank(object, "volume_fp", "volume"),
    recent: rank(object, "volume_24h_fp", "volume_24h"),
    interest: rank(object, "open_interest_fp", "open_interest"),
    title: withTitle ? `${text(object, "title") ?? ""}\n${text(object, "yes_sub_title") ?? ""}`.toLowerCase() : "",
  };
}

function time(object: JsonObject, key: string): Micros | null {
  const value = text(object, key);
  return value === null ? null : parseTime(value);
}
