import type { Micros } from "../model/time.ts";
import type { Round, WantedMarket } from "../venues/venue.ts";

const SECOND: Micros = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A whole list of so few requests is as cheap as its changes. */
const FEW_REQUESTS = 3;
/** The venue's lists lag behind its clock (Kalshi's `open` list shows a dead market for some 30 s after its end). */
const AFTER_OPENING = 2 * SECOND;
const AFTER_CLOSE = 30 * SECOND;
/** A market that lives this long or less belongs to a row of them: the next one is looked for before this one closes. */
const RECURRING = 2 * HOUR;
const AHEAD = MINUTE;
/** A market that is over is asked for until its result is known: first soon, then ever more seldom. */
const RESULT_MIN = 30 * SECOND;
const RESULT_MAX = HOUR;
/** A market that was announced and is not listed yet: minutes at most on both venues. */
const ABSENT_MIN = SECOND;
const ABSENT_MAX = MINUTE;
const ABSENT_ATTEMPTS = 12;
/** Announcements of the same market within this are one. */
const ONE_ANNOUNCEMENT = 10 * SECOND;
/** Names in one round; the others wait for the next. */
const NAMES = 500;

export interface AgendaOptions {
  readonly every: Micros;
  /** How often the whole list is read where changes can be listed instead. */
  readonly wholeEvery: Micros;
  /** In [0, 1). */
  readonly random: () => number;
}

/** A round to make. */
export interface Task {
  readonly scope: Round["scope"];
  /** Markets to ask for by name → how often in a row that was in vain. */
  readonly named: ReadonlyMap<string, number>;
}

interface Look {
  readonly at: Micros;
  readonly attempts: number;
}

/**
 * When a listener's markets are listed, and how: pure, its time is given. The whole list at the start and seldom after,
 * what changed in between, and single markets when something must have happened to them, because venues announce
 * neither the opening nor the close.
 */
export class DiscoveryAgenda {
  readonly #options: AgendaOptions;
  #wholeAt: Micros = -Infinity;
  #changesAt: Micros = Infinity;
  #wholeIsCheap = true;
  /** When recurring markets make room for the next: whole seconds. */
  readonly #moments = new Set<Micros>();
  readonly #looks = new Map<string, Look>();
  /** When each market was last announced; those of the last seconds. */
  readonly #announced = new Map<string, Micros>();

  constructor(options: AgendaOptions) {
    this.#options = options;
  }

  /** When the next round is due. */
  get at(): Micros {
    let at = Math.min(this.#wholeAt, this.#changesAt);
    for (const moment of this.#moments) at = Math.min(at, moment);
    for (const look of this.#looks.values()) at = Math.min(at, look.at);
    return at;
  }

  /** Takes what is due at this time from the agenda; null where nothing is. */
  take(now: Micros): Task | null {
    if (this.at > now) return null;
    const named = new Map<string, number>();
    for (const [name, { at, attempts }] of this.#looks) {
      if (at > now) continue;
      if (named.size === NAMES) break;
      named.set(name, attempts);
      this.#looks.delete(name);
    }
    let changes = this.#changesAt <= now;
    for (const moment of this.#moments) {
      if (moment > now) continue;
      this.#moments.delete(moment);
      changes = true;
    }
    if (this.#wholeAt <= now || (changes && this.#wholeIsCheap)) return { scope: "all", named };
    return { scope: changes ? "changes" : "named", named };
  }

  /** A listing was read to its end. `requests`: how many it took; `incremental`: whether its changes can be listed. */
  done({ scope }: Task, requests: number, incremental: boolean, now: Micros): void {
    if (scope === "named") return;
    this.#changesAt = now + this.#options.every;
    if (scope === "changes") return;
    this.#wholeIsCheap = requests <= FEW_REQUESTS || !incremental;
    this.#wholeAt =
      now + (this.#wholeIsCheap ? this.#options.every : Math.max(this.#options.every, this.#options.wholeEvery));
  }

  /** A round failed: the same again later. */
  failed({ scope, named }: Task, again: Micros): void {
    for (const [name, attempts] of named) this.#looks.set(name, { at: again, attempts });
    if (scope === "all") this.#wholeAt = again;
    if (scope !== "named") this.#changesAt = again;
  }

  /** A market is wanted, or its times changed: its opening, its close and its successor are looked for when they are due. */
  follow({ market, openAt = null, closeAt }: WantedMarket, now: Micros): void {
    if (openAt !== null && openAt > now) this.#look(market, openAt + AFTER_OPENING);
    else if (closeAt !== null && closeAt > now) this.#look(market, closeAt + AFTER_CLOSE);
    if (closeAt === null || closeAt <= now || closeAt - Math.max(now, openAt ?? now) > RECURRING) return;
    for (const moment of [closeAt - AHEAD, closeAt + AFTER_OPENING]) {
      if (moment > now) this.#moments.add(Math.ceil(moment / SECOND) * SECOND);
    }
  }

  /** Something was said of a market on the stream. */
  announced(market: string, now: Micros): void {
    for (const [name, at] of this.#announced) {
      if (at > now - ONE_ANNOUNCEMENT) break;
      this.#announced.delete(name);
    }
    if (this.#announced.has(market)) return;
    this.#announced.set(market, now);
    this.#looks.set(market, { at: now, attempts: 0 });
  }

  /** The venue does not list a market that was asked for (again): asked for once more, but not for ever. */
  absent(market: string, attempts: number, now: Micros): void {
    if (attempts >= ABSENT_ATTEMPTS) return;
    this.#looks.set(market, { at: now + this.#wait(attempts, ABSENT_MIN, ABSENT_MAX), attempts: attempts + 1 });
  }

  /** A market trades no more and its result is not known. */
  awaitResult(market: string, attempts: number, now: Micros): void {
    this.#looks.set(market, { at: now + this.#wait(attempts, RESULT_MIN, RESULT_MAX), attempts: attempts + 1 });
  }

  /** A market is wanted no more. */
  forget(market: string): void {
    this.#looks.delete(market);
  }

  #look(market: string, at: Micros): void {
    this.#looks.set(market, { at, attempts: 0 });
  }

  /** Doubles from `min` to `max`, the upper half of it drawn, so that many markets do not come at once. */
  #wait(attempts: number, min: Micros, max: Micros): Micros {
    const whole = Math.min(max, min * 2 ** Math.min(attempts, 30));
    return Math.round(whole / 2 + (whole / 2) * this.#options.random());
  }
}
