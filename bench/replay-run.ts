import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { RunResult } from "./record-run.ts";

const bin = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Runs the CLI and gives its `--json` answer. Throws with its stderr when it fails. */
export async function foretape(...args: string[]): Promise<unknown> {
  const child = spawn(process.execPath, [bin, ...args, "--json"], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (errors += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`foretape ${args.join(" ")} ended with ${code}: ${errors}`);
  return JSON.parse(out) as unknown;
}

/** One replay of a recorded tape into its Parquet tables, start and end of the program left out. */
export async function replayRun(tape: string): Promise<RunResult> {
  const [result] = (await foretape("replay", "--tape", tape, "--into", "parquet")) as {
    frames: number;
    seconds: number;
  }[];
  if (result === undefined) throw new Error("nothing was replayed");
  return { frames: result.frames, seconds: result.seconds, cpuSeconds: Number.NaN };
}
