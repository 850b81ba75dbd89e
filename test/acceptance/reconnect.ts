import { setTimeout as sleep } from "node:timers/promises";
import { fault } from "../../src/exchange/fault.ts";
import { DEFAULT_SCRIPT } from "../../src/exchange/world.ts";
import { journalDir } from "../../src/journal/layout.ts";
import { compareBooks } from "./books.ts";
import { type Check, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { gapsOf } from "./gaps.ts";
import { readJournal } from "./journal.ts";
import { project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";
import { statedBooks } from "./true-books.ts";

const SECOND = 1_000_000;
/** Seconds that both venues are away, one time after the other: after a long time attempts are a minute apart. */
const OUTAGES = { full: [2, 2, 60, 2, 2, 5, 2, 2, 90, 2], ci: [15], test: [2] };
const BOUND: number = 5 * SECOND;

export const reconnectCheck: Check = {
  name: "reconnect",
  promise:
    "both venues go away and come back: all books of 2,000 markets are right within 5 s of the return, at the usual times between attempts",
  async run({ seed, scale, dir, note }) {
    const markets = { full: 2_000, ci: 2_000, test: 60 }[scale];
    const outages = OUTAGES[scale];
    const each = markets / 2;
    // A market that closes while its venue is away has no book to come back with: none does.
    const script = { ...DEFAULT_SCRIPT, closesAfter: 3_600 * SECOND };
    await using stage = await Stage.set(dir, { seed, markets: { kalshi: each, polymarket: each }, rate: 200, script });
    const tape = stage.path("tape");
    const record = { stall_after: "30s", reconnect_min: "1s", reconnect_max: "60s" };
    await using recorder = new Recorder(stage.configure({ tape, discoveryEvery: "1m", record }));
    // A first book for each Kalshi market and for both tokens of each Polymarket one.
    await recorder.frames(markets);
    await sleep(3_000);
    for (const [i, seconds] of outages.entries()) {
      for (const venue of ["kalshi", "polymarket"])
        stage.exchange.inject(fault("maintenance", { venue, lasts: seconds * SECOND }));
      await sleep(seconds * 1_000 + BOUND / 1_000 + 1_000);
      note(`outage ${i + 1} of ${outages.length}`);
    }
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();
    // A stop does not wait long for the tables; the next start brings them up to the journal's end.
    await project({ tape, name: "main" });

    const truth = stage.truth();
    const journal = readJournal(journalDir(tape, "main"));
    const conserved = conserve(truth, journal);
    const books = await compareBooks(tape, journal, conserved, await gapsOf(tape));
    const known = new Map<string, ReadonlySet<string>>();
    const slowest = { kalshi: 0, polymarket: 0 };
    for (const { venue, from, to } of truth.faults.filter(({ kind }) => kind === "maintenance")) {
      // The books that were there before, and the first whole one of each after the return.
      const before = known.get(venue) ?? new Set(stated(venue, (at) => at < from).keys());
      known.set(venue, before);
      const after = stated(venue, (at) => at >= to);
      const missing = [...before].filter((key) => !after.has(key));
      must(
        missing.length === 0,
        `${missing.length} of ${before.size} books of ${venue} never came back: ${missing[0]}`,
      );
      const last = Math.max(...[...before].map((key) => (after.get(key) ?? 0) - to));
      slowest[venue as keyof typeof slowest] = Math.max(slowest[venue as keyof typeof slowest], last);
    }
    for (const [venue, time] of Object.entries(slowest))
      must(time <= BOUND, `the last book of ${venue} was right ${time / SECOND} s after the return`);
    return {
      markets,
      "outages of each venue, s": outages.join(" "),
      "Kalshi, all right after, s": (slowest.kalshi / SECOND).toFixed(2),
      "Polymarket, all right after, s": (slowest.polymarket / SECOND).toFixed(2),
      "whole books compared": books.books,
    };

    /** First time in a span at which each book was received whole. */
    function stated(venue: string, isWithin: (at: number) => boolean): Map<string, number> {
      const first = new Map<string, number>();
      for (const { truth: connection, recorded } of conserved.connections) {
        if (connection.venue !== venue || recorded === null) continue;
        for (const { frame, at } of recorded.frames) {
          const origin = conserved.origin.get(frame);
          if (origin === undefined || !isWithin(at)) continue;
          for (const { key } of statedBooks(venue, origin)) if (!first.has(key)) first.set(key, at);
        }
      }
      return first;
    }
  },
};
