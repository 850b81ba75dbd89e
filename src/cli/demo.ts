import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { z } from "zod";
import type { Listener } from "../capture/listener.ts";
import { publicConfig } from "../config/secrets.ts";
import { duration } from "../config/units.ts";
import { startExchange } from "../exchange/exchange.ts";
import { parseFault } from "../exchange/fault.ts";
import { databasePath, journalDir, sealLogPath } from "../journal/layout.ts";
import type { SealedSegment } from "../journal/seal.ts";
import { readManifest } from "../sinks/parquet/manifest.ts";
import { tables } from "../tables/schema.ts";
import { TapeQuery } from "../tape/query.ts";
import { defineCommand } from "./command.ts";
import { type RecordProgress, Supervisor } from "./supervisor.ts";
import { program } from "./version.ts";

const JOURNAL = "demo";
/** Tables whose rows are things that happened on the venues. */
const EVENTS = new Set([
  "orderbook_deltas",
  "orderbook_snapshots",
  "market_snapshots",
  "trades",
  "market_lifecycle",
  "spot_ticks",
  "spot_trades",
]);

/** `foretape demo`: the built-in exchange, recorded. */
export const demoCommand = defineCommand({
  name: "demo",
  summary: "no network, no keys: records the built-in exchange and says what it recorded",
  description:
    "Starts the built-in exchange on this machine, records all its venues for a while through the same processes as `record`, and sums up what is on the tape. A demo on an existing tape goes on with it.",
  options: {
    for: {
      value: "<duration>",
      description: "how long to record (Ctrl-C ends it sooner)",
      schema: duration.default(20_000_000),
    },
    seed: { value: "<text>", description: "seed of the exchange's session", schema: z.string().default("foretape") },
    markets: {
      value: "<count>",
      description: "markets, a third of them on Polymarket",
      schema: z.coerce.number().int().min(2).max(10_000).default(18),
    },
    rate: {
      value: "<messages>",
      description: "book changes and trades per second",
      schema: z.coerce.number().positive().default(500),
    },
    fault: {
      value: "<fault...>",
      description: "what goes wrong, for example disconnect@5s stall:10s@20s/kalshi",
      schema: z.array(z.string()).default([]),
    },
    truth: { value: "<file>", description: "write every message that the exchange really sent, JSON lines" },
  },
  examples: [
    "foretape demo",
    "foretape demo --for 1m --fault disconnect@5s sequence_gap:3@10s",
    "foretape demo --tape ./try --seed 7 --json",
  ],
  async run(context, options) {
    const { config, json, out, outJson, log, progress } = context;
    const tape = context.sources.has("tape") ? context.tape : `${process.cwd()}/demo`;
    const faults = options.fault.map(parseFault);
    await using exchange = await startExchange({
      seed: options.seed,
      markets: options.markets,
      rate: options.rate,
      faults,
      truth: options.truth ?? null,
    });
    const venues = {
      ...config.venues,
      kalshi: { ...config.venues.kalshi, ...exchange.kalshi },
      polymarket: { ...config.venues.polymarket, ...exchange.polymarket },
      coinbase: { ...config.venues.coinbase, ...exchange.coinbase("advanced"), products: ["BTC-USD", "ETH-USD"] },
      polymarket_rtds: { ...config.venues.polymarket_rtds, ...exchange.polymarket_rtds },
    };
    const seconds = options.for / 1_000_000;
    if (!json) out(`recording the built-in exchange (seed "${options.seed}") for ${seconds} s into ${shown(tape)}`);
    const bar = progress("recording", seconds);
    const startedAt = performance.now();
    const supervisor = new Supervisor({
      capture: {
        type: "start",
        dir: journalDir(tape, JOURNAL),
        name: JOURNAL,
        database: databasePath(tape),
        program,
        journal: config.journal,
        record: config.record,
        publicConfig: publicConfig({ ...config, venues }),
        venues,
        listeners: [listener("kalshi"), listener("polymarket"), listener("coinbase"), listener("polymarket_rtds")],
      },
      project: { type: "start", tape, name: JOURNAL, sinks: config.sinks },
      onProgress: ({ frames, markets }) =>
        bar.update(
          Math.min(seconds, Math.round((performance.now() - startedAt) / 1000)),
          `${frames} frames of ${markets} markets`,
        ),
      onWarning: (message) => log.warn(message),
    });
    const end = AbortSignal.any([context.signal, AbortSignal.timeout(options.for / 1000)]);
    let recorded: RecordProgress;
    try {
      recorded = await Promise.race([supervisor.run(end), exchange.failed]);
    } finally {
      bar.stop();
    }
    const summary = await summarise(tape, recorded, (performance.now() - startedAt) / 1000);
    if (json) outJson(summary);
    else for (const line of describe(summary)) out(line);
  },
});

function listener(venue: string): Listener {
  return {
    name: `demo-${venue}`,
    venue,
    channels: ["book", "trades", "ticker", "lifecycle", "index"],
    filters: {},
    maxMarkets: 10_000,
    discoveryEvery: 10_000_000,
  };
}

