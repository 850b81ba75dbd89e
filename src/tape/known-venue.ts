import { nearest } from "../config/nearest.ts";
import { UsageError } from "../ops/errors.ts";
import { venues } from "../venues/index.ts";
import type { Venue } from "../venues/venue.ts";

/** The venue of this name. Throws `UsageError` where there is none. */
export function knownVenue(id: string): Venue {
  const venue = venues.find((each) => each.id === id);
  if (venue !== undefined) return venue;
  const ids = venues.map((each) => each.id);
  const near = nearest(id, ids);
  const hint = near === null ? `one of: ${ids.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(id === "" ? "say whose protocol it is: --venue" : `there is no venue "${id}"`, { hint });
}
