import type { Micros } from "../model/time.ts";

const OFFSET_MS = Date.now() - performance.now();

/** Microseconds that never step: the wall clock at program start plus the monotonic clock. For timers, not for records. */
export function steadyNow(): Micros {
  return Math.round((performance.now() + OFFSET_MS) * 1000);
}
