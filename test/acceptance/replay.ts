import { join } from "node:path";
import { INTERPRETER_VERSION } from "../../src/tables/version.ts";
import { fault } from "../../src/exchange/fault.ts";
import { type Check, must } from "./check.ts";
import { CORRECTED_VERSION, correctedVenues } from "./corrected.ts";
import { dumpHash, dumpParquet, dumpSqlite, mustBeUnique, mustEqual, rowCount } from "./dump.ts";
import { copyJournals, mustHaveNoOrphans, project, versionsOf } from "./projection.ts";
import { foretape, Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

/** Records a session with faults, then makes its tables again and again. */
export const replayCheck: Check = {
  name: "replay",
  promise:
    "every table is a function of the journal and the interpreters' version; a replay replaces, and leaves nothing behind",
  async run({ seed, scale, dir, note }) {
    await using stage = await Stage.set(dir, { seed, rate: 2000 });
    const tape = stage.path("tape");
    const sqlite = stage.path("live.sqlite");
    const args = stage.configure({ tape, sqlite, journal: { segment_every: "2s" } });
    await using recorder = new Recorder(args);
    await recorder.frames({ full: 40_000, ci: 15_000, test: 2_000 }[scale]);
    stage.exchange.inject(fault("sequence_gap", { venue: "kalshi" }));
    stage.exchange.inject(fault("disconnect", { venue: "polymarket" }));
    await recorder.frames({ full: 20_000, ci: 5_000, test: 2_000 }[scale]);
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();
    note("recorded");
    return await proveReplays({ tape, name: "main", sqlite, dir, args });
  },
};

/** What holds of any tape that was recorded with a SQLite sink beside Parquet. `args` name its configuration. */
async function proveReplays(on: { tape: string; name: string; sqlite: string; dir: string; args: readonly string[] }) {
  const { tape, name, sqlite, dir, args } = on;
  // A stop takes at most 5 s: on a busy machine it leaves the tables behind, and the next start finishes them.
  await project({ tape, name, sqlite });
  const dumps = async () => ({ parquet: await dumpParquet(tape), sqlite: dumpSqlite(sqlite) });
  const live = await dumps();
  mustBeUnique("live", live.parquet);
  mustEqual("SQLite against Parquet, live", live.sqlite, live.parquet);

  for (const time of ["first", "second"]) {
    const { code, stderr } = await foretape(["replay", ...args]);
    must(code === 0, `the ${time} replay ended with ${code}: ${stderr}`);
    const again = await dumps();
    mustEqual(`Parquet, ${time} replay against live`, again.parquet, live.parquet);
    mustEqual(`SQLite, ${time} replay against live`, again.sqlite, live.sqlite);
    mustHaveNoOrphans(tape);
  }

  // From nothing but the journal: no state file, no table, no database helps.
  const clean = join(dir, "clean");
  copyJournals(tape, clean);
  await project({ tape: clean, name, sqlite: join(dir, "clean.sqlite") });
  mustEqual("Parquet from the journal alone", await dumpParquet(clean), live.parquet);
  mustEqual("SQLite from the journal alone", dumpSqlite(join(dir, "clean.sqlite")), live.parquet);

  const other = join(dir, "corrected");
  const otherSqlite = join(dir, "corrected.sqlite");
  const corrected = { venues: correctedVenues, interpreter: CORRECTED_VERSION };
  copyJournals(tape, other);
  await project({ tape: other, name, sqlite: otherSqlite, ...corrected });
  const wanted = await dumpParquet(other);
  must(dumpHash(wanted) !== dumpHash(live.parquet), "the corrected interpreters change nothing: this proves nothing");

  await project({ tape, name, sqlite, replace: true, ...corrected });
  const replaced = await dumps();
  mustEqual("Parquet after the corrected replay", replaced.parquet, wanted);
  mustEqual("SQLite after the corrected replay", replaced.sqlite, wanted);
  mustHaveNoOrphans(tape);
  must(versionsOf(tape, name).join() === String(CORRECTED_VERSION), "rows of the old interpreters are left");

  await project({ tape, name, sqlite, replace: true });
  const back = await dumps();
  mustEqual("Parquet after going back", back.parquet, live.parquet);
  mustEqual("SQLite after going back", back.sqlite, live.sqlite);
  mustHaveNoOrphans(tape);
  must(versionsOf(tape, name).join() === String(INTERPRETER_VERSION), "rows of the corrected interpreters are left");
  return { rows: rowCount(live.parquet), "dumps compared": 13, "dump hash": dumpHash(live.parquet) };
}
