import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { resolve } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { BookState } from "../books/book-row.ts";
import { listJournals } from "../journal/layout.ts";
import type { Levels } from "../model/events.ts";
import type { Millionths } from "../model/decimal.ts";
import { parseTime, type Micros } from "../model/time.ts";
import { ForetapeError, UsageError } from "../ops/errors.ts";
import { Coverage, type CoverageRow, type Uncovered } from "./coverage.ts";
import { type BookName, findBases, findFirstBases, type ReplayedBook, replayBook } from "./book-replay.ts";
import { type EventFilter, JournalEvents, type TapeEvent } from "./journal-events.ts";
import { knownVenue } from "./known-venue.ts";
import { resolveOutcome } from "./outcome.ts";
import { TapeQuery } from "./query.ts";
import { checkTape, TapeDatabase } from "./tape-database.ts";

/** An instant: microseconds, RFC 3339 text, or a `Date`. */
export type Instant = Micros | string | Date;

export interface BookRequest {
  readonly venue: string;
  /** Kalshi ticker, Polymarket condition id. */
  readonly market: string;
  /** Outcome id or name; may be left out where the market has only one book in the tape. */
  readonly outcome?: string | undefined;
}

/** A book as the tape knows it. Prices in millionths of a dollar, sizes in millionths of a contract or share. */
export interface TapeBook extends BookName {
  readonly at: Micros;
  /** `live`: equal to the venue's as far as its protocol lets one know; `uncertain`: something was lost; `stale`: its subscription had ended. */
  readonly state: BookState;
  /** Best first. */
  readonly bids: Levels;
  readonly asks: Levels;
  /** Receive time and venue's time of the last change; null in imports without them. */
  readonly changedAt: Micros | null;
  readonly changedTs: Micros | null;
  readonly recorder: number;
  readonly frame: number;
  readonly seq: number | null;
  readonly epoch: number | null;
}

/** Which part of a tape coverage is asked for; all of it where nothing is said. */
export interface CoverageRequest {
  readonly venue?: string | undefined;
  readonly market?: string | readonly string[] | undefined;
  /** Markets that this listener ever subscribed to. */
  readonly listener?: string | undefined;
  /** `book`, `trades`, `ticker`, `lifecycle`. */
  readonly channel?: string | undefined;
  readonly from?: Instant | undefined;
  readonly to?: Instant | undefined;
}

/** Best prices from `at` on until the next one. */
export interface TopOfBookChange {
  readonly at: Micros | null;
  readonly state: BookState;
  readonly bid: Millionths | null;
  readonly bidSize: Millionths | null;
  readonly ask: Millionths | null;
  readonly askSize: Millionths | null;
  readonly frame: number;
}

/** A recorded tape, opened for reading; it may be written meanwhile. */
export class Tape implements AsyncDisposable {
  readonly dir: string;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;

  /** Throws `UsageError` where there is no tape. */
  constructor(dir: string, signal?: AbortSignal) {
    this.dir = resolve(dir);
    checkTape(this.dir);
    this.#signal = signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
  }

  /**
   * The book at an instant, by receive time: the last stored snapshot and every change since, exactly. Throws
   * `ForetapeError` where the tape has no snapshot of it by then, `UsageError` where the outcome is not clear.
   */
  async bookAt({ at, ...request }: BookRequest & { readonly at: Instant }): Promise<TapeBook> {
    knownVenue(request.venue);
    const instant = microsOf(at);
    await using database = await this.#books();
    const { connection } = database;
    const name = await resolveOutcome(connection, request);
    let best: TapeBook | null = null;
    for (const base of await findBases(connection, name, instant)) {
      let last: ReplayedBook | null = null;
      for await (const replayed of replayBook(connection, name, base, instant)) last = replayed;
      if (last === null) continue;
      const found = describe(last, name, base.recorder, instant);
      if (best === null || isBetter(found, best)) best = found;
    }
    return best ?? (await unknownBook(connection, name));
  }

