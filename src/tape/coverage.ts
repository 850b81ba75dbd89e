import type { Micros } from "../model/time.ts";
import { ForetapeError, UsageError } from "../ops/errors.ts";
import {
  coverageBounds,
  type CoverageFilter,
  coverageParts,
  coverageSelect,
  coverageTables,
  MINUTE,
  type CoverageWindow,
} from "./coverage-sql.ts";
import { TapeDatabase } from "./tape-database.ts";

export const coverageStates = ["observed", "quiet", "repaired", "gap", "unproven", "not subscribed"] as const;

/**
 * What the tape has of one market, channel and bucket. `observed`: messages came; `quiet`: none did, although it was
 * subscribed and later data of its connection proves that alive; `gap`: something of it was lost (or may have been);
 * `repaired`: it was lost and is filled again; `unproven`: subscribed, and no data has come since that would prove it;
 * `not subscribed`: nobody asked.
 */
export type CoverageState = (typeof coverageStates)[number];

export interface CoverageRow {
  readonly venue: string;
  readonly market: string;
  /** `book`, `trades`, `ticker`, `lifecycle`, or the venue's own name of another one. */
  readonly channel: string;
  /** Start of the bucket. */
  readonly at: Micros;
  readonly state: CoverageState;
  readonly messages: number;
}

/** A stretch of a window that the tape does not fully have. */
export interface Uncovered {
  readonly venue: string;
  readonly market: string;
  readonly channel: string;
  readonly from: Micros;
  readonly to: Micros;
  readonly why: "gap" | "unproven" | "not subscribed";
  /** Cause of the gap. */
  readonly cause: string | null;
}

export interface CoverageCount extends Pick<CoverageRow, "venue" | "market" | "channel"> {
  readonly buckets: Readonly<Record<CoverageState, number>>;
}

/** More buckets than this for each market and channel are a mistake. */
const MOST_BUCKETS = 1_000_000;

/** An open tape with the window that coverage is asked for. */
export class Coverage implements AsyncDisposable {
  readonly window: CoverageWindow;
  readonly #database: TapeDatabase;
  readonly #filter: CoverageFilter;
  readonly #now: Micros;

  private constructor(database: TapeDatabase, window: CoverageWindow, filter: CoverageFilter, now: Micros) {
    this.#database = database;
    this.window = window;
    this.#filter = filter;
    this.#now = now;
  }

