import { venues } from "../../src/venues/index.ts";
import type { MarketEvent } from "../../src/model/events.ts";
import type { Venue } from "../../src/venues/venue.ts";

/** The version that the corrected interpreters claim. */
export const CORRECTED_VERSION = 1_000_001;

/**
 * The venues with interpreters that read some things otherwise than the program's: rows of other values (trades), rows
 * that are no more (every third quote) and rows that were not there (a note with each lifecycle row). What a correction
 * of a parser does to tables, in all three ways.
 */
export const correctedVenues: readonly Venue[] = venues.map((venue) => ({
  ...venue,
  interpreter(context, saved) {
    let quotes = 0;
    const emit = (event: MarketEvent): void => {
      if (event.type === "quote" && ++quotes % 3 === 0) return;
      context.emit(event.type === "trade" ? { ...event, size: event.size + 1_000_000 } : event);
      if (event.type !== "lifecycle") return;
      const { market, outcome } = event.instrument;
      context.emit({ type: "quarantine", venue: venue.id, market, outcome, reason: "corrected", detail: event.kind });
    };
    return venue.interpreter({ ...context, emit }, saved);
  },
}));
