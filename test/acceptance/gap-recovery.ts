import { setTimeout as sleep } from "node:timers/promises";
import { fault } from "../../src/exchange/fault.ts";
import { journalDir } from "../../src/journal/layout.ts";
import { compareBooks } from "./books.ts";
import { type Check, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { gapsOf } from "./gaps.ts";
import { readJournal } from "./journal.ts";
import { quantile } from "./quantile.ts";
import { project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const SECOND = 1_000_000;
/** Holes are this far apart: the recorder asks for snapshots of a subscription once a second at most. */
const EVERY: number = 1.2 * SECOND;
/** What the exchange lets commands wait: the way to a venue and back. */
const ROUND_TRIP_MS = 50;
const BOUND_MS: number = 2 * ROUND_TRIP_MS + 100;

export const gapRecoveryCheck: Check = {
  name: "gap-recovery",
  promise: `a hole in the numbers of 100 Kalshi markets: all of their books are right again within two round trips and 100 ms at p99`,
  async run({ seed, scale, dir }) {
    const holes = { full: 300, ci: 16, test: 3 }[scale];
    await using stage = await Stage.set(dir, { seed, markets: { kalshi: 100, polymarket: 1 }, rate: 500 });
    const tape = stage.path("tape");
    await using recorder = new Recorder(stage.configure({ tape, discoveryEvery: "1m" }));
    await recorder.frames(500);
    const late = { delay: ROUND_TRIP_MS * 1000, lasts: (holes + 20) * EVERY };
    stage.exchange.inject(fault("slow_commands", { venue: "kalshi", ...late }));
    for (let i = 0; i < holes; i++) stage.exchange.inject(fault("sequence_gap", { venue: "kalshi", after: i * EVERY }));
    await sleep((holes * EVERY) / 1000 + 1_000);
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();
    // A stop does not wait long for the tables; the next start brings them up to the journal's end.
    await project({ tape, name: "main" });

    const truth = stage.truth();
    const journal = readJournal(journalDir(tape, "main"));
    const gaps = await gapsOf(tape);
    const found = gaps.filter(({ cause, channel }) => cause === "sequence" && channel === "orderbook_delta");
    const happened = truth.faults.filter(({ kind }) => kind === "sequence_gap").length;
    must(happened >= holes, `${happened} of ${holes} holes happened`);
    const open = found.filter(({ resolvedAt }) => resolvedAt === null);
    must(open.length === 0, `${open.length} of ${found.length} holes were never repaired`);
    // What a gap calls repaired is repaired: every live book of a hole's time is held against the exchange's.
    const books = await compareBooks(tape, journal, conserve(truth, journal), gaps);
    const took = found.map(({ detectedAt, resolvedAt }) => ((resolvedAt ?? 0) - (detectedAt ?? 0)) / 1000);
    const p99 = quantile(took, 0.99);
    must(found.length > 0, "no hole was found in the numbers of the books");
    must(p99 <= BOUND_MS, `the books were right after ${p99} ms at p99, not within ${BOUND_MS} ms`);
    return {
      "holes in book numbers": found.length,
      "round trip, ms": ROUND_TRIP_MS,
      "all books right after, ms, p50": Math.round(quantile(took, 0.5)),
      p99: Math.round(p99),
      "bound, ms": BOUND_MS,
      "whole books compared": books.books,
    };
  },
};
