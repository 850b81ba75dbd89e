import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { commitRun } from "./commit-run.ts";
import { CAPTURE, haveCapture } from "./capture-frames.ts";
import { median, writeFigures } from "./figures.ts";
import { bytesBelow, floorRun, recordRun, type RunResult, type Server, startServer } from "./record-run.ts";
import { foretape, replayRun } from "./replay-run.ts";

/**
 * `npm run bench`: how fast a recorder is, as a ratio to the floor within the same run, so that it does not depend on
 * the machine. Runs are interleaved and the median counts, so that it hardly depends on its other work either.
 */
const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "2000000" },
    runs: { type: "string", default: "7" },
    write: { type: "boolean", default: false },
  },
});
const frames = Number(values.frames);
const runs = Number(values.runs);
/** Deltas and frames of the real capture. */
const REAL_DELTAS = 101_703;
const REAL_FRAMES = 102_555;

const rate = ({ frames: count, seconds }: RunResult): number => count / seconds;
const cpu = ({ frames: count, cpuSeconds }: RunResult): number => (cpuSeconds / count) * 1e6;
const lines: string[] = [];
const say = (line: string): void => {
  lines.push(line);
  console.log(line);
};

if (!haveCapture()) {
  console.error(`the bench sends frames of a real capture, which is not here: ${CAPTURE}`);
  process.exit(1);
}

interface Pair {
  readonly floor: RunResult[];
  readonly record: RunResult[];
}

async function pair(server: Server, markets: number, into: Pair): Promise<void> {
  into.floor.push(await floorRun(server));
  into.record.push(await recordRun(server, markets));
  const ratio = rate(into.record.at(-1)!) / rate(into.floor.at(-1)!);
  console.error(`${markets} markets: ${ratio.toFixed(3)} of the floor`);
}

function report(name: string, { floor, record }: Pair): number {
  const ratios = record.map((run, i) => rate(run) / rate(floor[i]!));
  const ratio = median(ratios);
  say(
    `| ${name} | ${Math.round(median(record.map(rate))).toLocaleString("en")} | ${Math.round(median(floor.map(rate))).toLocaleString("en")} | **${ratio.toFixed(2)}** (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) | ${Number.isNaN(median(record.map(cpu))) ? "" : median(record.map(cpu)).toFixed(1)} | ${median(floor.map(cpu)).toFixed(1)} | ${Math.round(Math.max(0, ...record.map(({ peakMb }) => peakMb ?? 0))) || ""} |`,
  );
  return ratio;
}

const few: Pair = { floor: [], record: [] };
const many: Pair = { floor: [], record: [] };
const replay: Pair = { floor: [], record: [] };
const fewServer = await startServer(200, frames);
const kept = await recordRun(fewServer, 200, true);
const tape = kept.tape ?? "";
try {
  for (let i = 0; i < runs; i++) {
    await pair(fewServer, 200, few);
    replay.floor.push(few.floor.at(-1)!);
    replay.record.push(await replayRun(tape));
    console.error(`replay: ${(rate(replay.record.at(-1)!) / rate(replay.floor.at(-1)!)).toFixed(3)} of the floor`);
  }
  fewServer.child.kill();
  const manyServer = await startServer(10_000, frames);
  for (let i = 0; i < runs; i++) await pair(manyServer, 10_000, many);
  manyServer.child.kill();

  say(`${frames.toLocaleString("en")} frames a run, median of ${runs}, floor and recorder in turn.`);
  say("");
  say("| | frames/s | floor, frames/s | ratio | CPU s per million frames | floor's | peak MB, all processes |");
  say("|---|---|---|---|---|---|---|");
  const fewRatio = report("`record`, 200 markets", few);
  const manyRatio = report("`record`, 10,000 markets", many);
  const replayRatio = report("`replay` to Parquet, 200 markets", replay);
  say("");
  say(`10,000 markets run at ${(manyRatio / fewRatio).toFixed(2)} of 200 markets' ratio.`);

  const home = mkdtempSync(join(tmpdir(), "foretape-bench-"));
  await foretape("import", "--venue", "kalshi", "--tape", home, CAPTURE);
  const parquet = bytesBelow(join(home, "tables", "orderbook_deltas"), ".parquet") / REAL_DELTAS;
  const sealed = bytesBelow(join(home, "journal"), ".seal") / REAL_FRAMES;
  rmSync(home, { recursive: true, force: true });
  say("");
  say(
    `Real KXBTC15M capture: ${parquet.toFixed(1)} bytes per book delta in Parquet; ${sealed.toFixed(1)} bytes per frame in the sealed journal, headers and index included.`,
  );

  const commit = await commitRun(tape, 30);
  say("");
  say(
    `Group commit while ${commit.queries} analytical queries ran, four at a time, against the tape under record (2,000 messages/s, ${Math.round(frames / 1e5) / 10} million older rows): write to durable p50 ${commit.p50.toFixed(0)} ms, p99.9 ${commit.p999.toFixed(0)} ms, worst ${commit.worst.toFixed(0)} ms.`,
  );

  const failed = [
    fewRatio < 0.3 && `200 markets: ${fewRatio.toFixed(2)} < 0.30`,
    manyRatio < 0.8 * fewRatio && `10,000 markets: ${(manyRatio / fewRatio).toFixed(2)} < 0.8 of 200 markets`,
    replayRatio < 0.6 && `replay: ${replayRatio.toFixed(2)} < 0.60`,
    Math.max(...many.record.map(({ peakMb }) => peakMb ?? 0)) > 600 && "10,000 markets: over 600 MB",
    parquet > 11 && `Parquet: ${parquet.toFixed(1)} > 11 bytes per delta`,
    sealed > 22 && `journal: ${sealed.toFixed(1)} > 22 bytes per frame`,
    commit.p999 > 250 && `group commit: p99.9 ${commit.p999.toFixed(0)} > 250 ms`,
  ].filter((text) => text !== false);
  say("");
  say(failed.length === 0 ? "Every figure is within its limit." : `Outside their limits: ${failed.join("; ")}.`);
  if (values.write) writeFigures("bench", "Speed and size", lines);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  fewServer.child.kill();
  rmSync(dirname(tape), { recursive: true, force: true });
}
