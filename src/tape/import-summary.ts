import type { Checkpoint, RowBatch, Sink } from "../sinks/sink.ts";

/** Counts the rows that a journal becomes; a sink that keeps nothing. */
export class RowCounts implements Sink {
  readonly id = "counts";
  readonly rows = new Map<string, number>();
  readonly quarantined = new Map<string, number>();
  /** Openings of gaps; later rows of the same gap are not counted. */
  gaps = 0;

  async open(): Promise<Checkpoint | null> {
    return null;
  }

  async write({ tables }: RowBatch): Promise<void> {
    for (const buffer of tables) {
      if (buffer.length === 0) continue;
      const { name } = buffer.table;
      this.rows.set(name, (this.rows.get(name) ?? 0) + buffer.length);
      if (name === "quarantine") {
        for (const reason of buffer.text("reason").values) {
          const word = reason ?? "unknown";
          this.quarantined.set(word, (this.quarantined.get(word) ?? 0) + 1);
        }
      } else if (name === "gaps") {
        const opening = buffer.number("opening_frame").values;
        for (let row = 0; row < buffer.length; row++) {
          if (opening[row] === buffer.frame[row] && buffer.number("opening_n").values[row] === buffer.n[row])
            this.gaps++;
        }
      }
    }
  }

  async flush(): Promise<void> {
    // Nothing is kept.
  }
  async beginReplace(): Promise<void> {
    throw new Error("counts are not replaced");
  }
  async endReplace(): Promise<void> {
    throw new Error("counts are not replaced");
  }
  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held.
  }
}