  /** Best prices whenever they change between two instants, beginning with those at `from`. */
  async *topOfBook({
    from,
    to,
    ...request
  }: BookRequest & { readonly from: Instant; readonly to: Instant }): AsyncGenerator<TopOfBookChange> {
    knownVenue(request.venue);
    const [start, end] = [microsOf(from), microsOf(to)];
    if (end < start) throw new UsageError("the end of the range is before its beginning");
    await using database = await this.#books();
    const { connection } = database;
    const name = await resolveOutcome(connection, request);
    const before = (await findBases(connection, name, start)).toSorted((a, b) => b.at - a.at);
    const after =
      before.length > 0 ? [] : (await findFirstBases(connection, name, start)).toSorted((a, b) => a.at - b.at);
    const base = before[0] ?? after[0];
    if (base === undefined || base.at > end) return void (await unknownBook(connection, name));
    let last: TopOfBookChange | null = null;
    let begun = false;
    for await (const replayed of replayBook(connection, name, base, end)) {
      const at = replayed.at ?? replayed.ts;
      const top = topOf(replayed);
      if (at !== null && at < start) {
        last = top;
        continue;
      }
      if (!begun && last !== null) yield { ...last, at: start };
      begun = true;
      if (last === null || !sameTop(last, top)) yield top;
      last = top;
    }
    if (!begun && last !== null) yield { ...last, at: start };
  }

  /** Events in the order of their receive times, over all journals. */
  async *events(
    filter: { readonly venue?: string; readonly market?: string; readonly from?: Instant; readonly to?: Instant } = {},
  ): AsyncGenerator<TapeEvent> {
    const { venue, market, from, to } = filter;
    if (venue !== undefined) knownVenue(venue);
    const wanted: EventFilter = {
      venue,
      market,
      from: from === undefined ? undefined : microsOf(from),
      to: to === undefined ? undefined : microsOf(to),
    };
    using sources = new DisposableStack();
    const heads: { events: TapeEvent[]; index: number; source: JournalEvents }[] = [];
    for (const name of listJournals(this.dir)) {
      const source = JournalEvents.open(this.dir, name, wanted);
      if (source === null) continue;
      sources.use(source);
      const head = { events: [], index: 0, source };
      if (refill(head)) heads.push(head);
    }
    while (heads.length > 0) {
      this.#signal.throwIfAborted();
      const head = heads.reduce((a, b) => (timeOf(b) < timeOf(a) ? b : a));
      yield head.events[head.index]!;
      if (++head.index === head.events.length && !refill(head)) heads.splice(heads.indexOf(head), 1);
    }
  }

