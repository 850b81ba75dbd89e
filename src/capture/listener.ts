import type { Micros } from "../model/time.ts";
import type { ListenerFilters } from "../venues/venue.ts";

/** A listener as `record` runs it. */
export interface Listener extends ListenerFilters {
  readonly venue: string;
  readonly discoveryEvery: Micros;
}
