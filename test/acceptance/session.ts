import { journalDir } from "../../src/journal/layout.ts";
import { type Check, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { gapsOf } from "./gaps.ts";
import { readJournal } from "./journal.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";
import { setTimeout as sleep } from "node:timers/promises";

export const quietSession: Check = {
  name: "session",
  promise: "what the exchange sends is recorded byte for byte, and every level of every book at every moment is the exchange's own",
  async run({ seed, dir, note }) {
    await using stage = await Stage.set(dir, { seed, rate: 2000 });
    const tape = stage.path("tape");
    await using recorder = new Recorder(stage.configure({ tape }));
    await recorder.frames(1);
    await sleep(20_000);
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();
    note("recorded");
    const truth = stage.truth();
    const journal = readJournal(journalDir(tape, "main"));
    const { connections } = conserve(truth, journal);
    for (const { truth: t, recorded, missing } of connections) console.log(t.conn, t.venue, t.sent.length, t.closed, recorded?.epoch, recorded?.closed, missing.length, missing.slice(0,3).map((m) => m.bytes.toString().slice(0, 100)));
    console.log(await gapsOf(tape));
    return { frames: journal.received.length };
  },
};
