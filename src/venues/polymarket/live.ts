import type { ListenerFilters, LiveVenue, WantedMarket } from "../venue.ts";
import { isRefuge, StreamPacking } from "../streams.ts";
import type { PolymarketConfig } from "./config.ts";
import { PolymarketDiscovery } from "./discovery.ts";
import { polymarketMaintenance } from "./maintenance.ts";
import { isPong, PolymarketSession } from "./session.ts";
import { polymarketWitness } from "./witness.ts";

/** Gamma `/markets`: 300 requests in 10 s (docs.polymarket.com/api-reference/rate-limits, 2026). */
const REQUESTS_PER_SECOND = 30;

/** What `record` needs of Polymarket. Everything is public. */
export function polymarketLive(config: PolymarketConfig): LiveVenue {
  const packing = new StreamPacking(config.tokens_per_connection, (market) => market.outcomes.length);
  const perSecond = REQUESTS_PER_SECOND * config.rate_share;
  return {
    format: "polymarket-market",
    unavailable: null,
    budget: { perSecond, burst: perSecond },
    isKeepAlive: isPong,
    streams: (wanted) => packing.assign(wanted),
    handshake: () => ({ url: config.ws_url, headers: {} }),
    session: (stream: string, wanted: readonly WantedMarket[]) => new PolymarketSession(wanted, isRefuge(stream)),
    move: (move) => packing.move(move),
    maintenance: polymarketMaintenance,
    witness: polymarketWitness(config.clob_url),
    discovery: (listener: ListenerFilters) => new PolymarketDiscovery(config.gamma_url, listener),
  };
}
