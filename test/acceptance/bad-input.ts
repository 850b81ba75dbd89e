import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { journalDir, listSegments } from "../../src/journal/layout.ts";
import { readManifest } from "../../src/sinks/parquet/manifest.ts";
import { type Check, type CheckContext, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { dumpParquet, mustBeUnique, mustEqual } from "./dump.ts";
import { readJournal, type RecordedJournal } from "./journal.ts";
import { type Finished, foretape, Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";

const NAME = "main";

export const badInputCheck: Check = {
  name: "bad-input",
  promise:
    "what a user gets wrong, or a disk does, is said in one clear sentence with the right exit code, and damages nothing",
  async run(context) {
    await using stage = await Stage.set(context.dir, { seed: context.seed, rate: 1000 });
    const figures: Record<string, string | number> = {};
    const args = await recordSome(stage, stage.path("tape"));
    Object.assign(figures, await secondRecorder(stage));
    await wrongNames(stage, args);
    await truncatedTable(stage.path("tape"), args);
    await corruptSegment(stage.path("tape"), args, context);
    Object.assign(figures, await fileTooLarge(stage));
    Object.assign(figures, await fullDisk(stage, context));
    return figures;
  },
};

/** Fails unless a command ended as it should: this exit code, a sentence that fits, no stack trace, few lines. */
function mustSay(
  what: string,
  { code, stderr }: Pick<Finished, "code" | "stderr">,
  exitCode: number,
  sentence: RegExp,
): void {
  const lines = stderr
    .trim()
    .split("\n")
    .filter((line) => !line.startsWith('{"level":30'));
  must(code === exitCode, `${what}: exit code ${code}, not ${exitCode}: ${stderr}`);
  must(sentence.test(stderr), `${what}: it does not say what is wrong: ${stderr}`);
  must(!/^\s+at .*:\d+:\d+/m.test(stderr) && !stderr.includes("is a bug"), `${what}: a stack trace: ${stderr}`);
  must(lines.length <= 4, `${what}: ${lines.length} lines instead of a sentence: ${stderr}`);
}

async function recordSome(stage: Stage, tape: string): Promise<readonly string[]> {
  const args = stage.configure({ tape, journal: { segment_every: "1s" } });
  await using recorder = new Recorder(args);
  await recorder.frames(5_000);
  const { code, stderr } = await recorder.stop();
  must(code === 0, `record ended with ${code}: ${stderr}`);
  return args;
}

async function secondRecorder(stage: Stage): Promise<{ "second recorder refused after, ms": number }> {
  const tape = stage.path("two");
  const args = stage.configure({ tape });
  await using first = new Recorder(args);
  await first.frames(500);
  const second = await foretape(["record", ...args]);
  mustSay("a second recorder", second, 1, /journal "main" is being written by another process/);
  // What it takes to start any command is no part of the refusal.
  const { ms: idle } = await foretape(["record", "--help"]);
  must(second.ms - idle < 1_000, `the second recorder was refused after ${second.ms} ms, of which ${idle} ms to start`);
  await first.frames(500);
  const { code, stderr } = await first.stop();
  must(code === 0, `the first recorder ended with ${code}: ${stderr}`);
  readJournal(journalDir(tape, NAME));
  return { "second recorder refused after, ms": second.ms };
}

async function wrongNames(stage: Stage, args: readonly string[]): Promise<void> {
  const file = stage.path("wrong.yaml");
  writeFileSync(file, "listeners:\n  - { name: a, venue: kalsi }\n");
  mustSay("a wrong venue in the configuration", await foretape(["record", "--config", file]), 2, /venue.*kalshi/);
  writeFileSync(stage.path("frames.jsonl"), `${JSON.stringify({ frame: "{}", received_at: 1 })}\n`);
  const imported = await foretape([
    "import",
    stage.path("frames.jsonl"),
    "--venue",
    "kalsi",
    "--tape",
    stage.path("imported"),
  ]);
  mustSay("a wrong venue of an import", imported, 2, /kalsi/);
  mustSay("a wrong option", await foretape(["record", ...args, "--fro", "now"]), 2, /--fro/);
  mustSay(
    "a tape that is not there",
    await foretape(["query", "SELECT 1", "--tape", stage.path("nowhere")]),
    2,
    /nowhere/,
  );
}

async function truncatedTable(tape: string, args: readonly string[]): Promise<void> {
  const before = await dumpParquet(tape);
  const file = [...(readManifest(tape, NAME)?.entries.values() ?? [])]
    .flatMap(({ files }) => files)
    .find(({ table }) => table === "orderbook_deltas");
  must(file !== undefined, "there is no file of orderbook_deltas");
  truncateSync(join(tape, file.path), Math.floor(file.bytes / 2));
  const count = ["query", "SELECT count(*) FROM orderbook_deltas", "--tape", tape];
  mustSay("a truncated Parquet file", await foretape(count), 1, /\.parquet/);
  const { code } = await foretape(["verify", "--tape", tape]);
  must(code === 1, `verify of a tape with a truncated file ended with ${code}`);
  const replayed = await foretape(["replay", ...args]);
  must(replayed.code === 0, `replay over a truncated file ended with ${replayed.code}: ${replayed.stderr}`);
  mustEqual("after the replay that repairs it", await dumpParquet(tape), before);
  const verified = await foretape(["verify", "--tape", tape]);
  must(verified.code === 0, `verify of the repaired tape ended with ${verified.code}: ${verified.stdout}`);
}

async function corruptSegment(tape: string, args: readonly string[], { random }: CheckContext): Promise<void> {
  const dir = journalDir(tape, NAME);
  // The twin that readers take: the raw file as long as it is there.
  const segments = listSegments(dir);
  const file = segments[Math.floor(segments.length / 2)];
  must(file !== undefined, "the journal has no segment");
  const sound = readFileSync(file.path);
  const before = await dumpParquet(tape);
  const broken = Buffer.from(sound);
  const at = random.int(Math.floor(sound.length / 3), sound.length - 1000);
  for (let i = 0; i < 8; i++) broken[at + i] = (broken[at + i] ?? 0) ^ 0xff;
  writeFileSync(file.path, broken);
  const verified = await foretape(["verify", "--tape", tape]);
  must(verified.code === 1, `verify of a corrupt segment ended with ${verified.code}: ${verified.stdout}`);
  mustEqual("tables beside a corrupt segment", await dumpParquet(tape), before);
  // Recording goes on behind it, and the damaged file is left as it is.
  await using recorder = new Recorder(args);
  await recorder.frames(500);
  const { code, stderr } = await recorder.stop();
  must(code === 0, `record behind a corrupt segment ended with ${code}: ${stderr}`);
  must(readFileSync(file.path).equals(broken), "the corrupt segment was written to");
  writeFileSync(file.path, sound);
  readJournal(dir);
}

/** `ulimit -f`: a write beyond this fails with EFBIG. Either the recorder goes on elsewhere, or it says what it could not keep. */
async function fileTooLarge(stage: Stage) {
  const tape = stage.path("limited");
  const args = stage.configure({ tape });
  await using recorder = new Recorder(args, { shell: "ulimit -f 256" });
  await recorder.until("the fault is told", () => /too large/i.test(recorder.stderr));
  const { code, stderr } = await recorder.stop();
  must(!/^\s+at .*:\d+:\d+/m.test(stderr), `a stack trace: ${stderr}`);
  must(
    code === 0 || (code === 1 && /error: .*too large/.test(stderr)),
    `it ended with ${code} and does not say why: ${stderr}`,
  );
  if (code === 0) mustHaveAll(stage, tape, "under ulimit -f");
  const { received } = readJournal(journalDir(tape, NAME));
  await using again = new Recorder(args);
  await again.frames(500);
  const ended = await again.stop();
  must(ended.code === 0, `record after the limit was lifted ended with ${ended.code}: ${ended.stderr}`);
  const behind = readJournal(journalDir(tape, NAME));
  must(behind.lastFrame > received.length, "nothing was added after the limit was lifted");
  conserve(stage.truth(), behind);
  mustBeUnique("after the limit was lifted", await dumpParquet(tape));
  return { "frames under ulimit -f": received.length };
}

/** Throws `Failure` unless all that the exchange sent to the connections of this tape is in its journal. */
function mustHaveAll(stage: Stage, tape: string, when: string): RecordedJournal {
  const journal = readJournal(journalDir(tape, NAME));
  const ours = conserve(stage.truth(), journal).connections.filter(({ recorded }) => recorded !== null);
  const missing = ours.reduce((sum, connection) => sum + connection.missing.length, 0);
  must(missing === 0, `${missing} frames are missing ${when}`);
  return journal;
}

/** A real full disk, which then has room again: nothing may be lost meanwhile. */
async function fullDisk(stage: Stage, { note }: CheckContext): Promise<Record<string, string | number>> {
  const disk = stage.path("disk");
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], { stdio: "pipe" });
  } catch (error) {
    note(`no full disk here: ${error instanceof Error ? error.message : String(error)}`);
    return { "full disk": "skipped: a tmpfs cannot be mounted here" };
  }
  try {
    const tape = join(disk, "tape");
    await using recorder = new Recorder(stage.configure({ tape }));
    await recorder.until("the full disk is told", () => /no space/i.test(recorder.stderr));
    const full = recorder.written;
    execFileSync("mount", ["-o", "remount,size=256m", disk], { stdio: "pipe" });
    await recorder.until("it goes on", () => recorder.written > full + 2_000);
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code} although there was room again: ${stderr}`);
    mustHaveAll(stage, tape, "after a full disk");
    mustBeUnique("after a full disk", await dumpParquet(tape));
    return { "frames when the disk was full": full, "frames lost by it": 0 };
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
}
