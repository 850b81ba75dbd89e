import Table from "cli-table3";
import { z } from "zod";
import { duration } from "../config/units.ts";
import { formatTime } from "../model/time.ts";
import { UsageError } from "../ops/errors.ts";
import { type Coverage, type CoverageRow, type CoverageState, coverageStates } from "../tape/coverage.ts";
import { CoveragePicture, stepFor } from "../tape/coverage-picture.ts";
import { csvLine } from "../tape/result-text.ts";
import { openTape } from "../tape/tape.ts";
import { type CommandContext, defineCommand } from "./command.ts";
import { writeOut } from "./output.ts";

const FORMATS = ["picture", "csv", "json"] as const;
const COLUMNS = ["venue", "market_id", "channel", "minute", "state", "messages"] as const;

/** `foretape coverage`: what the tape has and what it has not. */
export const coverageCommand = defineCommand({
  name: "coverage",
  summary: "per market, channel and minute: observed, quiet, gap, repaired, not subscribed",
  description:
    "quiet: subscribed, no message, and later data of the same connection proves it alive; unproven: nothing came since that would. A minute that is partly a gap is a gap. --require exits with 1 unless the whole window is covered.",
  options: {
    venue: { value: "<venue>", description: "only this venue" },
    market: { value: "<market...>", description: "only these markets", schema: z.array(z.string()).default([]) },
    listener: { value: "<name>", description: "only markets that this listener subscribed to" },
    channel: { value: "<channel>", description: "only this one: book, trades, ticker, lifecycle" },
    from: { value: "<instant>", description: "beginning (default: the tape's)" },
    to: { value: "<instant>", description: "end (default: the tape's, now where it is being recorded)" },
    every: {
      value: "<duration>",
      description: "length of a bucket (default 1m; in a picture, what fits)",
      schema: duration.refine((micros) => micros >= 1_000_000, "give at least 1s").optional(),
    },
    byChannel: { description: "a line for each channel of a market in a picture" },
    summary: { description: "count the buckets of each state instead" },
    require: { description: "list what the window lacks, exactly, and exit with 1 if that is anything" },
    format: {
      value: "<format>",
      description: `${FORMATS.join(", ")} (default: picture on a terminal, else csv)`,
      schema: z.enum(FORMATS).optional(),
    },
  },
  examples: [
    "foretape coverage",
    "foretape coverage --market KXBTCD-26NOV2117-T95000 --from 2026-11-21T16:00:00Z --to 2026-11-21T17:00:00Z --json",
    "foretape coverage --require --channel book --market KXBTCD-26NOV2117-T95000 --from 2026-11-21T16:00:00Z --to 2026-11-21T17:00:00Z",
  ],
  async run(context, options) {
    const { json, signal } = context;
    const { venue, market, listener, channel, from, to } = options;
    const format = options.format ?? (json ? "json" : process.stdout.isTTY ? "picture" : "csv");
    await using tape = await openTape(context.tape, { signal });
    const request = { venue, market: market.length === 0 ? undefined : market, listener, channel, from, to };
    await using coverage = await tape.openCoverage({ ...request, every: options.every });
    if (options.require) return await requireAll(context, coverage, format);
    if (options.summary) return await summary(context, coverage, format);
    if (format !== "picture") return await rows(coverage, format, signal);
    const { window } = coverage;
    const every = options.every ?? stepFor(window.from, window.to, process.stdout.columns ?? 120);
    await picture(coverage.every(every), options.byChannel, signal);
  },
});

async function picture(coverage: Coverage, byChannel: boolean, signal: AbortSignal): Promise<void> {
  const { window } = coverage;
  if ((window.to - window.from) / window.every > 10_000)
    throw new UsageError("a picture of more than 10000 characters a line", { hint: "give a longer --every" });
  const drawn = new CoveragePicture(window, byChannel);
  await writeOut(drawn.head(), signal);
  for await (const chunk of coverage.rows()) await writeOut(chunk.map((row) => drawn.add(row)).join(""), signal);
  await writeOut(drawn.end(), signal);
}

async function rows(coverage: Coverage, format: "csv" | "json", signal: AbortSignal): Promise<void> {
  if (format === "csv") await writeOut(csvLine(COLUMNS), signal);
  let first = true;
  for await (const chunk of coverage.rows()) {
    const text = chunk.map(cells);
    if (format === "csv") await writeOut(text.map(csvLine).join(""), signal);
    else await writeOut(`${first ? "[\n" : ",\n"}${text.map(object).join(",\n")}`, signal);
    first = false;
  }
  if (format === "json") await writeOut(first ? "[]\n" : "\n]\n", signal);
}

function cells({ venue, market, channel, at, state, messages }: CoverageRow) {
  return [venue, market, channel, formatTime(at), state, messages] as const;
}

function object(values: readonly unknown[]): string {
  return JSON.stringify(Object.fromEntries(COLUMNS.map((name, i) => [name, values[i]])));
}

/** Buckets of each state, by market and channel. */
async function summary({ outJson, out }: CommandContext, coverage: Coverage, format: string): Promise<void> {
  const counts = await coverage.counts();
  const head = ["venue", "market_id", "channel", ...coverageStates] as const;
  const line = (each: (typeof counts)[number]) => [
    each.venue,
    each.market,
    each.channel,
    ...coverageStates.map((state) => each.buckets[state]),
  ];
  const { from, to, every } = coverage.window;
  if (format === "json") {
    const named = counts.map(({ venue, market, channel, buckets }) => ({ venue, market_id: market, channel, buckets }));
    return outJson({ from: formatTime(from), to: formatTime(to), every_seconds: every / 1e6, markets: named });
  }
  if (format === "csv")
    return out(
      [head, ...counts.map(line)]
        .map((each) => csvLine(each))
        .join("")
        .trimEnd(),
    );
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  const total = (state: CoverageState) => counts.reduce((sum, each) => sum + each.buckets[state], 0);
  table.push(...counts.map(line), ["all", "", "", ...coverageStates.map(total)]);
  out(`${formatTime(from)} to ${formatTime(to)}, buckets of ${every / 1e6} s\n${table.toString()}`);
}

async function requireAll({ outJson, out }: CommandContext, coverage: Coverage, format: string): Promise<0 | 1> {
  const lacking = await coverage.uncovered();
  const covered = lacking.length === 0;
  const { from, to } = coverage.window;
  if (format === "json") {
    const uncovered = lacking.map(({ market, ...each }) => ({
      ...each,
      market_id: market,
      from: formatTime(each.from),
      to: formatTime(each.to),
    }));
    outJson({ covered, from: formatTime(from), to: formatTime(to), uncovered });
  } else {
    for (const each of lacking) {
      const why = each.cause === null ? each.why : `${each.why} (${each.cause})`;
      out(`${each.venue} ${each.market} ${each.channel}: ${why} ${formatTime(each.from)} to ${formatTime(each.to)}`);
    }
    out(covered ? "the window is covered" : `${lacking.length} stretches are not covered`);
  }
  return covered ? 0 : 1;
}
