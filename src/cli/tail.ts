import { z } from "zod";
import { eventJson, eventLine } from "../tape/event-text.ts";
import { knownVenue } from "../tape/known-venue.ts";
import { openTape } from "../tape/tape.ts";
import { defineCommand } from "./command.ts";
import { writeOut } from "./output.ts";

const TYPES = [
  "book_delta",
  "book_snapshot",
  "quote",
  "trade",
  "lifecycle",
  "market",
  "event",
  "series",
  "gap_opened",
  "gap_closed",
  "subscription",
  "top_of_book",
  "book_witness",
  "spot_tick",
  "spot_trade",
  "quarantine",
] as const;

/** `foretape tail`: events as they are recorded. */
export const tailCommand = defineCommand({
  name: "tail",
  summary: "events as they are recorded, one line each, filtered",
  description: `Follows what is durable in every journal of the tape until stopped. Types: ${TYPES.join(", ")}.`,
  options: {
    venue: { value: "<venue>", description: "only this venue" },
    market: { value: "<market>", description: "only this market" },
    type: { value: "<type...>", description: "only these types of events", schema: z.array(z.enum(TYPES)).default([]) },
    fromStart: { description: "begin with the oldest event of the tape" },
  },
  examples: ["foretape tail --venue kalshi --type trade gap_opened", "foretape tail --json --from-start | head -100"],
  async run({ tape: dir, json, signal }, { venue, market, type, fromStart }) {
    if (venue !== undefined) knownVenue(venue);
    await using tape = await openTape(dir, { signal });
    const filter = { venue, market, types: type.length > 0 ? new Set<string>(type) : undefined };
    try {
      for await (const events of tape.follow(filter, { fromStart, signal })) {
        await writeOut(events.map((event) => `${json ? eventJson(event) : eventLine(event)}\n`).join(""), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
});
