import type { Micros } from "../../model/time.ts";
import type { ListenerFilters, LiveVenue, WantedMarket } from "../venue.ts";
import { isRefuge, StreamPacking } from "../streams.ts";
import { readPrivateKey, signedHeaders } from "./auth.ts";
import { type KalshiConfig, kalshiUrls } from "./config.ts";
import { KalshiDiscovery } from "./discovery.ts";
import { KnownGroups } from "./groups.ts";
import { kalshiMaintenance } from "./maintenance.ts";
import { kalshiRefusal } from "./refusal.ts";
import { KalshiSession } from "./session.ts";
import { kalshiWitness } from "./witness.ts";

/** Basic tier: 200 tokens a second, 10 for each market-data request, two seconds' worth in the bucket (docs.kalshi.com/getting_started/rate_limits). */
const REQUESTS_PER_SECOND = 20;

/** What `record` needs of Kalshi. Throws `UsageError` where `config` holds a key that cannot be read. */
export function kalshiLive(config: KalshiConfig): LiveVenue {
  const urls = kalshiUrls(config);
  const key = config.private_key === undefined ? null : readPrivateKey(config.private_key);
  const packing = new StreamPacking(config.markets_per_connection, () => 1);
  const known = new KnownGroups();
  const perSecond = REQUESTS_PER_SECOND * config.rate_share;
  return {
    format: "kalshi-ws-v2",
    unavailable:
      key === null || config.key_id === undefined
        ? "Kalshi's WebSocket needs an API key: set venues.kalshi.key_id and private_key_path"
        : null,
    budget: { perSecond, burst: perSecond },
    isKeepAlive: () => false,
    streams: (wanted) => packing.assign(wanted),
    handshake(now: Micros) {
      if (key === null || config.key_id === undefined) return { url: urls.ws, headers: {} };
      const { pathname } = new URL(urls.ws);
      return { url: urls.ws, headers: signedHeaders(config.key_id, key, Math.floor(now / 1000), "GET", pathname) };
    },
    session: (stream: string, wanted: readonly WantedMarket[]) => new KalshiSession(wanted, isRefuge(stream)),
    move: (move) => packing.move(move),
    maintenance: kalshiMaintenance,
    refused: kalshiRefusal,
    witness: kalshiWitness(urls.rest),
    discovery: (listener: ListenerFilters) => new KalshiDiscovery(urls.rest, listener, known),
  };
}