  /** Events as they become durable, over all journals, those that begin later too, until `signal` fires. */
  async *follow(
    filter: EventFilter,
    options: { readonly fromStart?: boolean; readonly signal: AbortSignal },
  ): AsyncGenerator<TapeEvent[]> {
    const signal = AbortSignal.any([options.signal, this.#signal]);
    using stack = new DisposableStack();
    const sources = new Map<string, JournalEvents>();
    let first = true;
    while (!signal.aborted) {
      for (const name of listJournals(this.dir)) {
        if (sources.has(name)) continue;
        const source = JournalEvents.open(this.dir, name, filter, { fromEnd: first && options.fromStart !== true });
        if (source !== null) sources.set(name, stack.use(source));
      }
      first = false;
      let any = false;
      for (const source of sources.values()) {
        const events = source.next();
        any ||= events !== null;
        if (events !== null && events.length > 0) yield events;
        else await turn();
        if (signal.aborted) return;
      }
      if (!any) await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Runs one reading statement of SQL; the result is a chunk of rows at a time. With `schema` (`seed1` … `seed5`) a
   * seed's names come before Foretape's own. Throws `UsageError` for wrong SQL.
   */
  async query(sql: string, options: { readonly schema?: string } = {}): Promise<TapeQuery> {
    return TapeQuery.run({ tape: this.dir, sql, signal: this.#signal, ...options });
  }

  /**
   * What the tape has of each market, channel and bucket, in that order, a chunk of rows at a time. Buckets are a minute
   * long unless `every` (microseconds) says otherwise.
   */
  async *coverage(
    request: CoverageRequest & { readonly every?: Micros | undefined } = {},
  ): AsyncGenerator<CoverageRow[]> {
    await using coverage = await this.openCoverage(request);
    yield* coverage.rows();
  }

  /**
   * What the tape lacks of a window, exactly: gaps that are not repaired, stretches that nobody subscribed to, and those
   * that nothing proves. Empty: a backtest may cross it. Throws `ForetapeError` where it has nothing of these markets.
   */
  async gaps(request: CoverageRequest): Promise<readonly Uncovered[]> {
    await using coverage = await this.openCoverage(request);
    return await coverage.uncovered();
  }

  /** The same, kept open for several questions. */
  async openCoverage({
    from,
    to,
    every,
    venue,
    market,
    listener,
    channel,
  }: CoverageRequest & { readonly every?: Micros | undefined }): Promise<Coverage> {
    if (venue !== undefined) knownVenue(venue);
    return Coverage.open({
      tape: this.dir,
      filter: { venue, markets: typeof market === "string" ? [market] : market, listener, channel },
      from: from === undefined ? undefined : microsOf(from),
      to: to === undefined ? undefined : microsOf(to),
      every,
      signal: this.#signal,
    });
  }

  #books(): Promise<TapeDatabase> {
    const wanted = new Set(["orderbook_snapshots", "orderbook_deltas", "gaps", "subscriptions", "markets"]);
    return TapeDatabase.open({ tape: this.dir, wanted, signal: this.#signal });
  }

  /** Ends what still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
  }
}

const POLL_MS = 50;

/** Opens a tape for reading. Throws `UsageError` where there is none. */
export async function openTape(dir: string, options: { readonly signal?: AbortSignal } = {}): Promise<Tape> {
  return new Tape(dir, options.signal);
}

/** Throws `UsageError` for text that is no instant. */
export function microsOf(instant: Instant): Micros {
  if (typeof instant === "number") return instant;
  if (instant instanceof Date) return instant.getTime() * 1000;
  const found = instant === "now" ? Date.now() * 1000 : /^\d{16}$/.test(instant) ? Number(instant) : parseTime(instant);
  if (found === null) {
    throw new UsageError(`"${instant}" is no instant`, {
      hint: "write UTC like 2026-11-21T16:59:00Z, microseconds since 1970, or now",
    });
  }
  return found;
}

function describe(
  { book, state, at, ts, frame, seq, epoch }: ReplayedBook,
  name: BookName,
  recorder: number,
  instant: Micros,
): TapeBook {
  const bids = book.levels("bid");
  const asks = book.levels("ask");
  return { ...name, at: instant, state, bids, asks, changedAt: at, changedTs: ts, recorder, frame, seq, epoch };
}

function isBetter(a: TapeBook, b: TapeBook): boolean {
  if ((a.state === "live") !== (b.state === "live")) return a.state === "live";
  return (a.changedAt ?? a.changedTs ?? 0) > (b.changedAt ?? b.changedTs ?? 0);
}

async function unknownBook(connection: DuckDBConnection, name: BookName): Promise<never> {
  const sql =
    "SELECT min(coalesce(received_at, ts))::VARCHAR FROM orderbook_snapshots WHERE venue = $1 AND market_id = $2 AND outcome_id = $3";
  const first = (await connection.runAndReadAll(sql, [name.venue, name.market, name.outcome])).getRows()[0]?.[0];
  throw new ForetapeError("not_found", `the tape has no book of ${name.venue} ${name.market} by that time`, {
    hint:
      typeof first === "string"
        ? `its first snapshot is of ${first.replace(" ", "T")}Z`
        : "it has no snapshot of it at all",
  });
}

function topOf({ book, state, at, ts, frame }: ReplayedBook): TopOfBookChange {
  const { bestBid: bid, bestAsk: ask } = book;
  return {
    at: at ?? ts,
    state,
    bid,
    bidSize: bid === null ? null : book.sizeAt("bid", bid),
    ask,
    askSize: ask === null ? null : book.sizeAt("ask", ask),
    frame,
  };
}

function sameTop(a: TopOfBookChange, b: TopOfBookChange): boolean {
  return (
    a.state === b.state && a.bid === b.bid && a.ask === b.ask && a.bidSize === b.bidSize && a.askSize === b.askSize
  );
}

function refill(head: { events: TapeEvent[]; index: number; readonly source: JournalEvents }): boolean {
  head.index = 0;
  while (!head.source.over) {
    const events = head.source.next();
    if (events === null) return false;
    if (events.length === 0) continue;
    head.events = events;
    return true;
  }
  return false;
}

function timeOf({ events, index }: { events: TapeEvent[]; index: number }): number {
  return events[index]?.receivedAt ?? 0;
}
