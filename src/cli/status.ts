import { z } from "zod";
import { duration } from "../config/units.ts";
import { journalDir } from "../journal/layout.ts";
import { isLocked } from "../journal/lock.ts";
import { quietly, sleep } from "../net/sleep.ts";
import { ForetapeError } from "../ops/errors.ts";
import { checkTape } from "../tape/tape-database.ts";
import { type CommandContext, defineCommand } from "./command.ts";
import { problemsOf } from "./health.ts";
import { LiveView } from "./live-view.ts";
import { readStatus } from "./status-file.ts";
import { statusLines } from "./status-text.ts";
import { usesColor } from "./terminal.ts";

/** `foretape status`: how a recorder is, also one that is dead or hangs. */
export const statusCommand = defineCommand({
  name: "status",
  summary: "health of a running recorder",
  description:
    "Reads what the recorder writes down every second. Exit code 0: healthy, data flows; 1: not, with reasons. --recorder names another one.",
  options: {
    watch: { description: "keep showing it until stopped" },
    every: { value: "<duration>", description: "how often with --watch (default 1s)", schema: everySchema() },
  },
  examples: ["foretape status", "foretape status --json", "foretape status --watch"],
  async run(context, { watch, every }) {
    checkTape(context.tape);
    if (!watch) return show(context, (lines) => context.out(lines.join("\n")));
    const view = process.stdout.isTTY ? new LiveView(process.stdout) : null;
    let health: 0 | 1 = 0;
    while (!context.signal.aborted) {
      health = show(context, (lines) => (view === null ? context.out(lines.join("\n")) : view.draw(lines)));
      await quietly(sleep(every / 1000, context.signal), context.signal);
    }
    view?.stop();
    return health;
  },
});

function everySchema() {
  return z.preprocess(
    (value) => value ?? "1s",
    duration.refine((micros) => micros >= 100_000, "give at least 100ms"),
  );
}

function show({ tape, config, json, outJson }: CommandContext, print: (lines: readonly string[]) => void): 0 | 1 {
  const { recorder } = config;
  const status = readStatus(tape, recorder);
  if (status === null) {
    throw new ForetapeError("not_found", `no recorder "${recorder}" has run on this tape`, {
      hint: "start one with `foretape record`, or name another one with --recorder",
    });
  }
  const now = Date.now() * 1000;
  const problems = problemsOf(status, now, isLocked(journalDir(tape, recorder)));
  if (json) outJson({ healthy: problems.length === 0, problems, ...status });
  else print(statusLines(status, problems, now, { color: usesColor(process.stdout) }));
  return problems.length === 0 ? 0 : 1;
}
