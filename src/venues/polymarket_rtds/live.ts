import { FixedList } from "../fixed-list.ts";
import { noBudget, noRest } from "../no-requests.ts";
import type { ListenerFilters, LiveVenue, WantedMarket } from "../venue.ts";
import type { RtdsConfig } from "./config.ts";
import { rtdsFilters } from "./filters.ts";
import { RtdsSession } from "./session.ts";

/** What `record` needs of the reference prices. A topic is subscribed whole: filters by symbol are refused or ignored (2026). */
export function rtdsLive(config: RtdsConfig): LiveVenue {
  return {
    format: "polymarket-rtds",
    unavailable: null,
    // There is no REST.
    budget: noBudget,
    rest: noRest,
    isKeepAlive: (frame) => frame.length < 8,
    streams: (wanted) => new Map(wanted.length > 0 ? [["prices", wanted]] : []),
    handshake: () => ({ url: config.ws_url, headers: {} }),
    session: (_stream: string, wanted: readonly WantedMarket[]) => new RtdsSession(wanted, config.stale_after),
    discovery: ({ name, channels, maxMarkets, filters }: ListenerFilters) => {
      const { topics } = rtdsFilters.parse(filters);
      const wanted = (topics.length > 0 ? topics : config.topics).map((market): WantedMarket => ({
        venue: "polymarket_rtds",
        market,
        outcomes: [],
        listener: name,
        channels,
        closeAt: null,
      }));
      return new FixedList(wanted, maxMarkets);
    },
  };
}
