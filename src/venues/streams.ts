import type { WantedMarket } from "./venue.ts";

/**
 * Packs markets into streams (connections) of a bounded weight. Stable: a market stays on its stream for as long as
 * it is wanted; room that others left is used again, so that the number of connections does not creep up.
 */
export class StreamPacking {
  readonly #capacity: number;
  readonly #weigh: (market: WantedMarket) => number;
  readonly #streamOf = new Map<string, number>();

  constructor(capacity: number, weigh: (market: WantedMarket) => number) {
    this.#capacity = capacity;
    this.#weigh = weigh;
  }

  /** Name of the stream (`market/0`, `market/1` …) → its markets. */
  assign(wanted: readonly WantedMarket[]): ReadonlyMap<string, readonly WantedMarket[]> {
    const names = new Set(wanted.map((market) => market.market));
    for (const name of this.#streamOf.keys()) if (!names.has(name)) this.#streamOf.delete(name);
    const streams: { weight: number; markets: WantedMarket[] }[] = [];
    const put = (market: WantedMarket, index: number) => {
      while (streams.length <= index) streams.push({ weight: 0, markets: [] });
      const stream = streams[index];
      if (stream === undefined) return;
      stream.weight += this.#weigh(market);
      stream.markets.push(market);
      this.#streamOf.set(market.market, index);
    };
    const fresh: WantedMarket[] = [];
    for (const market of wanted) {
      const index = this.#streamOf.get(market.market);
      if (index === undefined) fresh.push(market);
      else put(market, index);
    }
    let first = 0;
    for (const market of fresh) {
      const weight = this.#weigh(market);
      while ((streams[first]?.weight ?? 0) > 0 && (streams[first]?.weight ?? 0) + weight > this.#capacity) first++;
      put(market, first);
    }
    return new Map(
      streams.flatMap((stream, index) => (stream.markets.length > 0 ? [[`market/${index}`, stream.markets]] : [])),
    );
  }
}
