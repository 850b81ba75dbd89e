import type { Stamp } from "./codec.ts";

const ROUNDS = 5;

/** Reads both clocks for record stamps. */
export class RecordClock implements Stamp {
  wallSeconds: number | null = 0;
  wallNanos = 0;
  monoSeconds = 0;
  monoNanos = 0;
  /** Wall minus monotonic, in milliseconds. */
  #wallOffset: number;
  /** Milliseconds between boot (hrtime's zero) and performance.now's zero. */
  readonly #monoOffset: number;

  constructor() {
    let [monoOffset, wallOffset, least] = [0, 0, Infinity];
    // Between two reads the process may have to wait: of several rounds the quickest is the truest.
    for (let round = 0; round < ROUNDS; round++) {
      const before = performance.now();
      const wall = Date.now();
      const [seconds, nanos] = process.hrtime();
      const took = performance.now() - before;
      if (took >= least) continue;
      least = took;
      wallOffset = wall + 0.5 - before;
      monoOffset = seconds * 1000 + nanos / 1e6 - before;
    }
    this.#monoOffset = monoOffset;
    this.#wallOffset = wallOffset;
  }

  /** Stamps with the present time. One clock read: the wall clock is the monotonic one plus an offset. */
  now(): void {
    const now = performance.now();
    const wall = Math.round((now + this.#wallOffset) * 1000);
    const wallSeconds = Math.floor(wall / 1_000_000);
    this.wallSeconds = wallSeconds;
    this.wallNanos = (wall - wallSeconds * 1_000_000) * 1000;
    const mono = Math.round((now + this.#monoOffset) * 1e6);
    this.monoSeconds = Math.floor(mono / 1e9);
    this.monoNanos = mono - this.monoSeconds * 1e9;
  }

  /** Stamps with a time that someone else measured (imports): no monotonic clock. */
  at(wallMicros: number | null): void {
    this.monoSeconds = 0;
    this.monoNanos = 0;
    this.wallSeconds = wallMicros === null ? null : Math.floor(wallMicros / 1_000_000);
    this.wallNanos = wallMicros === null ? 0 : (wallMicros % 1_000_000) * 1000;
  }

  /**
   * Follows the system's wall clock; call about once a second. Returns by how many milliseconds the offset moved.
   * Date.now has whole milliseconds, so an offset inside that millisecond is left alone.
   */
  follow(): number {
    const system = Date.now();
    const ours = performance.now() + this.#wallOffset;
    if (ours >= system && ours < system + 1) return 0;
    const moved = system + 0.5 - ours;
    this.#wallOffset += moved;
    return moved;
  }
}
