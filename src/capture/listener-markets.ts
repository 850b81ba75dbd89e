import type { Micros } from "../model/time.ts";
import type { Discovery, WantedMarket } from "../venues/venue.ts";

/** The venue sends a market's last frames some 25 s after its close (seen on Kalshi, April to August 2026). */
const LAST_FRAMES: Micros = 60_000_000;
/** A market whose result does not come is given up after this long. */
const UNSETTLED: Micros = 7 * 86_400_000_000;

/** Why a market is recorded no more. `unlisted`: two whole listings in a row lacked it; lists flicker. */
export type Departure = "settled" | "unlisted" | "unsettled" | "listener changed" | "listener removed";

export interface MarketChanges {
  readonly added: readonly WantedMarket[];
  /** Markets whose times changed, or that trade again. */
  readonly changed: readonly WantedMarket[];
  /** Markets that were seen to trade no more for the first time. */
  readonly over: readonly string[];
  readonly removed: ReadonlyMap<Departure, readonly string[]>;
}

interface Entry {
  readonly market: WantedMarket;
  /** Whole listings in a row that lacked it. */
  missing: number;
  /** When it was first seen to trade no more. */
  overAt: Micros | null;
  /** Its result is known; a listing says so only once. */
  isSettled: boolean;
  /** Taken over from the listener before this one; not found by this one yet. */
  readonly isInherited: boolean;
}

/** One listener's markets in force. A market stays until its result is known, and what comes after its close is recorded. */
export class ListenerMarkets {
  readonly #entries = new Map<string, Entry>();

  constructor(inherited: readonly WantedMarket[]) {
    for (const market of inherited)
      this.#entries.set(market.market, { market, missing: 0, overAt: null, isSettled: false, isInherited: true });
  }

  get all(): readonly WantedMarket[] {
    return [...this.#entries.values()].map(({ market, overAt }) =>
      overAt === null ? market : { ...market, isOver: true },
    );
  }

  get size(): number {
    return this.#entries.size;
  }

  has(market: string): boolean {
    return this.#entries.has(market);
  }

  get(market: string): WantedMarket | null {
    return this.#entries.get(market)?.market ?? null;
  }

  isOver(market: string): boolean {
    return (this.#entries.get(market)?.overAt ?? null) !== null;
  }

  /** Takes over a listing; `whole`: it named everything that is wanted. */
  update(discovery: Discovery, whole: boolean, now: Micros): MarketChanges {
    const added: WantedMarket[] = [];
    const changed: WantedMarket[] = [];
    const removed = new Map<Departure, string[]>();
    const newlyOver: string[] = [];
    const listed = new Set<string>();
    for (const market of discovery.markets) {
      listed.add(market.market);
      const before = this.#entries.get(market.market);
      this.#entries.set(market.market, { market, missing: 0, overAt: null, isSettled: false, isInherited: false });
      if (before === undefined || before.isInherited) added.push(market);
      else if (before.overAt !== null || !hasTimesOf(before.market, market)) changed.push(market);
    }
    const remove = (name: string, why: Departure) => {
      this.#entries.delete(name);
      const names = removed.get(why);
      if (names === undefined) removed.set(why, [name]);
      else names.push(name);
    };
    for (const [name, entry] of this.#entries) {
      if (listed.has(name)) continue;
      const over = discovery.over?.get(name);
      if (over !== undefined && entry.overAt === null) {
        entry.overAt = now;
        newlyOver.push(name);
      }
      entry.isSettled ||= over === "settled";
      if (entry.isSettled && now >= Math.min(entry.market.closeAt ?? Infinity, entry.overAt ?? now) + LAST_FRAMES)
        remove(name, "settled");
      else if (entry.overAt !== null && now >= entry.overAt + UNSETTLED) remove(name, "unsettled");
      else if (whole && over === undefined && entry.overAt === null) {
        if (entry.isInherited) remove(name, "listener changed");
        // A market whose time is up may be between two lists: it is asked for by its name.
        else if ((entry.market.closeAt ?? Infinity) > now && ++entry.missing >= 2) remove(name, "unlisted");
        else if ((entry.market.closeAt ?? Infinity) <= now) {
          entry.overAt = now;
          newlyOver.push(name);
        }
      }
    }
    return { added, changed, over: newlyOver, removed };
  }
}

function hasTimesOf(one: WantedMarket, other: WantedMarket): boolean {
  return one.closeAt === other.closeAt && one.openAt === other.openAt;
}
