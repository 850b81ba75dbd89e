import type {
  BookSnapshot,
  BookWitness,
  GapCause,
  GapClosed,
  GapOpened,
  MarketEvent,
  TopOfBook,
} from "../model/events.ts";
import type { Micros } from "../model/time.ts";

/**
 * How much a book can be trusted. `live`: equal to the venue's as far as its protocol lets one know. `uncertain`: no
 * snapshot yet, or something was lost or contradictory since the last one. `stale`: right when last heard of, but its
 * subscription has ended, or it came over REST.
 */
export type BookState = "live" | "stale" | "uncertain";

/** What the books stage passes on: every event that makes a row, completed, and the `gaps` rows. */
export type BookRow =
  | Exclude<MarketEvent, BookSnapshot | TopOfBook | BookWitness | GapOpened | GapClosed>
  | StoredSnapshot
  | GapRow;

/** A row of `orderbook_snapshots`, as sent by the venue or, with trigger `segment`, as known to us. Those of epoch 0 came over REST. */
export interface StoredSnapshot extends BookSnapshot {
  readonly bookState: BookState;
}

/** A row of `gaps`: what is known of one hole at this time. Later rows of the same opening replace earlier ones. */
export interface GapRow {
  readonly type: "gap";
  readonly venue: string;
  readonly market: string | null;
  readonly outcome: string | null;
  readonly epoch: number | null;
  readonly sid: number | null;
  readonly channel: string | null;
  readonly from: Micros | null;
  /** Null while it is open, or where an import knows no times. */
  readonly to: Micros | null;
  readonly cause: GapCause;
  readonly confidence: "proven" | "inferred";
  /** JSON text. */
  readonly evidence: string;
  readonly detectedAt: Micros | null;
  readonly resolvedAt: Micros | null;
  /** Null until it is resolved. */
  readonly repair: "none" | "partial" | "full" | null;
  /** Frame and ordinal of the row that opened it; both null on that row itself. */
  readonly openingFrame: number | null;
  readonly openingN: number | null;
}
