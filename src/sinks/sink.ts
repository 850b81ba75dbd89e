import type { TableBuffer } from "../tables/buffer.ts";
import type { Table } from "../tables/schema.ts";

/** One journal, as the tables know it. */
export interface JournalIdentity {
  /** 32 hex digits. */
  readonly journal: string;
  readonly name: string;
  /** The tables' `recorder`: the first 31 bits of the journal id, so that no two tapes need to agree on numbers. */
  readonly recorder: number;
  readonly host: string;
  /** Microseconds. */
  readonly since: number;
}

/** Up to which record of a journal a sink is complete. */
export interface Checkpoint {
  readonly journal: string;
  readonly frame: number;
  /** CRC of that record, so that a journal that is not the one it was is recognised. */
  readonly crc: number;
}

/** Rows of a range of whole frames of one segment, in order. Buffers are reused: a sink copies what it keeps. */
export interface RowBatch {
  readonly segment: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly lastCrc: number;
  readonly tables: readonly TableBuffer[];
  /** Version of the interpreters that made these rows (`tables/version.ts`). */
  readonly interpreter: number;
  /** This is the segment's last batch: the sink publishes the segment. */
  readonly last: boolean;
}

/**
 * A destination of rows, with exactly-once effect: rows and checkpoint become visible together. A sink takes only
 * durable frames, each batch following the one before; what its checkpoint already covers it ignores.
 */
export interface Sink extends AsyncDisposable {
  readonly id: string;
  /**
   * Opens the destination for one journal and says where it stands; null when it has nothing of it yet. Throws
   * `StorageError` in one sentence when the destination is not ours, newer than this program, or holds another
   * journal under this recorder number.
   */
  open(journal: JournalIdentity): Promise<Checkpoint | null>;
  /** Takes a batch; resolves when the next one may come. Rejects when the batch is not taken; nothing of it is visible then. */
  write(batch: RowBatch): Promise<void>;
  /** Makes everything taken visible and durable as far as the destination's unit allows. */
  flush(): Promise<void>;
  /**
   * Replay replaces: from here until `endReplace`, batches take the place of what this sink holds of the same journal
   * in these segments, in one transaction per segment.
   */
  beginReplace(range: { readonly firstFrame: number; readonly lastFrame: number }): Promise<void>;
  endReplace(): Promise<void>;
}

/** A sink that looks after itself: it may be behind the projection, and its failures are its own. */
export interface IndependentSink extends Sink {
  readonly isIndependent: true;
  /** The last frame that it is known to have. */
  readonly frame: number;
  /** What keeps it behind, a sentence; null where nothing does. */
  readonly problem: string | null;
}

/** A finished segment whose rows are in the tape's Parquet files. */
export interface FinishedSegment {
  readonly segment: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  readonly lastCrc: number;
  /** Version of the interpreters that made its rows. */
  readonly interpreter: number;
  /**
   * Rows of these tables behind frame `after`, table after table in pieces of some thousand, in the order of the files,
   * which is not that of arrival. A piece holds until the next one is asked for.
   */
  rows(tables: readonly Table[], after: number): AsyncIterable<TableBuffer>;
}

/** A sink that can be behind: a database. */
export interface DatabaseSink extends Sink {
  /**
   * Takes what it lacks of a segment that it has not finished, in one transaction with the checkpoint, which is the
   * segment's last frame then. What it has already it ignores. Rejects like `write`, and where frames between its
   * checkpoint and the segment are missing.
   */
  fill(segment: FinishedSegment): Promise<void>;
}
