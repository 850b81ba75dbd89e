import { Failure } from "./check.ts";

/** What can be wrong with a recording: the four counts that must be 0. */
export const WRONGS = ["silent", "duplicate", "spurious", "corrupt"] as const;
export type Wrong = (typeof WRONGS)[number];

/** Takes a judge's finding; `times` where it stands for several. */
export type Complain = (kind: Wrong, what: string, times?: number) => void;

/** The first finding ends the judgement. */
export const strict: Complain = (_kind, what) => {
  throw new Failure(what);
};

/** Counts findings and keeps the first few of each kind. */
export class Tally {
  readonly counts: Record<Wrong, number> = { silent: 0, duplicate: 0, spurious: 0, corrupt: 0 };
  readonly examples: string[] = [];

  readonly complain: Complain = (kind, what, times = 1) => {
    if (this.counts[kind] === 0) this.examples.push(`${kind}: ${what}`);
    this.counts[kind] += times;
  };
}
