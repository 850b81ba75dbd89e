import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../src/ops/errors.ts";
import type { SeedFigures, SeedOutcome } from "./conserve-seed.ts";
import { WRONGS } from "./tally.ts";

const ONE = fileURLToPath(new URL("conserve-one.ts", import.meta.url));
/** Market-seconds that may be claimed for each one that was really lost, with the stated detection time. */
const MOST_CLAIMED = 1.1;
/** A share of fewer seeds says little: one long gap on a busy machine outweighs the rest. */
const SEEDS_FOR_SHARE = 10;

export interface SeedsOptions {
  readonly seeds: readonly string[];
  readonly dir: string;
  /** Seeds at a time: a session mostly waits. */
  readonly jobs: number;
  readonly seconds: number;
  readonly rate: number;
  /** Leave the files of sound seeds too. */
  readonly keep: boolean;
  note(text: string): void;
}

export interface SeedsResult {
  readonly figures: Readonly<Record<string, string | number>>;
  /** A paragraph for each seed that is not as it must be, with what makes it happen again. */
  readonly failures: readonly string[];
}

/** Runs seeds, each in a process of its own, and adds up what they came to. */
export async function conserveSeeds(options: SeedsOptions): Promise<SeedsResult> {
  const sum = new Map<keyof SeedFigures, number>();
  const failures: string[] = [];
  const waiting = [...options.seeds];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const dir = join(options.dir, `seed-${seed.replaceAll(/[^\w-]/g, "_")}`);
      const outcome = await runOne(seed, dir, options);
      const wrong = typeof outcome === "string" ? outcome : wrongOf(outcome);
      if (typeof outcome !== "string") {
        for (const [name, value] of Object.entries(outcome.figures) as [keyof SeedFigures, number][])
          sum.set(name, (sum.get(name) ?? 0) + value);
      }
      if (wrong !== null)
        failures.push(
          `seed ${seed}, commit ${commit()}, files in ${dir}\n${indent(wrong)}\n    again: npm run conserve -- --seed ${seed}`,
        );
      else if (!options.keep) rmSync(dir, { recursive: true });
      options.note(`${++done} of ${options.seeds.length}: seed ${seed} ${wrong === null ? "ok" : "FAILED"}`);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  const of = (name: keyof SeedFigures) => sum.get(name) ?? 0;
  const share = (part: number, whole: number) => (whole === 0 ? "100 %" : `${((100 * part) / whole).toFixed(3)} %`);
  const claimed = of("coveredSeconds") / Math.max(of("outageSeconds"), 1e-9);
  if (claimed > MOST_CLAIMED && options.seeds.length >= SEEDS_FOR_SHARE)
    failures.push(
      `gaps claim ${claimed.toFixed(3)} market-seconds for each one that was lost, more than ${MOST_CLAIMED}`,
    );
  return {
    failures,
    figures: {
      seeds: options.seeds.length,
      events: of("events"),
      "frames recorded": of("recorded"),
      faults: of("faults"),
      "frames lost": of("lost"),
      "of these revealed by the protocol": of("revealed"),
      "lost silently": of("silent"),
      duplicates: of("duplicate"),
      spurious: of("spurious"),
      corrupt: of("corrupt"),
      "gap recall": share(of("revealedCovered"), of("revealed")),
      "not revealed, covered all the same": of("unrevealedCovered"),
      "gap rows": of("gaps"),
      "not resolved at a tape's end": of("unresolved"),
      "market-seconds covered": Math.round(of("coveredSeconds")),
      "market-seconds lost and detection": Math.round(of("outageSeconds")),
      "levels compared": of("levels"),
      "books compared": of("books"),
      "trades compared": of("trades"),
      "spot prices and trades compared": of("spots"),
    },
  };
}

/** What one seed came to, or what its process said at its untimely end. */
async function runOne(seed: string, dir: string, { seconds, rate }: SeedsOptions): Promise<SeedOutcome | string> {
  mkdirSync(dir, { recursive: true });
  const child = spawn(process.execPath, [ONE, seed, dir, String(seconds), String(rate)], {
    stdio: ["ignore", "pipe", "pipe"],
    // A seed is five processes that load the same files.
    env: { ...process.env, NODE_COMPILE_CACHE: join(dir, "../compiled") },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return code === 0 ? (JSON.parse(stdout) as SeedOutcome) : `it ended with ${code}: ${stderr.trim()}`;
}

function wrongOf({ figures, examples, faults }: SeedOutcome): string | null {
  const counts = WRONGS.filter((kind) => figures[kind] > 0).map((kind) => `${kind} ${figures[kind]}`);
  return counts.length === 0 ? null : [counts.join(", "), ...examples, `faults: ${faults.join(", ")}`].join("\n");
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

/** The commit that is checked out, with a plus where files differ from it. */
function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8", cwd: import.meta.dirname }).trim();
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+"}`;
  } catch (error) {
    return `unknown (${messageOf(error).split("\n")[0]})`;
  }
}
