import type { Micros } from "../model/time.ts";

/** Up to where the trades of a market were read over REST. */
export interface TradesRead {
  /** What changes with every trade, as the venue writes it: a volume, the time of a book. */
  readonly mark: string;
  readonly at: Micros;
}

/** One look at markets. */
export interface Look {
  /** From when on trades are wanted of what was not read before. */
  readonly since: Micros;
  readonly now: Micros;
  /** By market or token. */
  readonly read: Map<string, TradesRead>;
}

/** A trade may be listed this long after what shows that there was one. */
const LATE: Micros = 15_000_000;
/** What was read longer ago than this was recorded by a stream in the meantime, or is for `backfill`. */
const FORGOTTEN: Micros = 3_600_000_000;

/** From when on the trades of a market are asked for. */
export function tradesSince({ since, now, read }: Look, name: string): Micros {
  const at = read.get(name)?.at;
  return at === undefined ? since : Math.max(at - LATE, now - FORGOTTEN);
}

/** What of this is still looked at. */
export function kept(read: ReadonlyMap<string, TradesRead>, names: readonly string[]): Map<string, TradesRead> {
  const still = new Map<string, TradesRead>();
  for (const name of names) {
    const known = read.get(name);
    if (known !== undefined) still.set(name, known);
  }
  return still;
}
