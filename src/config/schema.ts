import { z } from "zod";
import { recordConfig } from "../capture/config.ts";
import { identifier, listenerShape } from "../capture/listeners-config.ts";
import { journalConfig } from "../journal/config.ts";
import { logConfig } from "../ops/log-config.ts";
import { sinkConfig } from "../sinks/config.ts";
import { defaultListener, type Preset, presets } from "./presets.ts";
import { duration } from "./units.ts";
import { ownListener, venueConfigs } from "./venues.ts";

const presetNames = Object.keys(presets) as [Preset, ...Preset[]];

const presetListener = z
  .strictObject({
    preset: z.enum(presetNames).describe("a ready-made listener; the keys beside it override it"),
    name: listenerShape.name.optional(),
    max_markets: listenerShape.max_markets.unwrap().optional(),
    discovery_every: duration.optional().describe("how often the venue is asked for new markets"),
    channels: listenerShape.channels.unwrap().optional(),
    rest_poll: listenerShape.rest_poll.unwrap().optional(),
    outcomes: listenerShape.outcomes.unwrap().optional(),
    paused: listenerShape.paused.unwrap().optional(),
  })
  .transform(({ preset, ...overrides }) => ownListener.parse({ ...presets[preset], ...overrides }));

const listeners = z
  .array(z.union([ownListener, presetListener]))
  .superRefine((all, context) => {
    for (const [index, { name }] of all.entries()) {
      if (all.findIndex((other) => other.name === name) === index) continue;
      context.addIssue({ code: "custom", path: [index, "name"], message: `there is another listener "${name}"` });
    }
  })
  .prefault([defaultListener]);

/** The one description of the configuration: everything else about it is derived from this value. */
export const configSchema = z.strictObject({
  tape: z.string().min(1).default("./tape").describe("directory of the tape").meta({ path: true }),
  recorder: identifier.default("main").describe("name of this recorder and of its journal"),
  venues: z.strictObject(venueConfigs).prefault({}),
  listeners: listeners.describe(
    "which markets are recorded; without any, the busiest markets of Polymarket, which needs no key, and of Kalshi, by REST without a key",
  ),
  sinks: z.array(sinkConfig).default([]).describe("where rows go beside the tape's own Parquet files"),
  record: recordConfig.describe("how the recorder keeps its connections"),
  journal: journalConfig.describe("how frames are kept"),
  log: logConfig.describe("what the program says about itself"),
});

/** The effective configuration: durations in microseconds, sizes in bytes, paths absolute. */
export type Config = z.infer<typeof configSchema>;

/** Keys that the documentation of later releases has and this release does not read: saying so is better than ignoring them. */
export const planned: readonly string[] = [
  "venues.polyrouter",
  "venues.weather",
  "listeners.*.snapshots",
  "listeners.*.forward_fill",
  "backfill",
  "retention",
  "edges",
  "alerts",
  "server",
];

/** Values of `type` in `sinks` that come with a later release. */
export const plannedSinks: readonly string[] = ["supabase"];
