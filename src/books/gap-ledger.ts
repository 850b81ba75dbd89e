import type { GapClosed, GapOpened } from "../model/events.ts";
import type { Instrument, Instruments } from "../model/instrument.ts";
import type { Micros } from "../model/time.ts";
import type { GapRow } from "./book-row.ts";

type Gap = Omit<GapRow, "type" | "resolvedAt" | "openingFrame" | "openingN"> & {
  readonly openingFrame: number;
  readonly openingN: number;
};

interface OpenGap {
  facts: Gap;
  /** Books whose snapshot it waits for. */
  readonly waiting: Set<Instrument>;
}

/** More holes than this are not kept in mind: the row of the oldest then stays open for ever, which is the truth. */
const LIMIT = 100_000;

/**
 * The holes that are open. Each becomes one row when it opens and another whenever more is known of it; the last one
 * says when it was resolved.
 */
export class GapLedger {
  readonly #emit: (row: GapRow) => number;
  readonly #open = new Map<string, OpenGap>();
  /** By `Instrument.id`: how many open gaps wait for this book. */
  readonly #waits: number[] = [];

  /** `emit` returns the ordinal that the row got in its frame. */
  constructor(emit: (row: GapRow) => number) {
    this.#emit = emit;
  }

  /** Number of open gaps. */
  get size(): number {
    return this.#open.size;
  }

  /** True while an open gap waits for a snapshot of this book. */
  awaits(instrument: Instrument): boolean {
    return (this.#waits[instrument.id] ?? 0) > 0;
  }

  /** Books that an open gap waits for, in the order in which they became uncertain. */
  awaited(): Instrument[] {
    return [...new Set([...this.#open.values()].flatMap((gap) => [...gap.waiting]))];
  }

  /** Opens a gap, or updates the open one of the same key: it then reaches back to the earlier start. */
  open(event: GapOpened, at: Micros | null, frame: number): void {
    const known = this.#open.get(event.key);
    const waiting = known?.waiting ?? new Set<Instrument>();
    for (const instrument of event.books) {
      if (waiting.has(instrument)) continue;
      waiting.add(instrument);
      this.#waits[instrument.id] = (this.#waits[instrument.id] ?? 0) + 1;
    }
    const facts = {
      venue: event.venue,
      market: event.market,
      outcome: event.outcome,
      epoch: event.epoch,
      sid: event.sid,
      channel: event.channel,
      from: known === undefined ? event.from : earlier(known.facts.from, event.from),
      to: event.to,
      cause: event.cause,
      confidence: event.confidence,
      evidence: JSON.stringify(event.evidence),
      detectedAt: known === undefined ? at : known.facts.detectedAt,
      repair: null,
    };
    const over = event.to !== null && waiting.size === 0;
    if (known !== undefined) {
      known.facts = { ...facts, openingFrame: known.facts.openingFrame, openingN: known.facts.openingN };
      if (over) this.#resolve(event.key, known, at);
      else this.#emit({ type: "gap", ...known.facts, resolvedAt: null });
      return;
    }
    const resolution = over ? ({ resolvedAt: at, repair: "none" } as const) : { resolvedAt: null };
    const n = this.#emit({ type: "gap", ...facts, ...resolution, openingFrame: null, openingN: null });
    if (over) return;
    this.#open.set(event.key, { facts: { ...facts, openingFrame: frame, openingN: n }, waiting });
    if (this.#open.size > LIMIT) this.#forgetOldest();
  }

  /** Data flows again. The gap is resolved now, or when the last book it waits for has its snapshot. */
  close(event: GapClosed, at: Micros | null): void {
    const gap = this.#open.get(event.key);
    if (gap === undefined) return;
    gap.facts = { ...gap.facts, to: event.to, repair: event.repair };
    if (gap.waiting.size === 0) this.#resolve(event.key, gap, at);
    else this.#emit({ type: "gap", ...gap.facts, repair: null, resolvedAt: null });
  }

  /** This book is known again, or nothing more will ever be heard of it: no gap waits for it any longer. */
  release(instrument: Instrument, at: Micros | null): void {
    if (!this.awaits(instrument)) return;
    this.#waits[instrument.id] = 0;
    for (const [key, gap] of this.#open) {
      if (!gap.waiting.delete(instrument) || gap.waiting.size > 0) continue;
      gap.facts = { ...gap.facts, to: gap.facts.to ?? at };
      this.#resolve(key, gap, at);
    }
  }

  /** Waits no longer for books of gaps that ended before `before`. Their rows stay unresolved: those books never came. */
  forget(before: Micros): void {
    for (const [key, gap] of this.#open) if (gap.facts.to !== null && gap.facts.to < before) this.#drop(key, gap);
  }

  /** Plain JSON values for `restore`. */
  save(): unknown {
    return [...this.#open].map(([key, gap]) => ({
      key,
      facts: gap.facts,
      waiting: [...gap.waiting].map(({ venue, market, outcome }) => [venue, market, outcome] as const),
    }));
  }

  /** Takes over what `save` gave. */
  restore(saved: unknown, instruments: Instruments): void {
    for (const { key, facts, waiting } of saved as {
      key: string;
      facts: Gap;
      waiting: [string, string, string | null][];
    }[]) {
      const books = waiting.map(([venue, market, outcome]) => instruments.get(venue, market, outcome));
      for (const { id } of books) this.#waits[id] = (this.#waits[id] ?? 0) + 1;
      this.#open.set(key, { facts, waiting: new Set(books) });
    }
  }

  #resolve(key: string, gap: OpenGap, at: Micros | null): void {
    this.#open.delete(key);
    this.#emit({ type: "gap", ...gap.facts, repair: gap.facts.repair ?? "none", resolvedAt: at });
  }

  #forgetOldest(): void {
    const [oldest] = this.#open;
    if (oldest !== undefined) this.#drop(...oldest);
  }

  #drop(key: string, gap: OpenGap): void {
    for (const { id } of gap.waiting) this.#waits[id] = (this.#waits[id] ?? 1) - 1;
    this.#open.delete(key);
  }
}

function earlier(a: Micros | null, b: Micros | null): Micros | null {
  return a === null || b === null ? null : Math.min(a, b);
}
