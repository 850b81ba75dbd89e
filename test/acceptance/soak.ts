import { setTimeout as sleep } from "node:timers/promises";
import { usage } from "../../bench/usage.ts";
import { fault } from "../../src/exchange/fault.ts";
import { journalDir } from "../../src/journal/layout.ts";
import { type Check, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { readJournal } from "./journal.ts";
import { slope } from "./quantile.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const SCALES = {
  full: { seconds: 3_600, warmUp: 600, reconnectEvery: 60, rate: 2_000, growth: 0.05 },
  ci: { seconds: 30, warmUp: 10, reconnectEvery: 5, rate: 2_000, growth: 0.25 },
  test: { seconds: 6, warmUp: 2, reconnectEvery: 2, rate: 500, growth: 1 },
} as const;

export const soakCheck: Check = {
  name: "soak",
  promise: "an hour at 2,000 frames a second with a reconnect a minute: memory, handles and timers do not grow",
  async run({ seed, scale, dir, note }) {
    const { seconds, warmUp, reconnectEvery, rate, growth } = SCALES[scale];
    await using stage = await Stage.set(dir, { seed, rate, markets: 60 });
    const tape = stage.path("tape");
    await using recorder = new Recorder(stage.configure({ tape, record: { stall_after: "30s" } }));
    await recorder.frames(500);
    const [startedAt, before] = [performance.now(), recorder.written];
    const points: { at: number; mb: number; handles: number; timers: number }[] = [];
    for (let second = 1; second <= seconds; second++) {
      await sleep(Math.max(0, startedAt + second * 1000 - performance.now()));
      if (second % reconnectEvery === 0) {
        const venue = (second / reconnectEvery) % 2 === 0 ? "kalshi" : "polymarket";
        stage.exchange.inject(fault("disconnect", { venue }));
      }
      const { ownMb: mb, handles } = usage(recorder.pid);
      if (second > warmUp) points.push({ at: second, mb, handles, timers: recorder.timers });
      if (second % 60 === 0) note(`${second} s, ${recorder.written} frames, ${Math.round(mb)} MB, ${handles} handles`);
    }
    const perSecond = (recorder.written - before) / ((performance.now() - startedAt) / 1000);
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();
    const grown = (name: "mb" | "handles" | "timers") => {
      const mean = points.reduce((sum, point) => sum + point[name], 0) / points.length;
      return (slope(points.map((point) => [point.at, point[name]])) * (seconds - warmUp)) / Math.max(mean, 1);
    };
    const figures: Record<string, string | number> = {
      seconds,
      "frames a second": Math.round(perSecond),
      disconnects: Math.floor(seconds / reconnectEvery),
      "memory of all processes without the program itself, MB": `${Math.round(points[0]?.mb ?? 0)} to ${Math.round(points.at(-1)?.mb ?? 0)}`,
    };
    for (const [name, text] of [
      ["mb", "memory"],
      ["handles", "handles"],
      ["timers", "timers"],
    ] as const) {
      const share = grown(name);
      figures[`${text} grew, %`] = Number((100 * share).toFixed(1));
      must(share <= growth, `${text} grew by ${(100 * share).toFixed(1)} % in ${seconds - warmUp} s after the warm-up`);
    }
    const connections = stage.connections();
    figures["connections made"] = connections;
    // One of each venue, and one for each that was ended; a few are made for markets that a busy one did not serve.
    const most = 2 + 1.2 * Math.floor(seconds / reconnectEvery);
    must(connections <= most, `${connections} connections were made instead of at most ${most}`);
    // An hour of truth is too much to hold in memory beside the journal's.
    if (scale !== "full") {
      const missing = conserve(stage.truth(), readJournal(journalDir(tape, "main"))).connections.reduce(
        (sum, connection) => sum + connection.missing.length,
        0,
      );
      figures["frames sent and not recorded"] = missing;
    }
    return figures;
  },
};
