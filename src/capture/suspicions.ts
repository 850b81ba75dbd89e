/** Seconds of silence of an active market after which REST is asked, and how long and how often it is asked then. */
export const SUSPECT_AFTER = 18;
const LOOK_EVERY = 6;
const LOOKS = 4;
/** A change that REST shows may be on its way to us for so long. */
const GRACE = 3;

export interface Silent {
  readonly market: string;
  /** Second of its last frame. */
  readonly last: number;
}

export interface Verdict extends Silent {
  /** REST showed two states between which the stream sent nothing; else the market is quiet. */
  readonly stalled: boolean;
  readonly before: string;
  readonly after: string;
}

interface Case {
  last: number;
  /** The first print. */
  before: string | null;
  after: string | null;
  looks: number;
  lookAt: number;
  /** When the verdict falls, if no frame comes before it. */
  dueAt: number | null;
}

/**
 * Active markets that fell silent, on trial: REST is asked for a print of each, again and again. Two prints that differ
 * while no frame came prove that the stream withheld one. Prints that stay equal mean a quiet market. Neither needs our
 * own book, and a REST answer that lags behind the stream does no harm.
 */
export class Suspicions {
  readonly #cases = new Map<string, Case>();

  /** Takes the active markets that are silent now: those that are not any more are acquitted. */
  update(silent: readonly Silent[], second: number): void {
    const names = new Map(silent.map(({ market, last }) => [market, last]));
    for (const [market, { last }] of this.#cases) if (names.get(market) !== last) this.#cases.delete(market);
    for (const { market, last } of silent) {
      if (this.#cases.has(market)) continue;
      this.#cases.set(market, { last, before: null, after: null, looks: 0, lookAt: second, dueAt: null });
    }
  }

  /** Markets whose print is wanted now. */
  wanted(second: number): string[] {
    const wanted: string[] = [];
    for (const [market, one] of this.#cases) {
      if (one.dueAt !== null || one.looks >= LOOKS || second < one.lookAt) continue;
      one.looks++;
      one.lookAt = second + LOOK_EVERY;
      wanted.push(market);
    }
    return wanted;
  }

  /** What REST showed. Markets that it does not know are left as they are. */
  seen(prints: ReadonlyMap<string, string>, second: number): void {
    for (const [market, print] of prints) {
      const one = this.#cases.get(market);
      if (one === undefined || one.dueAt !== null) continue;
      if (one.before === null) one.before = print;
      else if (print !== one.before) {
        one.after = print;
        one.dueAt = second + GRACE;
      }
    }
  }

  /** The verdicts that fall now; `update` with what is silent at this second first. */
  verdicts(second: number): Verdict[] {
    const found: Verdict[] = [];
    for (const [market, { last, before, after, looks, lookAt, dueAt }] of this.#cases) {
      const stalled = dueAt !== null && second >= dueAt;
      if (!stalled && (dueAt !== null || looks < LOOKS || second < lookAt)) continue;
      this.#cases.delete(market);
      found.push({ market, last, stalled, before: before ?? "", after: after ?? "" });
    }
    return found;
  }
}
