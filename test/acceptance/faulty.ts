import { journalDir } from "../../src/journal/layout.ts";
import { fault } from "../../src/exchange/fault.ts";
import { type Check, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { gapsOf } from "./gaps.ts";
import { readJournal } from "./journal.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";
import { setTimeout as sleep } from "node:timers/promises";

const S = 1_000_000;
export const faultySession: Check = {
  name: "faults",
  promise: "x",
  async run({ seed, dir, note }) {
    await using stage = await Stage.set(dir, { seed, rate: 2000, bufferLimit: 1<<20 });
    const tape = stage.path("tape");
    await using recorder = new Recorder(stage.configure({ tape }));
    await recorder.frames(500);
    let t = 1*S;
    for (const [kind, venue, facts, wait] of [
      ["sequence_gap", "kalshi", {}, 2], ["drop", "polymarket", {count: 3}, 2], ["duplicate", "kalshi", {}, 1], ["duplicate", "polymarket", {}, 1],
      ["malformed", "kalshi", {}, 2], ["malformed", "polymarket", {}, 2], ["invalid_utf8", "kalshi", {}, 2], ["invalid_utf8", "polymarket", {}, 2],
      ["disconnect", "kalshi", {}, 3], ["disconnect", "polymarket", {}, 3], ["stall", "kalshi", {lasts: 12*S}, 8], ["stall", "polymarket", {lasts: 12*S}, 8],
      ["slow_consumer", "kalshi", {lasts: 3*S}, 6], ["slow_consumer", "polymarket", {lasts: 3*S}, 6], ["error", "kalshi", {code: 10}, 2],
    ] as const) {
      stage.exchange.inject(fault(kind, { venue, after: t, ...facts }));
      t += wait * S;
    }
    await sleep(t/1000 + 3000);
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();
    note("recorded");
    const truth = stage.truth();
    const journal = readJournal(journalDir(tape, "main"));
    const { connections } = conserve(truth, journal);
    for (const { truth: t, recorded, missing } of connections) console.log(t.conn, t.venue, t.sent.length, t.closed, recorded?.epoch, recorded?.closed, missing.length, missing.slice(0,3).map((m) => m.bytes.toString().slice(0, 100)));
    for (const f of truth.faults) console.log(JSON.stringify(f), JSON.stringify(truth.connections.find(c => c.conn === f.conn)!.frames.filter(x => (x.suppressed || x.fault) && x.at >= f.from && x.at<=f.to).slice(0,4).map(x => (x.original ?? x.bytes.toString()).slice(0,60)).map(x=>x)));
    for (const g of await gapsOf(tape)) console.log(JSON.stringify({...g, market: g.market?.slice(0,12), outcome: g.outcome?.slice(0,8)}));
    return { frames: journal.received.length };
  },
};
