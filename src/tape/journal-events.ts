import { scanRecords } from "../journal/codec.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { Follower, identify, readPreamble } from "../journal/reader.ts";
import type { Preamble } from "../journal/record.ts";
import { Interpretation } from "../interpret/interpretation.ts";
import { readState } from "../interpret/state-file.ts";
import type { MarketEvent } from "../model/events.ts";
import { Instruments } from "../model/instrument.ts";
import type { Micros } from "../model/time.ts";
import { INTERPRETER_VERSION } from "../tables/version.ts";
import { venues } from "../venues/index.ts";

/** An event and where it stands: its receive time (null only in imports without one), frame and journal. */
export type TapeEvent = MarketEvent & {
  readonly receivedAt: Micros | null;
  readonly frame: number;
  readonly journal: string;
};

/** Which events are wanted; what is left out filters nothing. */
export interface EventFilter {
  readonly venue?: string | undefined;
  readonly market?: string | undefined;
  readonly types?: ReadonlySet<string> | undefined;
  /** Receive times, `to` not included. Events without one pass only where neither is given. */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
}

/** Venue, market and outcome of an event. */
export function placeOf(event: MarketEvent): { venue: string; market: string | null; outcome: string | null } {
  if ("instrument" in event) return event.instrument;
  if (event.type === "gap_closed")
    return { venue: event.key.slice(0, event.key.indexOf("/")), market: null, outcome: null };
  const market = "market" in event ? event.market : "product" in event ? event.product : null;
  return { venue: event.venue, market, outcome: "outcome" in event ? event.outcome : null };
}

/** The events of one journal in order, also while it is written; what is not durable is not read. */
export class JournalEvents implements Disposable {
  readonly name: string;
  readonly #follower: Follower;
  readonly #interpretation: Interpretation;
  readonly #filter: EventFilter;
  readonly #live: boolean;
  #pending: { event: MarketEvent; at: Micros | null; frame: number }[] = [];
  #silent = false;
  /** No later record can pass the filter. */
  over = false;

  private constructor(name: string, follower: Follower, preamble: Preamble, filter: EventFilter, saved: object) {
    this.name = name;
    this.#follower = follower;
    this.#filter = filter;
    this.#live = preamble.source === "live";
    const observe = (event: MarketEvent, at: Micros | null, frame: number): void => {
      if (!this.#silent && this.#passes(event, at)) this.#pending.push({ event, at, frame });
    };
    this.#interpretation = new Interpretation({ venues, instruments: new Instruments(), preamble, observe, ...saved });
  }

  /**
   * Starts at the nearest state file before `filter.from`, or, with `fromEnd`, behind what is durable now. Null while the
   * journal is empty. Throws `StorageError` for a damaged one.
   */
  static open(
    tape: string,
    name: string,
    filter: EventFilter,
    options: { fromEnd?: boolean } = {},
  ): JournalEvents | null {
    const dir = journalDir(tape, name);
    const preamble = identify(dir);
    const [oldest] = listSegments(dir);
    if (preamble === null || oldest === undefined) return null;
    const wanted = options.fromEnd === true ? Infinity : preamble.source === "live" ? segmentAt(dir, filter.from) : 0;
    const state = readState(tape, name, { journal: preamble.journal, interpreter: INTERPRETER_VERSION }, wanted);
    const segment = Math.max(state?.segment ?? oldest.segment, oldest.segment);
    const follower = new Follower(dir, { segment, offset: 0 });
    const events = new JournalEvents(name, follower, preamble, filter, state === null ? {} : { saved: state.saved });
    if (options.fromEnd === true) {
      events.#silent = true;
      const limit = follower.limit();
      while (events.#read(limit));
      events.#silent = false;
    }
    return events;
  }

  /** The events of the next piece of the journal; null when there is no more now. */
  next(): TapeEvent[] | null {
    if (!this.#read(this.#follower.limit())) return null;
    const found = this.#pending.map(({ event, at, frame }) => ({
      ...event,
      receivedAt: at,
      frame,
      journal: this.name,
    }));
    this.#pending = [];
    return found;
  }

  #read(limit: ReturnType<Follower["limit"]>): boolean {
    const batch = this.#follower.next(limit);
    if (batch === null) return false;
    scanRecords(batch.buffer, batch.start, batch.end, (record) => this.#interpretation.read(record));
    this.#interpretation.rows.clear();
    const { to } = this.#filter;
    if (this.#live && to !== undefined && this.#interpretation.now >= to) this.over = true;
    return true;
  }

  #passes(event: MarketEvent, at: Micros | null): boolean {
    const { venue, market, types, from, to } = this.#filter;
    if (types !== undefined && !types.has(event.type)) return false;
    if (venue !== undefined || market !== undefined) {
      const place = placeOf(event);
      if (venue !== undefined && place.venue !== venue) return false;
      if (market !== undefined && place.market !== market && !mayTouch(event, market)) return false;
    }
    if (from === undefined && to === undefined) return true;
    return at !== null && at >= (from ?? -Infinity) && at < (to ?? Infinity);
  }

  [Symbol.dispose](): void {
    this.#follower[Symbol.dispose]();
  }
}

/** A hole without a market of its own touches every book that it names, and its end may be any market's. */
function mayTouch(event: MarketEvent, market: string): boolean {
  if (event.type === "gap_closed") return true;
  return event.type === "gap_opened" && event.market === null && event.books.some((book) => book.market === market);
}

/** The last segment that was opened at or before an instant. */
function segmentAt(dir: string, from: Micros | undefined): number {
  let found = 0;
  for (const file of from === undefined ? [] : listSegments(dir)) {
    const head = readPreamble(file);
    if (head !== null && head.preamble.wall > from!) break;
    found = file.segment;
  }
  return found;
}
