import type { Move, WantedMarket } from "./venue.ts";

/** Streams that take over what others do not serve; more would be connections without end. */
const REFUGES = 8;
const REFUGE = "again/";

/** The stream exists for markets that another one did not serve. */
export function isRefuge(stream: string): boolean {
  return stream.startsWith(REFUGE);
}

/**
 * Packs markets into streams (connections) of a bounded weight. Stable: a market stays on its stream for as long as
 * it is wanted; room that others left is used again, so that the number of connections does not creep up. Markets that
 * their stream does not serve move: each time to a new one, as far as there may be more.
 */
export class StreamPacking {
  readonly #capacity: number;
  readonly #weigh: (market: WantedMarket) => number;
  readonly #streamOf = new Map<string, string>();
  /** Of streams that turned out to hold less. */
  readonly #capacities = new Map<string, number>();
  #refuges = 0;

  constructor(capacity: number, weigh: (market: WantedMarket) => number) {
    this.#capacity = capacity;
    this.#weigh = weigh;
  }

  /** `assign` then puts these markets elsewhere: a full stream's where there is room, an unable one's on a new stream. */
  move({ stream, markets, capacity }: Move): void {
    if (capacity !== null) this.#capacities.set(stream, capacity);
    const refuge = `${REFUGE}${this.#refuges % REFUGES}`;
    if (capacity === null) this.#refuges++;
    for (const market of markets) {
      if (this.#streamOf.get(market) !== stream) continue;
      if (capacity === null) this.#streamOf.set(market, refuge);
      else this.#streamOf.delete(market);
    }
  }

  /** Name of the stream (`market/0`, `market/1` …) → its markets. */
  assign(wanted: readonly WantedMarket[]): ReadonlyMap<string, readonly WantedMarket[]> {
    const names = new Set(wanted.map((market) => market.market));
    for (const name of this.#streamOf.keys()) if (!names.has(name)) this.#streamOf.delete(name);
    const streams = new Map<string, { weight: number; markets: WantedMarket[] }>();
    const put = (market: WantedMarket, stream: string) => {
      let entry = streams.get(stream);
      if (entry === undefined) streams.set(stream, (entry = { weight: 0, markets: [] }));
      entry.weight += this.#weigh(market);
      entry.markets.push(market);
      this.#streamOf.set(market.market, stream);
    };
    const fresh: WantedMarket[] = [];
    for (const market of wanted) {
      const stream = this.#streamOf.get(market.market);
      if (stream === undefined) fresh.push(market);
      else put(market, stream);
    }
    let index = 0;
    const fits = (stream: string, weight: number) => {
      const used = streams.get(stream)?.weight ?? 0;
      const capacity = this.#capacities.get(stream) ?? this.#capacity;
      return used + weight <= capacity || (used === 0 && !this.#capacities.has(stream));
    };
    for (const market of fresh) {
      while (!fits(`market/${index}`, this.#weigh(market))) index++;
      put(market, `market/${index}`);
    }
    return new Map(Array.from(streams, ([stream, { markets }]) => [stream, markets]));
  }
}
