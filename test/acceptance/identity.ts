import { rmSync } from "node:fs";
import { readManifest } from "../../src/sinks/parquet/manifest.ts";
import { type Check, must } from "./check.ts";
import { dumpParquet, dumpSqlite, mustEqual, rowCount } from "./dump.ts";
import { project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const NAME = "main";

export const identityCheck: Check = {
  name: "identity",
  promise:
    "journals of the same name never share a key: a tape made anew, or two at once, are complete in one database",
  async run({ seed, scale, dir }) {
    await using stage = await Stage.set(dir, { seed, rate: 2000 });
    const sqlite = stage.path("shared.sqlite");
    const frames = { full: 10_000, ci: 3_000, test: 1_000 }[scale];
    const record = async (tape: string): Promise<number> => {
      await using recorder = new Recorder(stage.configure({ tape: stage.path(tape), sqlite }));
      await recorder.frames(frames);
      const { code, stderr } = await recorder.stop();
      must(code === 0, `record into ${tape} ended with ${code}: ${stderr}`);
      // On a busy machine a stop leaves the tables behind; the next start finishes them.
      await project({ tape: stage.path(tape), name: NAME, sqlite });
      return recorderOf(stage.path(tape));
    };

    const first = await record("tape");
    const before = dumpSqlite(sqlite, { recorder: first });
    rmSync(stage.path("tape"), { recursive: true });
    const second = await record("tape");
    must(first !== second, "a tape made anew has the number of the one before");
    const again = await dumpParquet(stage.path("tape"));
    mustEqual("the database against the tape made anew", dumpSqlite(sqlite, { recorder: second }), again);
    mustEqual("the rows of the deleted tape", dumpSqlite(sqlite, { recorder: first }), before);

    const pair = await Promise.all(["left", "right"].map(record));
    let rows = rowCount(before) + rowCount(again);
    for (const [i, tape] of ["left", "right"].entries()) {
      const dump = await dumpParquet(stage.path(tape));
      rows += rowCount(dump);
      mustEqual(`the database against the ${tape} one of two`, dumpSqlite(sqlite, { recorder: pair[i] ?? 0 }), dump);
    }
    return { "journals named alike in one database": 4, rows, "rows missing": 0 };
  },
};

function recorderOf(tape: string): number {
  const manifest = readManifest(tape, NAME);
  must(manifest !== null, `${tape} has no manifest`);
  return manifest.identity.recorder;
}
