import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../../src/exchange/fault.ts";
import { Random } from "../../src/exchange/random.ts";
import { journalDir } from "../../src/journal/layout.ts";
import { compareBooks } from "./books.ts";
import { must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { mixFaults } from "./fault-mix.ts";
import { type GapSeen, gapsOf } from "./gaps.ts";
import { readJournal } from "./journal.ts";
import { covers, lostFrames } from "./lost-frames.ts";
import { marketTime } from "./market-time.ts";
import { project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { countTwice } from "./row-keys.ts";
import { Stage } from "./stage.ts";
import { Tally } from "./tally.ts";
import { judgeSpots } from "./true-spots.ts";
import { judgeTrades } from "./true-trades.ts";
import type { GroundTruth } from "./truth.ts";

const NAME = "main";
const SECOND = 1_000_000;
/** So that a silence is found within a session of seconds; the figures are held against this one. */
const STALL_AFTER: number = SECOND;
/** Twice the `stale_after` that `Stage` sets. */
const COINBASE_STALL_AFTER: number = 2 * SECOND;

/** What one seed's session came to: counts that add up over seeds. */
export interface SeedFigures {
  /** Frames that the exchange made, sent or not. */
  readonly events: number;
  readonly recorded: number;
  readonly faults: number;
  readonly lost: number;
  /** Of the lost ones: covered by a row of `gaps`; revealed by the protocol; covered though not revealed. */
  readonly revealed: number;
  readonly revealedCovered: number;
  readonly unrevealed: number;
  readonly unrevealedCovered: number;
  readonly silent: number;
  readonly duplicate: number;
  readonly spurious: number;
  readonly corrupt: number;
  readonly gaps: number;
  /** Gaps whose books were not right again at the end of the tape. */
  readonly unresolved: number;
  readonly coveredSeconds: number;
  readonly outageSeconds: number;
  readonly levels: number;
  readonly books: number;
  readonly trades: number;
  /** Spot prices and trades. */
  readonly spots: number;
}

export interface SeedOutcome {
  readonly figures: SeedFigures;
  /** The first finding of each kind, and what the faults were. */
  readonly examples: readonly string[];
  readonly faults: readonly string[];
}

export interface SeedSession {
  readonly seconds: number;
  /** Book changes and trades a second. */
  readonly rate: number;
}

/** Records a session of one seed with mixed faults on every venue and judges it. Leaves its files in `dir`. */
export async function conserveSeed(seed: string, dir: string, session: SeedSession): Promise<SeedOutcome> {
  const { truth, tape } = await recordSession(
    seed,
    dir,
    session,
    mixFaults(new Random(`${seed}/mix`), session.seconds),
  );
  return await judge(truth, tape);
}

/** Records a session of one seed in which these faults happen. */
export async function recordSession(
  seed: string,
  dir: string,
  session: SeedSession,
  faults: readonly Fault[],
): Promise<{ readonly truth: GroundTruth; readonly tape: string }> {
  const script = { createdAfter: 2, opensAfter: 4, regridAfter: 5, pausesAfter: 5.5, closesAfter: 8 };
  await using stage = await Stage.set(dir, {
    seed,
    rate: session.rate,
    bufferLimit: 1 << 20,
    script: mapValues(script, (seconds) => Math.round(seconds * SECOND)),
  });
  const tape = stage.path("tape");
  await using recorder = new Recorder(
    stage.configure({ tape, coinbase: true, record: { stall_after: `${STALL_AFTER / 1000}ms`, http_timeout: "1s" } }),
  );
  await recorder.frames(200);
  for (const each of faults) stage.exchange.inject(each);
  // The session is as long as it is; what happens last has time to be noticed.
  await sleep(session.seconds * 1000 + 2_500);
  const { code, stderr } = await recorder.stop();
  must(code === 0, `record ended with ${code}: ${stderr}`);
  await stage[Symbol.asyncDispose]();
  // A stop does not wait for the tables; the next start brings them up to the journal's end.
  await project({ tape, name: NAME });
  return { truth: stage.truth(), tape };
}

/** Holds a tape against the ground truth. */
export async function judge(truth: GroundTruth, tape: string): Promise<SeedOutcome> {
  const tally = new Tally();
  const journal = readJournal(journalDir(tape, NAME));
  const conserved = conserve(truth, journal, tally.complain);
  const gaps = await gapsOf(tape);
  const lost = lostFrames(conserved);
  let [revealed, revealedCovered, unrevealedCovered] = [0, 0, 0];
  for (const frame of lost) {
    const isCovered = gaps.some((gap) => covers(gap, frame));
    if (frame.revealed) revealed++;
    if (isCovered && frame.revealed) revealedCovered++;
    if (isCovered && !frame.revealed) unrevealedCovered++;
    if (isCovered || !frame.revealed) continue;
    const { venue, epoch, sid, fault, before, after } = frame;
    tally.complain(
      "silent",
      `a frame of ${venue}, connection ${epoch}, sid ${sid} (${fault}), between ${before} and ${after}`,
    );
  }
  const books = await compareBooks(tape, journal, conserved, gaps, tally.complain);
  const trades = await judgeTrades(tape, journal, conserved, tally.complain);
  const spots = await judgeSpots(tape, journal, conserved, tally.complain);
  const twice = await countTwice(tape);
  if (twice > 0) tally.complain("duplicate", `${twice} rows have the identity of another one`, twice);
  const stated = ({ cause, venue }: GapSeen) =>
    cause === "stall" ? (venue === "coinbase" ? COINBASE_STALL_AFTER : STALL_AFTER) : 0;
  const time = marketTime(conserved, lost, gaps, journal.lastAt, stated);
  return {
    figures: {
      events: truth.connections.reduce((sum, { frames }) => sum + frames.length, 0),
      recorded: journal.received.length,
      faults: truth.faults.length,
      lost: lost.length,
      revealed,
      revealedCovered,
      unrevealed: lost.length - revealed,
      unrevealedCovered,
      ...tally.counts,
      gaps: gaps.length,
      unresolved: gaps.filter(({ resolvedAt }) => resolvedAt === null).length,
      ...time,
      levels: books.levels,
      books: books.books,
      trades,
      spots,
    },
    examples: tally.examples,
    faults: truth.faults.map(
      ({ kind, venue, conn, count }) => `${kind}/${venue}${conn === null ? "" : `#${conn}`} ×${count}`,
    ),
  };
}

function mapValues<K extends string>(of: Record<K, number>, to: (value: number) => number): Record<K, number> {
  return Object.fromEntries(Object.entries<number>(of).map(([key, value]) => [key, to(value)])) as Record<K, number>;
}
