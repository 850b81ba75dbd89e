import { closeSync, openSync, writeSync } from "node:fs";
import type { Micros } from "../model/time.ts";
import { StorageError } from "../ops/errors.ts";
import type { LevelTruth } from "../venues/server.ts";

/**
 * One line of the ground truth. Times are the exchange's own, microseconds. `n` counts the frames of a connection
 * from 1. Exactly the lines with `n` were handed to a socket.
 */
export type TruthLine =
  | { readonly opened: true; readonly conn: number; readonly venue: string; readonly at: Micros }
  | {
      readonly closed: string;
      readonly conn: number;
      readonly venue: string;
      readonly at: Micros;
      /** Bytes that were still waiting in the process and are lost with the socket. */
      readonly unsent: number;
    }
  | {
      readonly conn: number;
      readonly venue: string;
      readonly n: number;
      readonly at: Micros;
      /** The frame as sent; where it is no UTF-8, `base64` instead. */
      readonly text?: string;
      readonly base64?: string;
      /** The fault that changed or repeated the frame, and the frame that it should have been. */
      readonly fault?: string;
      readonly original?: string;
      /** Levels after the change, in the venue's own terms. */
      readonly after?: readonly LevelTruth[];
    }
  | {
      /** A frame that a fault kept back: it counts in the protocol and never reached the socket. */
      readonly suppressed: string;
      readonly conn: number;
      readonly venue: string;
      readonly at: Micros;
      readonly text: string;
    }
  | {
      readonly fault: string;
      /** Null where it befell a whole venue (`all` of them). */
      readonly conn: number | null;
      readonly venue: string;
      readonly from: Micros;
      readonly to: Micros;
      /** Frames suppressed, changed or repeated; connections refused, answers changed. */
      readonly count: number;
    };

/** What the exchange really sent, as JSON lines: written once per turn, so it is complete whenever a turn is over. */
export class Truth {
  readonly #file: number;
  #lines: string[] = [];

  /** Throws `StorageError` where the file cannot be written. */
  constructor(path: string) {
    try {
      this.#file = openSync(path, "w", 0o600);
    } catch (cause) {
      throw new StorageError(`the ground-truth file ${path} cannot be written`, { cause });
    }
  }

  add(line: TruthLine): void {
    this.#lines.push(JSON.stringify(line));
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    const bytes = Buffer.from(`${this.#lines.join("\n")}\n`);
    this.#lines = [];
    for (let written = 0; written < bytes.length;) written += writeSync(this.#file, bytes, written);
  }

  close(): void {
    try {
      this.flush();
    } finally {
      closeSync(this.#file);
    }
  }
}
