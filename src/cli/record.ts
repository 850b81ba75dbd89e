import type { Listener } from "../capture/listener.ts";
import { publicConfig } from "../config/secrets.ts";
import { duration } from "../config/units.ts";
import { databasePath, journalDir } from "../journal/layout.ts";
import { refuseWhileWritten } from "../journal/lock.ts";
import { MAX_TIMER_MS } from "../net/sleep.ts";
import { type CommandContext, defineCommand } from "./command.ts";
import { ListenerSource, toListener } from "./listener-source.ts";
import { ownListeners } from "./own-listeners.ts";
import { withPrivateKey } from "./private-key.ts";
import { RecordReport } from "./record-report.ts";
import { Supervisor } from "./supervisor.ts";
import { program } from "./version.ts";

/** How often changed listeners are looked for. */
const LISTENERS_MS = 1_000;
/** Markets of the listener that is added for Kalshi where no listener is configured. */
const BUSIEST = 100;

/** Timers end at 24 days. */
const limit = duration.refine(
  (micros) => micros > 0 && micros <= MAX_TIMER_MS * 1000,
  "give more than 0 and at most 24d",
);

/** `foretape record`: runs the listeners until stopped. */
export const recordCommand = defineCommand({
  name: "record",
  summary: "records the configured listeners until stopped; resumes after a crash",
  description:
    "Two processes: one owns sockets and journal, the other follows the journal into the tables. SIGINT or SIGTERM stop both cleanly. Without any listener it records the busiest markets.",
  options: {
    for: { value: "<duration>", description: "stop after this long, for example 10m", schema: limit.optional() },
  },
  examples: ["foretape record", "foretape record --for 10m --json"],
  async run(context, options) {
    const { config, json, out, outJson } = context;
    const dir = journalDir(context.tape, config.recorder);
    refuseWhileWritten(dir, config.recorder);
    const loaded = { config, sources: context.sources, file: context.configFile, notices: [] };
    const report = new RecordReport(context);
    const onProblem = (problem: string) => report.warn(problem);
    using source = new ListenerSource({ loaded, reload: context.reload, tape: context.tape, onProblem });
    const listeners = listenersOf(source, context);
    if (listeners.length === 0)
      context.log.warn("no listener runs: all are paused; nothing is recorded until one is resumed or added");
    const timeout = options.for === undefined ? [] : [AbortSignal.timeout(Math.ceil(options.for / 1000))];
    const signal = AbortSignal.any([context.signal, ...timeout]);
    const supervisor = new Supervisor({
      capture: {
        type: "start",
        dir,
        name: config.recorder,
        database: databasePath(context.tape),
        program,
        journal: config.journal,
        record: config.record,
        publicConfig: effectiveConfig(source, context),
        venues: { ...config.venues, kalshi: withPrivateKey(config.venues.kalshi) },
        listeners,
      },
      project: { type: "start", tape: context.tape, name: config.recorder, sinks: config.sinks },
      onReady: ({ journal, unavailable }) => {
        report.info({ journal, tape: context.tape, listeners: listeners.map(({ name }) => name) }, "recording");
        for (const reason of unavailable) report.warn(reason);
      },
      onReport: (state) => report.take(state),
      onWarning: (message) => report.warn(message),
    });
    const following = followListeners(source, supervisor, context, report);
    const startedAt = performance.now();
    try {
      const progress = await supervisor.run(signal);
      const summary = {
        ...progress,
        seconds: Math.round((performance.now() - startedAt) / 100) / 10,
        tape: context.tape,
      };
      if (json) outJson(summary);
      else
        out(
          `recorded ${progress.frames} frames of ${progress.markets} markets in ${summary.seconds} s into ${context.tape}`,
        );
    } finally {
      following.stop();
      report.stop(supervisor.report);
    }
  },
});

/** The listeners that are not paused; where nobody chose any, the busiest markets of both venues, Kalshi's by REST without a key. */
function listenersOf(source: ListenerSource, { config, sources, log }: CommandContext): Listener[] {
  const listeners = source.all.filter(({ listener }) => !listener.paused).map(({ listener }) => toListener(listener));
  listeners.push(...ownListeners(config, sources, listeners));
  if (!source.isDefault) return listeners;
  const { key_id, private_key, private_key_path } = config.venues.kalshi;
  const hasKey = key_id !== undefined && (private_key !== undefined || private_key_path !== undefined);
  const [first] = listeners;
  if (first !== undefined)
    listeners.push({ ...first, venue: "kalshi", name: "busiest-kalshi", filters: {}, maxMarkets: BUSIEST });
  log.info(
    `no listener is configured: recording the busiest markets of Polymarket and Kalshi${hasKey ? "" : " (Kalshi by REST: its stream needs an API key)"}`,
  );
  return listeners;
}

/** Looks for changed listeners until it is stopped, and gives them to the running processes. */
function followListeners(
  source: ListenerSource,
  supervisor: Supervisor,
  context: CommandContext,
  report: RecordReport,
): { stop(): void } {
  const timer = setInterval(() => {
    if (!source.refresh()) return;
    const listeners = listenersOf(source, context);
    supervisor.listen(listeners, effectiveConfig(source, context));
    report.info({}, `listeners changed: ${listeners.map(({ name }) => name).join(", ") || "none"}`);
  }, LISTENERS_MS);
  return { stop: () => clearInterval(timer) };
}

/** The configuration with the listeners of the database, without secrets. */
function effectiveConfig(source: ListenerSource, { config }: CommandContext): unknown {
  return publicConfig({ ...config, listeners: source.all.map(({ listener }) => listener) });
}
