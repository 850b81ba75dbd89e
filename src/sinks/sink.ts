import type { TableBuffer } from "../tables/buffer.ts";

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
