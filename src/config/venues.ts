import { z } from "zod";
import { listenerShape } from "../capture/listeners-config.ts";
import { venues } from "../venues/index.ts";
import type { Venue } from "../venues/venue.ts";

type Known = typeof venues;

const all: readonly Venue[] = venues;

/** `venues`: the configuration of each venue, as its folder describes it. */
export const venueConfigs = Object.fromEntries(
  all.map(({ id, docs, config }) => [id, config.prefault({}).describe(docs)]),
) as unknown as { [V in Known[number] as V["id"]]: z.ZodPrefault<V["config"]> };

type ListenerOn<V extends Venue> = z.ZodObject<
  typeof listenerShape & { venue: z.ZodLiteral<V["id"]>; filters: z.ZodPrefault<V["filters"]> },
  z.core.$strict
>;
type ListenersOn<All extends readonly Venue[]> = { [I in keyof All]: ListenerOn<All[I]> };

const listeners = all.map(({ id, needs, channels, filters }) =>
  z.strictObject({
    venue: z.literal(id).describe(needs),
    ...listenerShape,
    channels: z
      .array(z.enum(channels.all))
      .min(1)
      .default([...channels.usual])
      .describe(`what is subscribed on ${id}`),
    filters: filters.prefault({}).describe("any of these, combined with AND; lists are OR"),
  }),
) as unknown as ListenersOn<Known>;

/** A listener, by its venue. */
export const ownListener = z.discriminatedUnion("venue", listeners);
