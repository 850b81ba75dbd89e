import type { Micros } from "../model/time.ts";
import type { ListenerFilters } from "../venues/venue.ts";

/** A listener as `record` runs it. */
export interface Listener extends ListenerFilters {
  readonly venue: string;
  readonly discoveryEvery: Micros;
  /** When its markets are looked at over REST: never, while they have no stream, or at this interval. Never where it is absent. */
  readonly restPoll?: "off" | "fallback" | Micros;
}
