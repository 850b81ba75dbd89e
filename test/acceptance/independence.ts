import { setTimeout as sleep } from "node:timers/promises";
import { journalDir } from "../../src/journal/layout.ts";
import { type Check, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { dumpParquet, dumpSqlite, mustBeUnique, mustEqual, rowCount } from "./dump.ts";
import { gapsOf } from "./gaps.ts";
import { readJournal } from "./journal.ts";
import { mustHaveNoOrphans, project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const NAME = "main";

export const independenceCheck: Check = {
  name: "project-stopped",
  promise: "stopping or killing the projecting process changes nothing in the journal; the tables catch up",
  async run({ seed, scale, dir, note }) {
    await using stage = await Stage.set(dir, { seed, rate: 2000 });
    const tape = stage.path("tape");
    const sqlite = stage.path("live.sqlite");
    await using recorder = new Recorder(stage.configure({ tape, sqlite }));
    await recorder.frames(2_000);
    const stoppedMs = { full: 600_000, ci: 10_000, test: 2_000 }[scale];
    const before = recorder.written;
    const { project: projecting } = recorder.children;
    must(projecting > 0, "nobody is projecting");
    process.kill(projecting, "SIGSTOP");
    await sleep(stoppedMs);
    const meanwhile = recorder.written - before;
    must(meanwhile > stoppedMs, `only ${meanwhile} frames were written while projecting was stopped`);
    process.kill(projecting, "SIGCONT");
    await recorder.frames(2_000);
    note("stopped and continued");
    const kills = { full: 5, ci: 2, test: 1 }[scale];
    for (let i = 0; i < kills; i++) {
      const victim = recorder.children.project;
      must(victim > 0, "nobody is projecting");
      process.kill(victim, "SIGKILL");
      await recorder.until("projecting is started again", () => ![0, victim].includes(recorder.children.project));
      await recorder.frames(2_000);
    }
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();

    const journal = readJournal(journalDir(tape, NAME));
    const { connections } = conserve(stage.truth(), journal);
    const missing = connections.reduce((sum, connection) => sum + connection.missing.length, 0);
    must(missing === 0, `${missing} frames are missing`);
    must(connections.length === 2, `${connections.length} connections were made instead of 2`);
    // A stop waits a few seconds for the tables; the next start finishes what is left.
    await project({ tape, name: NAME, sqlite });
    const gaps = await gapsOf(tape);
    must(gaps.length === 0, `there are ${gaps.length} gaps, the first ${JSON.stringify(gaps[0])}`);
    const live = await dumpParquet(tape);
    mustBeUnique("Parquet", live);
    mustEqual("SQLite against Parquet", dumpSqlite(sqlite), live);
    mustHaveNoOrphans(tape);
    return {
      "stopped for, s": stoppedMs / 1000,
      "frames written meanwhile": meanwhile,
      kills,
      "frames missing": 0,
      gaps: 0,
      rows: rowCount(live),
    };
  },
};
