import type { Listener } from "../capture/listener.ts";
import { formatBytes } from "../config/units.ts";
import type { Discovery } from "../venues/venue.ts";

/** A guess with its bounds. */
interface Range {
  readonly low: number;
  readonly likely: number;
  readonly high: number;
}

/** Frames a day of a market: so many whatever happens, and so many for each unit traded in a day. */
interface Liveliness {
  readonly idle: Range;
  readonly perUnit: Range;
}

/**
 * Where the figures come from: docs/measurements.md, "What recording costs". Kalshi: book changes per contract in the
 * KXBTC15M captures of May 2026 (0.03, 0.11 and 0.26); quiet markets are assumed. Polymarket: assumed, no capture has
 * both frames and volume. Spread because of it.
 */
const LIVELINESS: Readonly<Record<string, Liveliness>> = {
  kalshi: { idle: { low: 50, likely: 500, high: 5_000 }, perUnit: { low: 0.03, likely: 0.1, high: 0.26 } },
  polymarket: { idle: { low: 200, likely: 2_000, high: 10_000 }, perUnit: { low: 0.2, likely: 1, high: 4 } },
};

/**
 * Bytes for each frame. Journal and Parquet as measured (20.9 and 9.3, docs/measurements.md); a Polymarket frame makes
 * rows of both outcomes. Databases hold everything but single book changes by default, some 5 rows for 100 frames; with
 * all tables a change takes 208 bytes in PostgreSQL.
 */
const BYTES: Readonly<Record<string, Range>> = {
  journal: { low: 15, likely: 21, high: 60 },
  parquet: { low: 9, likely: 12, high: 30 },
  sqlite: { low: 3, likely: 15, high: 50 },
  postgres: { low: 4, likely: 20, high: 70 },
};

const DAY = 86_400;

export interface Cost {
  readonly listeners: readonly {
    readonly name: string;
    readonly venue: string;
    readonly markets: number;
    readonly left_out: number;
    readonly frames_per_second: Range;
  }[];
  /** Each market once, however many listeners want it. */
  readonly markets: number;
  readonly frames_per_second: Range;
  /** By sink, the databases with their default tables. */
  readonly gigabytes_per_day: Readonly<Record<string, Range>>;
}

/** What it will cost to record these listings, from what was traded in the last day. */
export function estimateCost(found: readonly { readonly listener: Listener; readonly discovery: Discovery }[]): Cost {
  const byMarket = new Map<string, Range>();
  const listeners = found.map(({ listener, discovery }) => {
    const frames = discovery.markets.map((market) => {
      const each = framesOf(listener, discovery.recent?.get(market.market) ?? 0);
      const name = `${market.venue} ${market.market}`;
      byMarket.set(name, larger(byMarket.get(name) ?? each, each));
      return each;
    });
    return {
      name: listener.name,
      venue: listener.venue,
      markets: discovery.markets.length,
      left_out: discovery.leftOut,
      frames_per_second: total(frames, 1 / DAY),
    };
  });
  const all = [...byMarket.values()];
  const sinks = Object.entries(BYTES).map(([sink, bytes]) => [
    sink,
    total(
      all.map(({ low, likely, high }) => ({
        low: low * bytes.low,
        likely: likely * bytes.likely,
        high: high * bytes.high,
      })),
      1e-9,
    ),
  ]);
  return {
    listeners,
    markets: byMarket.size,
    frames_per_second: total(all, 1 / DAY),
    gigabytes_per_day: Object.fromEntries(sinks) as Readonly<Record<string, Range>>,
  };
}

/** Lines for people. */
export function describeCost({ listeners, markets, frames_per_second, gigabytes_per_day }: Cost): string[] {
  const rate = ({ low, likely, high }: Range) => `${round(likely)} frames/s (${round(low)} to ${round(high)})`;
  const size = (gigabytes: number) => formatBytes(Math.round(gigabytes * 1e9));
  return [
    ...listeners.map(
      (each) =>
        `listener ${each.name} (${each.venue}): ${each.markets} markets${each.left_out > 0 ? `, ${each.left_out} left out` : ""}, ${rate(each.frames_per_second)}`,
    ),
    `together: ${markets} markets, ${rate(frames_per_second)}, each a day:`,
    ...Object.entries(gigabytes_per_day).map(
      ([sink, { low, likely, high }]) => `  ${sink.padEnd(9)} ${size(likely)} (${size(low)} to ${size(high)})`,
    ),
    "sqlite and postgres with their default tables, without single book changes. The ranges are wide because how often a",
    "book changes is only guessed from what was traded: docs/measurements.md.",
  ];
}

function framesOf({ venue, channels, outcomes }: Listener, traded: number): Range {
  const { idle, perUnit } = LIVELINESS[venue] ?? { idle: ZERO, perUnit: ZERO };
  // Nearly all frames are book changes; a Polymarket frame has both outcomes, so that one spares its rows, not frames.
  const share = channels.includes("book") ? (outcomes === "first" ? 0.8 : 1) : 0.05;
  const of = (key: keyof Range) => share * (idle[key] + perUnit[key] * traded);
  return { low: of("low"), likely: of("likely"), high: of("high") };
}

const ZERO: Range = { low: 0, likely: 0, high: 0 };

function larger(a: Range, b: Range): Range {
  return a.likely >= b.likely ? a : b;
}

function total(ranges: readonly Range[], unit: number): Range {
  const sum = (key: keyof Range) => round(ranges.reduce((all, each) => all + each[key], 0) * unit);
  return { low: sum("low"), likely: sum("likely"), high: sum("high") };
}

/** Three digits that mean something. */
function round(value: number): number {
  return Number(value.toPrecision(3));
}
