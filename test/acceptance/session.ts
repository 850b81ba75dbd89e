import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, fault } from "../../src/exchange/fault.ts";
import { journalDir } from "../../src/journal/layout.ts";
import { compareBooks } from "./books.ts";
import { type Check, type CheckContext, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { gapsOf } from "./gaps.ts";
import { judgeHoles } from "./holes.ts";
import { readJournal } from "./journal.ts";
import { project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const NAME = "main";
const SECOND = 1_000_000;

export const sessionCheck: Check = {
  name: "session",
  promise:
    "what the exchange sends is recorded byte for byte and in order, and every level of every book at every moment is the exchange's own",
  run: (context) => judgeSession(context, [], { full: 20, ci: 12, test: 3 }[context.scale]),
};

export const faultsCheck: Check = {
  name: "faults",
  promise:
    "sent − recorded − covered by a gap = 0: each hole that the wire reveals is one row of gaps with true bounds",
  run(context) {
    const { faults, seconds } = schedule({ full: 3, ci: 1, test: 1 }[context.scale], context.scale !== "test");
    return judgeSession(context, faults, seconds);
  },
};

/** Every fault on each venue that can have it (`silences`: those too that take seconds to be noticed), far enough from the next to tell their holes apart. */
function schedule(rounds: number, silences: boolean): { readonly faults: readonly Fault[]; readonly seconds: number } {
  const faults: Fault[] = [];
  let at = 1;
  const add = (kind: Fault["kind"], venue: string, seconds: number, facts: Partial<Fault> = {}) => {
    faults.push(fault(kind, { venue, after: at * SECOND, ...facts }));
    at += seconds;
  };
  for (let round = 0; round < rounds; round++) {
    add("sequence_gap", "kalshi", 1);
    add("drop", "polymarket", 1, { count: 3 });
    for (const kind of ["duplicate", "malformed", "invalid_utf8"] as const) {
      add(kind, "kalshi", 1);
      add(kind, "polymarket", 1);
    }
    for (const venue of ["kalshi", "polymarket"]) {
      add("disconnect", venue, 2);
      if (!silences) continue;
      // The watchdog waits longer where a connection falls silent soon after it was made: let each live for a while.
      add("slow_consumer", venue, 8, { lasts: 2 * SECOND });
      add("stall", venue, 8, { lasts: 20 * SECOND });
    }
    add("error", "kalshi", 2, { code: 10 });
  }
  return { faults, seconds: at + 3 };
}

async function judgeSession({ seed, dir, note }: CheckContext, faults: readonly Fault[], seconds: number) {
  await using stage = await Stage.set(dir, { seed, rate: 2000, bufferLimit: 1 << 20 });
  const tape = stage.path("tape");
  await using recorder = new Recorder(stage.configure({ tape }));
  await recorder.frames(500);
  for (const fault of faults) stage.exchange.inject(fault);
  // The session is as long as it is: there is nothing to wait for but its end.
  await sleep(seconds * 1000);
  const { code, stderr } = await recorder.stop();
  must(code === 0, `record ended with ${code}: ${stderr}`);
  await stage[Symbol.asyncDispose]();
  // A stop does not wait long for the tables; the next start brings them up to the journal's end.
  await project({ tape, name: NAME });
  note(`recorded ${seconds} s`);

  const truth = stage.truth();
  const journal = readJournal(journalDir(tape, NAME));
  const conserved = conserve(truth, journal);
  const gaps = await gapsOf(tape);
  const holes = judgeHoles(truth, journal, conserved, gaps);
  const books = await compareBooks(tape, journal, conserved, gaps);
  return {
    "frames sent": truth.connections.reduce((sum, { sent }) => sum + sent.length, 0),
    "frames recorded": journal.received.length,
    ...holes,
    "levels compared": books.levels,
    "whole books compared": books.books,
    "levels of unknown size, all in gaps": books.unknown,
    books: books.keys,
  };
}
