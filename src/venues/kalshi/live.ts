import type { Micros } from "../../model/time.ts";
import type { ListenerFilters, LiveVenue, Round, WantedMarket } from "../venue.ts";
import { isRefuge, StreamPacking } from "../streams.ts";
import { readPrivateKey, signedHeaders } from "./auth.ts";
import { KalshiBudget } from "./budget.ts";
import { type KalshiConfig, kalshiUrls } from "./config.ts";
import { KalshiDiscovery } from "./discovery.ts";
import { KalshiFilter } from "./filter.ts";
import { kalshiFilters } from "./filters.ts";
import { KnownGroups } from "./groups.ts";
import { kalshiMaintenance } from "./maintenance.ts";
import { KalshiPoller } from "./poll.ts";
import { kalshiRefusal } from "./refusal.ts";
import { KalshiSession } from "./session.ts";
import { kalshiBulletins, KalshiSettlements } from "./settlements.ts";
import { kalshiWitness } from "./witness.ts";

/** What `record` needs of Kalshi. Throws `UsageError` where `config` holds a key that cannot be read. */
export function kalshiLive(config: KalshiConfig): LiveVenue {
  const urls = kalshiUrls(config);
  const key = config.private_key === undefined ? null : readPrivateKey(config.private_key);
  const packing = new StreamPacking(config.markets_per_connection, () => 1);
  const known = new KnownGroups();
  const signer = key === null || config.key_id === undefined ? null : { id: config.key_id, key };
  const filters = new WeakMap<ListenerFilters, KalshiFilter>();
  return {
    format: "kalshi-ws-v2",
    unavailable:
      signer === null ? "Kalshi's WebSocket needs an API key: set venues.kalshi.key_id and private_key_path" : null,
    budget: new KalshiBudget(urls.rest, config.rate_share, signer),
    rest: {
      poller: () => new KalshiPoller(urls.rest),
      settlements: (listener) => new KalshiSettlements(urls.rest, closedMarkets(urls.rest, listener, known)),
      bulletins: () => kalshiBulletins(urls.rest),
    },
    isKeepAlive: () => false,
    streams: (wanted) => packing.assign(wanted),
    handshake(now: Micros) {
      if (signer === null) return { url: urls.ws, headers: {} };
      const { pathname } = new URL(urls.ws);
      return { url: urls.ws, headers: signedHeaders(signer.id, signer.key, Math.floor(now / 1000), "GET", pathname) };
    },
    session: (stream: string, wanted: readonly WantedMarket[]) => new KalshiSession(wanted, isRefuge(stream)),
    move: (move) => packing.move(move),
    maintenance: kalshiMaintenance,
    refused: kalshiRefusal,
    witness: kalshiWitness(urls.rest),
    discovery: (listener: ListenerFilters, round: Round) => new KalshiDiscovery(urls.rest, listener, known, round),
    mayWant(listener: ListenerFilters, market: string) {
      // Thousands of markets may be announced at once.
      const filter = filters.get(listener) ?? new KalshiFilter(listener.filters, known);
      filters.set(listener, filter);
      return filter.mayWant(market);
    },
  };
}

/** Lists what of a listener's markets is over and not finalized. Null where it records other markets than open ones. */
function closedMarkets(base: string, listener: ListenerFilters, known: KnownGroups): KalshiDiscovery | null {
  const filters = kalshiFilters.parse(listener.filters);
  if (filters.status !== "open") return null;
  const closed = { ...listener, filters: { ...filters, status: "closed" } };
  return new KalshiDiscovery(base, closed, known, { now: 0, since: null, scope: "all", named: [] });
}
