import type { Listener } from "../capture/listener.ts";
import type { Config } from "../config/schema.ts";
import { venues } from "../venues/index.ts";
import type { Venue } from "../venues/venue.ts";

const DISCOVERY_EVERY = 3_600_000_000;
const MOST_MARKETS = 10_000;

/**
 * Listeners that nobody wrote down: venues whose products their own configuration names are recorded where it is given
 * and no listener is on them. `sources` says what was given (see `LoadedConfig`).
 */
export function ownListeners(
  config: Config,
  sources: ReadonlyMap<string, string>,
  listeners: readonly Listener[],
): Listener[] {
  return (venues as readonly Venue[]).flatMap((venue) => {
    const { id } = venue;
    const given = [...sources.keys()].some((path) => `${path}.`.startsWith(`venues.${id}.`));
    const own = given && !listeners.some((listener) => listener.venue === id);
    if (!own || venue.ownListener === undefined) return [];
    const { channels, filters } = venue.ownListener(config.venues[id as keyof Config["venues"]] as never);
    return [{ name: id, venue: id, channels, filters, maxMarkets: MOST_MARKETS, discoveryEvery: DISCOVERY_EVERY }];
  });
}