  /**
   * Without `from` it begins with the tape, without `to` it ends with what was recorded, now on a live tape. Throws
   * `UsageError` for a window that ends before it begins; the rows of one with too many buckets throw it too.
   */
  static async open(options: {
    readonly tape: string;
    readonly filter?: CoverageFilter;
    readonly from?: Micros | undefined;
    readonly to?: Micros | undefined;
    readonly every?: Micros | undefined;
    readonly signal: AbortSignal;
  }): Promise<Coverage> {
    const { tape, filter = {}, signal, every = MINUTE } = options;
    const wanted = new Set<string>(coverageTables);
    const database = await TapeDatabase.open({ tape, wanted, signal });
    try {
      const now = Date.now() * 1000;
      const [first, last] = await coverageBounds(database.connection);
      const isLive = database.fresh.some(({ live }) => live);
      const to = Math.min(options.to ?? Infinity, isLive || options.to !== undefined ? now : last + 1);
      const from = options.from ?? Math.min(first, to);
      if (options.to !== undefined && options.from !== undefined && options.to < options.from)
        throw new UsageError("the end of the range is before its beginning");
      return new Coverage(database, { from, to: Math.max(from, to), every }, filter, now);
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The same with buckets of another length. It shares the open tape: only one of both is to be disposed of. */
  every(every: Micros): Coverage {
    return new Coverage(this.#database, { ...this.window, every }, this.#filter, this.#now);
  }

  /** How many buckets are in each state, by market and channel. */
  async counts(): Promise<CoverageCount[]> {
    const sums = coverageStates.map((state) => `count(*) FILTER (state = '${state}')`).join(", ");
    const sql = `SELECT venue, market_id, channel, ${sums} FROM (${this.#sql}) GROUP BY ALL ORDER BY ALL`;
    return (await this.#database.connection.runAndReadAll(sql))
      .getRows()
      .map(([venue, market, channel, ...counts]) => ({
        venue: String(venue),
        market: String(market),
        channel: String(channel),
        buckets: Object.fromEntries(coverageStates.map((state, i) => [state, Number(counts[i])])) as Record<
          CoverageState,
          number
        >,
      }));
  }

  get #sql(): string {
    const { from, to, every } = this.window;
    if ((to - from) / every > MOST_BUCKETS)
      throw new UsageError("that is more than a million buckets", { hint: "give a longer --every or a --from" });
    return coverageSelect(this.window, this.#filter, this.#now);
  }

  /** In the order of venue, market, channel and time; a chunk at a time. */
  async *rows(): AsyncGenerator<CoverageRow[]> {
    const sql = `SELECT venue, market_id, channel, epoch_us(minute), state, messages FROM (${this.#sql}) ORDER BY ALL`;
    const result = await this.#database.connection.stream(sql);
    for (;;) {
      const chunk = await result.fetchChunk();
      const rows = chunk?.getRows() ?? [];
      if (rows.length === 0) return;
      yield rows.map(([venue, market, channel, at, state, messages]) => ({
        venue: String(venue),
        market: String(market),
        channel: String(channel),
        at: Number(at),
        state: state as CoverageState,
        messages: Number(messages),
      }));
    }
  }

  /** What the window lacks, exactly, in the order of venue, market, channel and time. Repaired stretches lack nothing. */
  async uncovered(): Promise<Uncovered[]> {
    const { from, to } = this.window;
    const parts = coverageParts(this.window, this.#filter, this.#now);
    const sql = `WITH ${parts} SELECT recorder, venue, market_id, kind, lo, hi, proof, NULL AS cause FROM spans
      UNION ALL SELECT recorder, venue, market_id, kind, lo, hi, NULL, cause FROM holes WHERE NOT is_full ORDER BY ALL`;
    const found = (await this.#database.connection.runAndReadAll(sql)).getRows();
    const { markets = [], ...asked } = this.#filter;
    if (found.length === 0) {
      const what = [asked.venue, markets.join(" "), asked.channel]
        .filter((word) => word !== undefined && word !== "")
        .join(" ");
      throw new ForetapeError("not_found", `the tape has nothing of ${what || "any market"} in this window`);
    }
    const byKey = new Map<string, Map<number, Known>>();
    for (const [recorder, venue, market, kind, lo, hi, proof, cause] of found) {
      const key = JSON.stringify([venue, market, kind]);
      const recorders = byKey.get(key) ?? new Map<number, Known>();
      byKey.set(key, recorders);
      const known = recorders.get(Number(recorder)) ?? { has: [], lost: [], unproven: [] };
      recorders.set(Number(recorder), known);
      const span = { from: Number(lo), to: Number(hi) };
      if (cause !== null) known.lost.push({ ...span, cause: String(cause) });
      else {
        known.has.push({ from: span.from, to: Math.min(span.to, Number(proof)) });
        if (Number(proof) < span.to) known.unproven.push({ from: Math.max(span.from, Number(proof)), to: span.to });
      }
    }
    const names = new Set(found.map(([, , market]) => String(market)));
    const absent = markets.filter((market) => !names.has(market));
    const nothing = {
      venue: asked.venue ?? "",
      channel: asked.channel ?? "",
      from,
      to,
      why: "not subscribed",
      cause: null,
    } as const;
    const uncovered = [...byKey].flatMap(([key, recorders]) => {
      const [venue, market, channel] = JSON.parse(key) as [string, string, string];
      let missing: Span[] = [{ from, to }];
      for (const { has, lost } of recorders.values()) missing = subtract(missing, subtract(has, lost));
      const all = [...recorders.values()];
      return missing.flatMap((hole) => reasons(hole, all)).map((why) => ({ venue, market, channel, ...why }));
    });
    return [...uncovered, ...absent.map((market) => ({ ...nothing, market }))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }
}

interface Span {
  readonly from: Micros;
  readonly to: Micros;
}

interface Known {
  readonly has: Span[];
  readonly lost: (Span & { readonly cause: string })[];
  readonly unproven: Span[];
}

/** What of `spans` is in none of `others`. A cut without length takes its instant. */
function subtract(spans: readonly Span[], others: readonly Span[]): Span[] {
  let left = [...spans];
  for (const { from, to } of others) {
    left = left.flatMap((span) =>
      to < span.from || from >= span.to
        ? [span]
        : [
            { from: span.from, to: Math.min(from, span.to) },
            { from: Math.max(from === to ? to + 1 : to, span.from), to: span.to },
          ].filter((each) => each.from < each.to),
    );
  }
  return left;
}

/** Splits a hole by why it is one. */
function reasons(hole: Span, known: readonly Known[]): (Span & Pick<Uncovered, "why" | "cause">)[] {
  const clip = ({ from, to }: Span): Span => ({ from: Math.max(from, hole.from), to: Math.min(to, hole.to) });
  const isIn = ({ from, to }: Span): boolean => from < hole.to && to >= hole.from;
  const lost = known.flatMap((each) => each.lost).filter(isIn);
  const unproven = known.flatMap((each) => each.unproven).filter(isIn);
  const parts: (Span & Pick<Uncovered, "why" | "cause">)[] = [];
  let left: Span[] = [hole];
  for (const gap of lost) {
    for (const part of intersect(left, gap)) parts.push({ ...part, why: "gap", cause: gap.cause });
    left = subtract(left, [gap]);
  }
  for (const span of unproven) {
    for (const part of intersect(left, clip(span))) parts.push({ ...part, why: "unproven", cause: null });
    left = subtract(left, [span]);
  }
  for (const part of left) parts.push({ ...part, why: "not subscribed", cause: null });
  return parts.toSorted((a, b) => a.from - b.from);
}

function intersect(spans: readonly Span[], { from, to }: Span): Span[] {
  const end = from === to ? to + 1 : to;
  return spans
    .map((span) => ({ from: Math.max(span.from, from), to: Math.min(span.to, end) }))
    .filter((span) => span.from < span.to);
}
