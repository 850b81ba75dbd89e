import { quietly, sleep } from "../net/sleep.ts";
import { FetchError } from "../ops/errors.ts";
import type { LiveVenue, WantedMarket } from "../venues/venue.ts";
import type { Connection } from "./connection.ts";
import type { Fetcher } from "./fetcher.ts";
import { steadyNow } from "./steady-clock.ts";
import { SUSPECT_AFTER, Suspicions, type Verdict } from "./suspicions.ts";

const ROUND_MS = 2_000;
/** A market that stalls again this soon after fresh books were asked for is given another connection. */
const AGAIN = 600;
/** So many stalled markets at once on one connection are its own stall. */
const WHOLE = 3;
/** Markets whose stalls are remembered. */
const REMEMBERED = 10_000;

export interface StallTrialOptions {
  readonly live: Pick<LiveVenue, "witness" | "maintenance">;
  readonly fetcher: Pick<Fetcher, "fetch">;
  readonly connections: () => readonly Connection[];
}

/**
 * Watches single markets: an active one that falls silent while its connection lives is suspected, REST is asked as a
 * witness, and what it shows decides. A stalled market gets a fresh book; if it stalls again, another connection. Where
 * a venue has no witness, a suspected market is asked for a fresh book, whose absence its session notices.
 */
export class StallTrial {
  readonly #options: StallTrialOptions;
  readonly #suspicions = new Suspicions();
  /** Second of a market's last stall. */
  readonly #stalled = new Map<string, number>();

  constructor(options: StallTrialOptions) {
    this.#options = options;
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await quietly(sleep(ROUND_MS, signal), signal);
      if (!signal.aborted) await this.#round(signal);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { live } = this.#options;
    if ((live.maintenance?.(Date.now() * 1000) ?? null) !== null) return this.#suspicions.update([], seconds());
    const silent = this.#silent();
    if (live.witness === undefined) return this.#askForBooks(silent);
    this.#suspicions.update(
      [...silent.values()].map(({ market, last }) => ({ market: market.market, last })),
      seconds(),
    );
    const wanted = this.#suspicions.wanted(seconds()).flatMap((name) => silent.get(name)?.market ?? []);
    for (let from = 0; from < wanted.length; from += live.witness.marketsPerRequest) {
      await this.#look(live.witness, wanted.slice(from, from + live.witness.marketsPerRequest), signal);
    }
    this.#judge(this.#suspicions.verdicts(seconds()));
  }

  /** The active markets that are silent now, with their connection. */
  #silent(): Map<string, Suspect> {
    const found = new Map<string, Suspect>();
    for (const connection of this.#options.connections()) {
      if (connection.epoch === 0) continue;
      const silent = connection.activity.silent(seconds(), SUSPECT_AFTER);
      if (silent.length === 0) continue;
      const markets = new Map(connection.markets.map((market) => [market.market, market]));
      for (const { market: name, last } of silent) {
        const market = markets.get(name);
        if (market !== undefined) found.set(name, { market, last, connection });
      }
    }
    return found;
  }

  async #look(witness: Witness, markets: readonly WantedMarket[], signal: AbortSignal): Promise<void> {
    try {
      const { status, body } = await this.#options.fetcher.fetch(witness.request(markets), signal);
      const prints = witness.prints(markets, status, body);
      const now = this.#silent();
      this.#suspicions.update(
        [...now.values()].map(({ market, last }) => ({ market: market.market, last })),
        seconds(),
      );
      this.#suspicions.seen(prints, seconds());
    } catch (error) {
      // A witness that does not answer says nothing; the failure is a record already.
      if (!signal.aborted && !(error instanceof FetchError)) throw error;
    }
  }

  #judge(verdicts: readonly Verdict[]): void {
    const now = this.#silent();
    const byConnection = new Map<Connection, Verdict[]>();
    for (const verdict of verdicts) {
      const suspect = now.get(verdict.market);
      if (suspect === undefined) continue;
      if (verdict.stalled) {
        byConnection.set(suspect.connection, [...(byConnection.get(suspect.connection) ?? []), verdict]);
      } else suspect.connection.activity.calm(verdict.market);
    }
    for (const [connection, stalled] of byConnection) {
      for (const verdict of stalled) this.#found(connection, verdict, stalled.length >= WHOLE);
      if (stalled.length >= WHOLE) {
        const [first] = stalled.toSorted((a, b) => a.last - b.last);
        const evidence = { markets: stalled.map(({ market }) => market), ...silence(first?.last ?? seconds()) };
        connection.giveUp({ type: "stall", reason: "witness", ...evidence }, "stall");
      }
    }
  }

  #found(connection: Connection, { market, last, before, after }: Verdict, isWhole: boolean): void {
    const evidence = { market, witness: "rest", before, after, ...silence(last) };
    if (!isWhole) connection.judge({ type: "market-stall", ...evidence });
    const again = seconds() - (this.#stalled.get(market) ?? -Infinity) < AGAIN;
    this.#stalled.delete(market);
    this.#stalled.set(market, seconds());
    const [oldest] = this.#stalled.keys();
    if (this.#stalled.size > REMEMBERED && oldest !== undefined) this.#stalled.delete(oldest);
    if (isWhole) return;
    if (again) connection.move({ markets: [market], capacity: null });
    else connection.resync([market], { type: "resync", reason: "market-stall" });
  }

  /** Without a witness: a fresh book for each, once; who then stays silent is quiet. */
  #askForBooks(silent: ReadonlyMap<string, Suspect>): void {
    const byConnection = new Map<Connection, string[]>();
    for (const [name, { connection }] of silent) {
      connection.activity.calm(name);
      byConnection.set(connection, [...(byConnection.get(connection) ?? []), name]);
    }
    for (const [connection, markets] of byConnection) connection.resync(markets, { type: "probe", reason: "silent" });
  }
}

type Witness = NonNullable<LiveVenue["witness"]>;

interface Suspect {
  readonly market: WantedMarket;
  readonly last: number;
  readonly connection: Connection;
}

function seconds(): number {
  return Math.floor(steadyNow() / 1e6);
}

/** Since when, by the wall clock, and for how long. */
function silence(last: number): { readonly since: number; readonly silentFor: number } {
  const silentFor = steadyNow() - last * 1e6;
  return { since: Date.now() * 1000 - silentFor, silentFor };
}
