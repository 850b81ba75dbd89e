import type { Micros } from "../model/time.ts";
import type { Discovery, Round, WantedMarket } from "../venues/venue.ts";
import { type AgendaOptions, DiscoveryAgenda, type Task } from "./discovery-agenda.ts";
import { ListenerMarkets, type MarketChanges } from "./listener-markets.ts";

/**
 * What one listener waits for: when to list, and what became of its markets. Pure: who uses it makes the requests and
 * says what time it is.
 */
export class ListenerWatch {
  readonly markets: ListenerMarkets;
  readonly #agenda: DiscoveryAgenda;
  #last: Discovery | null = null;

  /** `inherited`: markets of the listener that this one takes the place of. */
  constructor(options: AgendaOptions, inherited: readonly WantedMarket[] = []) {
    this.#agenda = new DiscoveryAgenda(options);
    this.markets = new ListenerMarkets(inherited);
  }

  /** When the next round is due. */
  get at(): Micros {
    return this.#agenda.at;
  }

  /** Takes the round that is due; null where none is. It ends with `listed` or `failed`. */
  take(now: Micros): Task | null {
    return this.#agenda.take(now);
  }

  /** What the round asks of the venue. */
  round({ scope, named }: Task, now: Micros): Round {
    return { now, since: this.#last, scope, named: [...named.keys()] };
  }

  announced(market: string, now: Micros): void {
    this.#agenda.announced(market, now);
  }

  /** The round failed: the same again later. */
  failed(task: Task, again: Micros): void {
    this.#agenda.failed(task, again);
  }

  /** The round's listing was read to its end with this many requests. */
  listed(task: Task, discovery: Discovery, requests: number, now: Micros): MarketChanges {
    this.#last = discovery;
    this.#agenda.done(task, requests, discovery.exhaustive, now);
    const changes = this.markets.update(discovery, task.scope === "all", now);
    for (const market of [...changes.added, ...changes.changed]) this.#agenda.follow(market, now);
    for (const market of discovery.absent ?? []) this.#agenda.absent(market, task.named.get(market) ?? 0, now);
    for (const [name, attempts] of task.named) {
      const market = this.markets.get(name);
      if (market === null) continue;
      const isOver = this.markets.isOver(name) || (market.closeAt ?? Infinity) <= now;
      if (isOver) this.#agenda.awaitResult(name, attempts, now);
      else this.#agenda.follow(market, now);
    }
    for (const name of changes.over) if (!task.named.has(name)) this.#agenda.awaitResult(name, 0, now);
    for (const names of changes.removed.values()) for (const name of names) this.#agenda.forget(name);
    return changes;
  }
}
