import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { fault } from "../src/exchange/fault.ts";
import { readManifests } from "../src/sinks/parquet/manifest.ts";
import { testChecks } from "./acceptance/as-tests.ts";
import { conserveCheck } from "./acceptance/conserve-check.ts";
import { judge, recordSession, type SeedFigures } from "./acceptance/conserve-seed.ts";
import type { Wrong } from "./acceptance/tally.ts";
import type { GroundTruth, TrueFrame } from "./acceptance/truth.ts";

testChecks([conserveCheck]);

test("the judge objects to sabotage: to rows that were taken away, and to frames that were or were not sent", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "foretape-sabotage-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const faults = [fault("sequence_gap", { venue: "kalshi" }), fault("disconnect", { venue: "polymarket" })];
  const { truth, tape } = await recordSession("sabotage", dir, { seconds: 1, rate: 1_000 }, faults);
  const found = async (of: GroundTruth = truth): Promise<SeedFigures> => (await judge(of, tape)).figures;
  const sound = await found();
  assert.deepEqual(wrong(sound), [], "the tape as it was recorded");
  assert.ok(sound.revealed > 0 && sound.levels > 0 && sound.trades > 0);

  const [changed, unknown, ...rest] = truth.connections.filter(({ sent }) => sent.length > 20);
  const frame = changed?.sent[10];
  assert.ok(changed !== undefined && unknown !== undefined && frame !== undefined);
  const other: TrueFrame = { ...frame, bytes: Buffer.concat([frame.bytes, Buffer.from(" ")]) };
  const otherwise = [{ ...changed, sent: changed.sent.with(10, other) }, ...rest];
  assert.deepEqual(
    wrong(await found({ ...truth, connections: otherwise })).filter((kind) => kind !== "silent"),
    ["spurious", "corrupt"],
    "one frame was sent otherwise, one connection never was",
  );

  const undo = [
    await takeAway(tape, "trades", "source = 'stream'", 1),
    await takeAway(tape, "orderbook_deltas", "size IS NOT NULL", 1),
  ];
  assert.deepEqual(wrong(await found()), ["silent", "corrupt"], "a trade and a level without their rows");
  for (const each of undo) each();
  await takeAway(tape, "gaps", "cause = 'sequence'");
  assert.ok(wrong(await found()).includes("silent"), "a hole without its rows");
});

function wrong({ silent, duplicate, spurious, corrupt }: SeedFigures): Wrong[] {
  const counts = { silent, duplicate, spurious, corrupt };
  return (Object.keys(counts) as Wrong[]).filter((kind) => counts[kind] > 0);
}

/** Removes such rows from the files of a table, all or only those of the first frames; gives what puts them back. */
async function takeAway(tape: string, table: string, which: string, most = Infinity): Promise<() => void> {
  const files = readManifests(tape).flatMap(({ entries }) => [...entries.values()].flatMap(({ files: of }) => of));
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  const before = new Map<string, Buffer>();
  let taken = 0;
  try {
    for (const { path } of files.filter((file) => file.table === table)) {
      const file = join(tape, path);
      const read = `read_parquet('${file}', hive_partitioning = false)`;
      const reader = await connection.runAndReadAll(`SELECT DISTINCT frame FROM ${read} WHERE ${which} ORDER BY frame`);
      const frames = reader
        .getRows()
        .slice(0, most - taken)
        .flat();
      if (frames.length === 0) continue;
      taken += frames.length;
      before.set(file, readFileSync(file));
      await connection.run(
        `COPY (SELECT * FROM ${read} WHERE NOT (${which} AND frame IN (${frames.join(", ")}))) TO '${file}.less' (FORMAT parquet)`,
      );
      renameSync(`${file}.less`, file);
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  assert.ok(taken > 0, `there are rows of ${table} with ${which}`);
  return () => {
    for (const [file, bytes] of before) writeFileSync(file, bytes);
  };
}
