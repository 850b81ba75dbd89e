import type { MarketEvent } from "../model/events.ts";
import type { Micros } from "../model/time.ts";

/** A minute is kept as this many pieces; the oldest falls out as a whole. */
const PIECES = 6;
const PIECE: Micros = 10_000_000;
/** Buckets grow by this: an age is known to within 10 %. */
const GROWTH = Math.log(1.1);
/** From 10 µs to about 12 days. */
const BUCKETS = 240;
const LEAST: Micros = 10;

/** How old data was when it arrived, over the last minute, in milliseconds: 10 % exact, 0 where a clock is behind. */
export interface FeedAge {
  readonly venue: string;
  readonly channel: "book" | "trades" | "ticker" | "lifecycle";
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly messages: number;
}

const CHANNELS = {
  book_delta: "book",
  trade: "trades",
  quote: "ticker",
  lifecycle: "lifecycle",
  spot_tick: "ticker",
  spot_trade: "trades",
} as const;

/**
 * Measures `received_at − ts` of what streams, by venue and channel; whole books are left out, they are as old as their last change. It sees every event, so it counts into buckets of a
 * logarithmic scale and allocates nothing.
 */
export class FeedAges {
  readonly #feeds = new Map<string, Map<FeedAge["channel"], Histogram>>();

  see(event: MarketEvent, at: Micros | null): void {
    switch (event.type) {
      case "book_delta":
      case "trade":
      case "quote":
      case "lifecycle":
        if (event.ts === null || at === null) return;
        if (event.type === "trade" && event.source !== "stream") return;
        if (event.type === "quote" && event.trigger !== "tick") return;
        this.#histogram(event.instrument.venue, CHANNELS[event.type]).add(at, at - event.ts);
        break;
      case "spot_tick":
      case "spot_trade":
        if (event.ts === null || at === null || (event.type === "spot_tick" && event.isStale)) return;
        this.#histogram(event.venue, CHANNELS[event.type]).add(at, at - event.ts);
        break;
      default:
    }
  }

  /** Of the minute before `now`. */
  report(now: Micros): FeedAge[] {
    return [...this.#feeds].flatMap(([venue, channels]) =>
      [...channels].flatMap(([channel, histogram]) => {
        const found = histogram.percentiles(now);
        return found === null ? [] : [{ venue, channel, ...found }];
      }),
    );
  }

  #histogram(venue: string, channel: FeedAge["channel"]): Histogram {
    let channels = this.#feeds.get(venue);
    if (channels === undefined) this.#feeds.set(venue, (channels = new Map()));
    let histogram = channels.get(channel);
    if (histogram === undefined) channels.set(channel, (histogram = new Histogram()));
    return histogram;
  }
}

class Histogram {
  readonly #counts = new Int32Array(PIECES * BUCKETS);
  /** Which stretch of time each piece holds. */
  readonly #pieces = new Float64Array(PIECES).fill(-1);

  add(at: Micros, age: Micros): void {
    const stretch = Math.floor(at / PIECE);
    const piece = stretch % PIECES;
    if (this.#pieces[piece] !== stretch) {
      this.#pieces[piece] = stretch;
      this.#counts.fill(0, piece * BUCKETS, (piece + 1) * BUCKETS);
    }
    const bucket = age < LEAST ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(age / LEAST) / GROWTH));
    this.#counts[piece * BUCKETS + bucket]! += 1;
  }

  percentiles(now: Micros): Pick<FeedAge, "medianMs" | "p99Ms" | "messages"> | null {
    const sums = new Float64Array(BUCKETS);
    const oldest = Math.floor(now / PIECE) - PIECES;
    let messages = 0;
    for (let piece = 0; piece < PIECES; piece++) {
      if ((this.#pieces[piece] ?? -1) <= oldest) continue;
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const count = this.#counts[piece * BUCKETS + bucket] ?? 0;
        sums[bucket]! += count;
        messages += count;
      }
    }
    if (messages === 0) return null;
    return { medianMs: ageAt(sums, messages / 2), p99Ms: ageAt(sums, messages * 0.99), messages };
  }
}

/** Middle of the bucket in which the `rank`-th age lies, in milliseconds. */
function ageAt(sums: Float64Array, rank: number): number {
  let seen = 0;
  const bucket = sums.findIndex((count) => (seen += count) >= rank);
  return bucket <= 0 ? 0 : Math.round(LEAST * Math.exp((bucket - 0.5) * GROWTH)) / 1000;
}
