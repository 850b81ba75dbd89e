import { FixedList } from "../fixed-list.ts";
import { noBudget, noRest } from "../no-requests.ts";
import { StreamPacking } from "../streams.ts";
import type { ListenerFilters, LiveVenue, WantedMarket } from "../venue.ts";
import { type CoinbaseConfig, coinbaseSocket } from "./config.ts";
import { coinbaseFilters } from "./filters.ts";
import { canonical } from "./products.ts";
import { CoinbaseSession } from "./session.ts";
import { dialects } from "./wire.ts";

/** No limit is published for tickers; a hundred products keep a connection's traffic below a thousand frames a second. */
const PRODUCTS_PER_CONNECTION = 100;

const HEARTBEATS = ['"channel":"heartbeats"', '"type":"heartbeat"'];
/** Heartbeats are shorter than this. */
const HEARTBEAT_BYTES = 400;

/** What `record` needs of Coinbase. Everything is public, and which products there are says the configuration. */
export function coinbaseLive(config: CoinbaseConfig): LiveVenue {
  const dialect = dialects[config.feed];
  const packing = new StreamPacking(PRODUCTS_PER_CONNECTION, () => 1);
  return {
    format: dialect.format,
    unavailable: null,
    budget: noBudget,
    rest: noRest,
    isKeepAlive: (frame) => frame.length < HEARTBEAT_BYTES && HEARTBEATS.some((mark) => frame.includes(mark)),
    streams: (wanted) => packing.assign(wanted),
    handshake: () => ({ url: coinbaseSocket(config), headers: {} }),
    session: (_stream: string, wanted: readonly WantedMarket[]) =>
      new CoinbaseSession(wanted, dialect, config.stale_after),
    discovery: (listener: ListenerFilters) => new FixedList(wantedOf(listener, config.products), listener.maxMarkets),
  };
}

/** The listener's products, each once however it is spelt. */
function wantedOf(listener: ListenerFilters, usual: readonly string[]): WantedMarket[] {
  const { products } = coinbaseFilters.parse(listener.filters);
  const named = products.length > 0 ? products : usual;
  const ids = named.map(canonical);
  const each = named.filter((name, i) => ids.indexOf(canonical(name)) === i);
  return each.map((market) => ({
    venue: "coinbase",
    market,
    outcomes: [],
    listener: listener.name,
    channels: listener.channels,
    closeAt: null,
  }));
}
