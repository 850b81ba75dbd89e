import type { ListenerFilters, LiveVenue, Round, WantedMarket } from "../venue.ts";
import { isRefuge, StreamPacking } from "../streams.ts";
import { PolymarketBudget } from "./budget.ts";
import type { PolymarketConfig } from "./config.ts";
import { PolymarketDiscovery } from "./discovery.ts";
import { polymarketFilters } from "./filters.ts";
import { polymarketMaintenance } from "./maintenance.ts";
import { PolymarketPoller } from "./poll.ts";
import { isPong, PolymarketSession } from "./session.ts";
import { PolymarketSettlements } from "./settlements.ts";
import { polymarketWitness } from "./witness.ts";

/** What `record` needs of Polymarket. Everything is public. */
export function polymarketLive(config: PolymarketConfig): LiveVenue {
  const packing = new StreamPacking(config.tokens_per_connection, (market) => market.outcomes.length);
  return {
    format: "polymarket-market",
    unavailable: null,
    budget: new PolymarketBudget(config),
    rest: {
      poller: () => new PolymarketPoller(config),
      settlements: ({ filters }) => new PolymarketSettlements(config.gamma_url, polymarketFilters.parse(filters)),
      bulletins: () => null,
    },
    isKeepAlive: isPong,
    streams: (wanted) => packing.assign(wanted),
    handshake: () => ({ url: config.ws_url, headers: {} }),
    session: (stream: string, wanted: readonly WantedMarket[]) => new PolymarketSession(wanted, isRefuge(stream)),
    move: (move) => packing.move(move),
    maintenance: polymarketMaintenance,
    witness: polymarketWitness(config.clob_url),
    discovery: (listener: ListenerFilters, round: Round) => new PolymarketDiscovery(config.gamma_url, listener, round),
  };
}
