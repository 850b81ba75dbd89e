import { z } from "zod";
import { journalDir, listJournals, listSegments } from "../journal/layout.ts";
import { readPreamble } from "../journal/reader.ts";
import { type Micros, parseTime } from "../model/time.ts";
import { UsageError } from "../ops/errors.ts";
import { Projector, type SegmentRange } from "../project/projector.ts";
import type { SinkConfig } from "../sinks/config.ts";
import { makeSinks } from "../sinks/index.ts";
import { postgresSinkId } from "../sinks/postgres/database-name.ts";
import { venues } from "../venues/index.ts";
import { type CommandContext, defineCommand } from "./command.ts";

const instant = z.string().transform((text, context): Micros => {
  const time = parseTime(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (time !== null) return time;
  context.addIssue({
    code: "custom",
    message: `"${text}" is no UTC instant; write for example 2026-11-21T16:00:00Z or 2026-11-21`,
  });
  return z.NEVER;
});

/** `foretape replay`: journal → tables again. */
export const replayCommand = defineCommand({
  name: "replay",
  summary: "makes the tables again from the journal",
  description:
    "Interprets the journal from its oldest segment with this program's interpreters and replaces the rows of every segment in the range, one transaction a segment. The journal itself is never changed.",
  options: {
    journal: {
      value: "<name...>",
      description: "only these journals (default: all of the tape)",
      schema: z.array(z.string()).default([]),
    },
    from: {
      value: "<instant>",
      description: "first UTC instant: whole segments are replaced",
      schema: instant.optional(),
    },
    to: { value: "<instant>", description: "last UTC instant", schema: instant.optional() },
    into: {
      value: "<sink>",
      description: "only this sink: parquet, postgres, or sqlite with its path, sqlite:./market-data.sqlite",
    },
  },
  examples: [
    "foretape replay",
    "foretape replay --from 2026-11-21T16:00:00Z --to 2026-11-21T17:00:00Z",
    "foretape replay --into sqlite:./market-data.sqlite",
    "foretape replay --into postgres",
  ],
  async run(context, { journal, from, to, into }) {
    const { tape, config, json, out, outJson, signal } = context;
    const names = journal.length > 0 ? journal : listJournals(tape);
    if (names.length === 0)
      throw new UsageError(`there is no journal in ${tape}`, { hint: "name the tape with --tape" });
    const results: { journal: string; segments: number; frames: number; seconds: number }[] = [];
    for (const name of names) {
      if (signal.aborted) break;
      const range = segmentRange(tape, name, from, to);
      if (range === null) continue;
      const result = await replay(
        context,
        name,
        range,
        sinksOf(into, config.sinks),
        into === undefined || into === "parquet",
      );
      results.push(result);
      if (!json) out(`${name}: ${result.segments} segments, ${result.frames} frames in ${result.seconds} s`);
    }
    if (json) outJson(results);
  },
});

async function replay(
  { tape, signal, progress }: CommandContext,
  name: string,
  range: SegmentRange,
  sinks: readonly SinkConfig[],
  parquet: boolean,
): Promise<{ journal: string; segments: number; frames: number; seconds: number }> {
  const startedAt = performance.now();
  const segments = range.toSegment - range.fromSegment + 1;
  const bar = progress(`replaying ${name}`, segments);

  let last = 0;
  try {
    await using projector = await Projector.open({
      tape,
      name,
      venues,
      sinks: (instruments) => makeSinks({ settings: sinks, tape, instruments, parquet }),
      replace: range,
      onProgress: ({ frame, segment }) => {
        last = frame;
        bar.update(Math.max(0, segment - range.fromSegment), `frame ${frame}`);
      },
    });
    if (projector === null) throw new UsageError(`there is no journal "${name}" in ${tape}`);
    await projector.run({ follow: false, signal });
    last = projector.frame;
  } finally {
    bar.stop();
  }
  return { journal: name, segments, frames: last, seconds: Math.round((performance.now() - startedAt) / 10) / 100 };
}

/** The segments that hold anything received between two instants; null when there are none. */
function segmentRange(
  tape: string,
  name: string,
  from: Micros | undefined,
  to: Micros | undefined,
): SegmentRange | null {
  const files = listSegments(journalDir(tape, name));
  if (files.length === 0) {
    throw new UsageError(`there is no journal "${name}" in ${tape}`, {
      hint: `journals here: ${listJournals(tape).join(", ") || "none"}`,
    });
  }
  let fromSegment: number | null = null;
  let toSegment: number | null = null;
  for (const file of files) {
    const opened = readPreamble(file)?.preamble.wall;
    if (opened === undefined) continue;
    if (fromSegment === null || (from !== undefined && opened <= from)) fromSegment = file.segment;
    if (to === undefined || opened <= to) toSegment = file.segment;
  }
  return fromSegment === null || toSegment === null || toSegment < fromSegment ? null : { fromSegment, toSegment };
}

function sinksOf(into: string | undefined, configured: readonly SinkConfig[]): readonly SinkConfig[] {
  if (into === undefined) return configured;
  if (into === "parquet") return [];
  const [type, ...rest] = into.split(":");
  const path = rest.join(":");
  if (type === "postgres") return [configuredPostgres(into, configured)];
  if (type !== "sqlite")
    throw new UsageError(`there is no sink "${into}"`, { hint: "write parquet, postgres, or sqlite:<path>" });
  const known = configured.find((sink) => sink.type === "sqlite" && (path === "" || sink.path === path));
  if (known !== undefined) return [known];
  if (path === "") throw new UsageError("no sqlite sink is configured", { hint: "write sqlite:<path>" });
  return [{ type: "sqlite", path, tables: "default" }];
}

/** The configured PostgreSQL sink: `postgres`, or its whole name where there are several. An address would show its password. */
function configuredPostgres(into: string, configured: readonly SinkConfig[]): SinkConfig {
  const sinks = configured.filter((sink) => sink.type === "postgres");
  const [found, another] = sinks.filter(({ url }) => into === "postgres" || into === postgresSinkId(url));
  if (found !== undefined && another === undefined) return found;
  const names = sinks.map(({ url }) => postgresSinkId(url)).join(", ");
  throw new UsageError(another === undefined ? `no sink "${into}" is configured` : `several sinks are "${into}"`, {
    hint:
      names === "" ? "put it into the configuration's sinks, or DATABASE_URL into the environment" : `write ${names}`,
  });
}
