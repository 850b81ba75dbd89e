import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { usage } from "../../bench/usage.ts";
import { readManifest } from "../../src/sinks/parquet/manifest.ts";
import { type Check, must } from "./check.ts";
import { dumpParquet, dumpSqlite, mustBeUnique, mustEqual, rowCount } from "./dump.ts";
import { project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const NAME = "main";
const SCALES = {
  full: { seconds: 180, rate: 2_000 },
  ci: { seconds: 8, rate: 2_000 },
  test: { seconds: 7, rate: 500 },
};
/** What catching up may take, in seconds: it is awaited, not slept through. */
const PATIENCE_S = 60;

export const sinkAwayCheck: Check = {
  name: "sink-away",
  promise: "a database that takes nothing holds up neither recording nor the tape's tables, and catches up by itself",
  async run({ seed, scale, dir, note }) {
    const { seconds, rate } = SCALES[scale];
    await using stage = await Stage.set(dir, { seed, rate });
    const tape = stage.path("tape");
    const sqlite = stage.path("away.sqlite");
    const settings = stage.configure({ tape, sqlite, journal: { segment: "2MB", segment_every: "2s" } });
    await using recorder = new Recorder(settings);
    const database = new DatabaseSync(sqlite);
    do await recorder.frames(rate);
    while (takenFrame(database) === 0);
    const before = { frames: recorder.written, mb: usage(recorder.pid).ownMb, segments: published(tape) };
    let most = before.mb;
    // Longer than SQLite waits for a lock: the sink fails, is opened again, and fails again.
    database.exec("BEGIN IMMEDIATE");
    const stuckAt = takenFrame(database);
    for (let second = 0; second < seconds; second++) {
      await sleep(1_000);
      most = Math.max(most, usage(recorder.pid).ownMb);
    }
    const meanwhile = recorder.written - before.frames;
    must(meanwhile > (seconds * rate) / 2, `only ${meanwhile} frames were written while the database was locked`);
    const segments = published(tape) - before.segments;
    must(segments >= seconds / 4, `only ${segments} segments reached the tape's tables meanwhile`);
    must(takenFrame(database) === stuckAt, "the locked database has taken rows");
    const due = recorder.durable;
    database.exec("ROLLBACK");
    note(`${meanwhile} frames and ${segments} segments without the database`);
    const startedAt = performance.now();
    while (takenFrame(database) < due) {
      must(performance.now() - startedAt < PATIENCE_S * 1000, `the database has not caught up in ${PATIENCE_S} s`);
      await sleep(50);
    }
    const caughtUp = (performance.now() - startedAt) / 1000;
    database.close();
    await recorder.frames(2 * rate);
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    must(/too slow|locked/.test(stderr), "nobody was told that the database is away");
    must(stderr.includes("has caught up and follows again"), "nobody was told that the database is back");
    await stage[Symbol.asyncDispose]();
    // A stop does not wait for a database; the next start finishes what is left.
    await project({ tape, name: NAME, sqlite });
    const dump = await dumpParquet(tape);
    mustBeUnique("Parquet", dump);
    mustEqual("SQLite against Parquet", dumpSqlite(sqlite), dump);
    return {
      "locked for, s": seconds,
      "frames written meanwhile": meanwhile,
      "segments published meanwhile": segments,
      "memory grew meanwhile by at most, MB": Math.round(most - before.mb),
      "caught up after, s": Number(caughtUp.toFixed(1)),
      rows: rowCount(dump),
      "rows missing": 0,
    };
  },
};

function published(tape: string): number {
  return readManifest(tape, NAME)?.entries.size ?? 0;
}

function takenFrame(database: DatabaseSync): number {
  const known = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'checkpoints'").get();
  if (known === undefined) return 0;
  return Number(database.prepare("SELECT max(frame) AS frame FROM checkpoints").get()?.["frame"] ?? 0);
}
