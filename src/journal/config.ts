import { z } from "zod";
import { bytes, duration } from "../config/units.ts";

/** `journal`: how frames are kept. */
export const journalConfig = z
  .strictObject({
    sync_every: duration.default(100_000).describe("group commit: at most this much is lost in a power cut"),
    segment: bytes
      .default(64 * 1024 * 1024)
      .describe("a segment ends at this size, or at four times its preamble where that is more"),
    segment_every: duration.default(300_000_000).describe("a segment ends at this age"),
    keep: z.literal("forever").default("forever").describe("how long sealed segments stay"),
  })
  .prefault({});

export type JournalConfig = z.infer<typeof journalConfig>;
