import { existsSync, statSync, truncateSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../src/exchange/random.ts";
import { journalDir, listSegments } from "../../src/journal/layout.ts";
import { readMark } from "../../src/journal/mark.ts";
import { readManifest } from "../../src/sinks/parquet/manifest.ts";
import { type Check, type CheckContext, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { dumpHash, dumpParquet, dumpSqlite, mustBeUnique, mustEqual, rowCount } from "./dump.ts";
import { gapsOf } from "./gaps.ts";
import { lastFrameOf, readJournal } from "./journal.ts";
import { copyJournals, mustHaveNoOrphans, project } from "./projection.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const NAME = "main";

/** What remained after one death. */
interface Death {
  /** Last frame whose write had returned, and last frame reported durable, when the processes were killed. */
  readonly written: number;
  readonly durable: number;
  /** Last frame in the journal afterwards. */
  readonly kept: number;
  readonly cutBytes: number;
}

export const killCheck: Check = {
  name: "kill-9",
  promise: "kill -9 loses no frame whose write returned; no row twice; tables equal those of a clean replay",
  run: (context) =>
    dieRepeatedly(context, { full: 50, ci: 10, test: 2 }[context.scale], (_tape, death) => {
      must(death.kept >= death.written, `frame ${death.written} was written and the journal ends with ${death.kept}`);
    }),
};

export const powerCheck: Check = {
  name: "power-cut",
  promise: "a power cut loses nothing that was durable; no table is ahead of the journal or keeps rows of lost frames",
  run: (context) =>
    dieRepeatedly(
      context,
      { full: 50, ci: 6, test: 2 }[context.scale],
      (tape, death) => {
        must(death.kept >= death.durable, `frame ${death.durable} was durable and the journal ends with ${death.kept}`);
        mustNotBeAhead(tape, join(context.dir, "live.sqlite"), death.kept);
      },
      cutPower,
    ),
};

async function dieRepeatedly(
  { seed, dir, random, note }: CheckContext,
  times: number,
  judge: (tape: string, death: Death) => void,
  damage: (dir: string, random: Random) => number = nothing,
) {
  await using stage = await Stage.set(dir, { seed, rate: 5000 });
  const tape = stage.path("tape");
  const sqlite = stage.path("live.sqlite");
  const journal = journalDir(tape, NAME);
  const args = stage.configure({ tape, sqlite, journal: { segment: "512kB", segment_every: "2s" } });
  const deaths: Death[] = [];
  let restartMs = 0;
  for (let i = 0; i < times; i++) {
    await using recorder = new Recorder(args);
    const startedAt = performance.now();
    await recorder.until("a frame", () => recorder.written > 0);
    if (i > 0) restartMs = Math.max(restartMs, performance.now() - startedAt);
    // The first records are our own: the stream must flow, or there is little to lose.
    await recorder.frames(300);
    await sleep(random.int(0, 1500));
    await recorder.kill();
    const { written, durable } = recorder;
    const cutBytes = damage(journal, random);
    const death = { written, durable, kept: lastFrameOf(journal), cutBytes };
    judge(tape, death);
    deaths.push(death);
    if (i % 10 === 9) note(`${i + 1} deaths`);
  }
  await using last = new Recorder(args);
  await last.frames(2_000);
  const { code, stderr } = await last.stop();
  must(code === 0, `record ended with ${code}: ${stderr}`);
  await stage[Symbol.asyncDispose]();

  const recorded = readJournal(journal);
  const starts = recorded.starts.length;
  // A power cut may take the very first records of a run with it.
  must(
    starts === times + 1 || (damage !== nothing && starts <= times),
    `${starts} starts are recorded of ${times + 1}`,
  );
  const { connections } = conserve(stage.truth(), recorded);
  // What the last run had no time for is projected at the next start: this is one.
  await project({ tape, name: NAME, sqlite });
  const gaps = await gapsOf(tape);
  const uncovered = connections.filter(({ recorded: of, missing }) =>
    of === null || missing.length === 0 ? false : !gaps.some((gap) => gap.epoch === of.epoch && gap.sid === null),
  );
  must(uncovered.length === 0, `${uncovered.length} connections end with lost frames that no gap covers`);
  const live = await dumpParquet(tape);
  mustBeUnique("Parquet", live);
  mustEqual("SQLite against Parquet", dumpSqlite(sqlite), live);
  mustHaveNoOrphans(tape);
  const clean = stage.path("clean");
  copyJournals(tape, clean);
  await project({ tape: clean, name: NAME, sqlite: stage.path("clean.sqlite") });
  mustEqual("Parquet of a clean replay", live, await dumpParquet(clean));
  return {
    deaths: times,
    "frames recorded": recorded.lastFrame,
    "frames lost that were written": Math.max(0, ...deaths.map(({ written, kept }) => written - kept)),
    "frames lost that were durable": Math.max(0, ...deaths.map(({ durable, kept }) => durable - kept)),
    "bytes cut": deaths.reduce((sum, death) => sum + death.cutBytes, 0),
    "slowest restart, ms": Math.round(restartMs),
    rows: rowCount(live),
    "dump hash": dumpHash(live),
  };
}

const nothing = (): number => 0;

/**
 * What a power cut may do to files that were never synced: the journal ends anywhere between the last byte known to be
 * durable and the last one written, and later segments are gone. Returns the bytes that were lost.
 */
function cutPower(dir: string, random: Random): number {
  const mark = readMark(dir);
  const raw = listSegments(dir).filter(({ sealed }) => !sealed);
  let lost = 0;
  for (const { segment, path } of raw.toReversed()) {
    const { size } = statSync(path);
    const keep = mark?.segment === segment ? mark.offset : segment > (mark?.segment ?? 0) ? 0 : size;
    if (keep === size) continue;
    const end = random.int(keep, size);
    lost += size - end;
    if (end === 0) unlinkSync(path);
    else truncateSync(path, end);
    // What came before a file that lost something is whole, or nothing of that file would be there.
    if (end > 0 && segment !== mark?.segment) break;
  }
  return lost;
}

/** Throws `Failure` where a sink says that it knows frames which the journal has not. */
function mustNotBeAhead(tape: string, sqlite: string, lastFrame: number): void {
  const published = [...(readManifest(tape, NAME)?.entries.values() ?? [])].map((entry) => entry.lastFrame);
  must(
    Math.max(0, ...published) <= lastFrame,
    `Parquet reaches frame ${Math.max(...published)}, the journal ${lastFrame}`,
  );
  // Projecting may not have come that far yet.
  if (!existsSync(sqlite)) return;
  const db = new DatabaseSync(sqlite);
  try {
    if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'checkpoints'").get() === undefined) return;
    const [checkpoint] = db.prepare("SELECT coalesce(max(frame), 0) AS frame FROM checkpoints").all();
    const frame = Number(checkpoint?.["frame"]);
    must(frame <= lastFrame, `SQLite reaches frame ${frame}, the journal ${lastFrame}`);
  } finally {
    db.close();
  }
}