interface Summary {
  readonly tape: string;
  readonly seconds: number;
  readonly frames: number;
  readonly frames_per_second: number;
  readonly reconnects: number;
  /** Rows of every table of the whole tape. */
  readonly rows: Readonly<Record<string, number>>;
  readonly events: number;
  readonly gaps: readonly {
    readonly venue: string;
    readonly cause: string;
    readonly count: number;
    readonly unresolved: number;
  }[];
  readonly quarantined: number;
  /** Bytes a row of what happened takes in Parquet, and a frame in the sealed journal. */
  readonly parquet_bytes_per_event: number | null;
  readonly journal_bytes_per_frame: number | null;
  readonly slowest_commit_ms: number;
}

/** What is on the tape, read back from the tape: the manifest, the seal log and a query. */
async function summarise(tape: string, recorded: RecordProgress, seconds: number): Promise<Summary> {
  const files = [...(readManifest(tape, JOURNAL)?.entries.values() ?? [])].flatMap((entry) => entry.files);
  const rows = Object.fromEntries(
    tables.map(({ name }) => [
      name,
      files.filter(({ table }) => table === name).reduce((sum, file) => sum + file.rows, 0),
    ]),
  );
  const eventFiles = files.filter(({ table }) => EVENTS.has(table));
  const events = eventFiles.reduce((sum, file) => sum + file.rows, 0);
  const bytes = eventFiles.reduce((sum, file) => sum + file.bytes, 0);
  const sealed = readFileSync(sealLogPath(journalDir(tape, JOURNAL)), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as SealedSegment);
  const sealedFrames = sealed.reduce((sum, segment) => sum + segment.lastFrame - segment.firstFrame + 1, 0);
  const sealedBytes = sealed.reduce((sum, segment) => sum + segment.sealedBytes, 0);
  return {
    tape,
    seconds: round(seconds),
    frames: recorded.frames,
    frames_per_second: round(recorded.frames / seconds),
    reconnects: recorded.reconnects,
    rows,
    events,
    gaps: await gaps(tape),
    quarantined: rows["quarantine"] ?? 0,
    parquet_bytes_per_event: events === 0 ? null : round(bytes / events),
    journal_bytes_per_frame: sealedFrames === 0 ? null : round(sealedBytes / sealedFrames),
    slowest_commit_ms: round(recorded.slowestCommitMs),
  };
}

async function gaps(tape: string): Promise<Summary["gaps"]> {
  const sql =
    "SELECT venue, cause, count(*)::INTEGER, count(*) FILTER (resolved_at IS NULL)::INTEGER FROM gaps GROUP BY ALL ORDER BY ALL";
  await using query = await TapeQuery.run({ tape, sql, signal: new AbortController().signal });
  const found = await query.result.getRows();
  return found.map(([venue, cause, count, unresolved]) => ({
    venue: String(venue),
    cause: String(cause),
    count: Number(count),
    unresolved: Number(unresolved),
  }));
}

function describe(summary: Summary): string[] {
  const { rows, gaps: holes, tape } = summary;
  const at = shown(tape) === "./tape" ? "" : ` --tape ${shown(tape)}`;
  const filled = Object.entries(rows).filter(([, count]) => count > 0);
  const widest = Math.max(...filled.map(([name]) => name.length));
  return [
    "",
    `${summary.frames} frames in ${summary.seconds} s (${summary.frames_per_second} a second), ${summary.reconnects} reconnects; slowest group commit ${summary.slowest_commit_ms} ms`,
    "",
    "rows on the tape:",
    ...filled.map(([name, count]) => `  ${name.padEnd(widest)}  ${String(count).padStart(9)}`),
    "",
    holes.length === 0
      ? "gaps: none"
      : `gaps: ${holes.map(({ venue, cause, count, unresolved }) => `${count} ${cause} on ${venue}${unresolved > 0 ? ` (${unresolved} still open)` : ""}`).join(", ")}`,
    `quarantined frames: ${summary.quarantined}`,
    `size: ${summary.parquet_bytes_per_event ?? "–"} bytes an event in Parquet, ${summary.journal_bytes_per_frame ?? "–"} bytes a frame in the sealed journal`,
    "",
    "try next:",
    `  npx foretape query${at} "SELECT venue, market_id, count(*) AS changes FROM orderbook_deltas GROUP BY ALL ORDER BY changes DESC LIMIT 5"`,
    `  npx foretape query${at} "SELECT ts, market_id, outcome_id, price, size, taker_side FROM trades ORDER BY ts DESC LIMIT 5"`,
    `  npx foretape query${at} "SELECT venue, cause, from_ts, to_ts, evidence FROM gaps ORDER BY from_ts"`,
    `  npx foretape verify${at}`,
  ];
}

/** A path as a person would type it here. */
function shown(path: string): string {
  const here = relative(process.cwd(), path);
  return here.startsWith("..") ? path : `./${here}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
