import { runChecks } from "../check/check.ts";
import { checkConfiguration } from "../check/configuration.ts";
import type { Finding } from "../check/finding.ts";
import { messageOf } from "../ops/errors.ts";
import { venues } from "../venues/index.ts";
import type { LiveVenue, Venue } from "../venues/venue.ts";
import { type CommandContext, defineCommand } from "./command.ts";
import { ListenerSource, type SourcedListener, toListener } from "./listener-source.ts";
import { ownListeners } from "./own-listeners.ts";
import { withPrivateKey } from "./private-key.ts";
import { program } from "./version.ts";

const SIGNS: Readonly<Record<Finding["status"], string>> = { ok: "✓", warn: "!", fail: "✗" };

/** `foretape check`: what can be known before the first run. */
export const checkCommand = defineCommand({
  name: "check",
  summary: "proves before the first run: configuration, keys, clock, venues, listeners, disk, sinks",
  description:
    "One line each: ✓ works, ! works but look, ✗ fails, with what to do; exit code 1 where anything fails. Takes at most 15 s, also without a network. Nothing is recorded or changed.",
  examples: ["foretape check", "foretape check --json"],
  async run(context) {
    const { config, sources, configFile, tape, json, out, outJson, signal } = context;
    const findings: Finding[] = [];
    const take = (finding: Finding): void => {
      findings.push(finding);
      if (json) return;
      out(`${SIGNS[finding.status]} ${finding.check.padEnd(13)}  ${finding.detail}`);
      if (finding.status !== "ok" && finding.hint !== undefined) out(`  ${" ".repeat(13)}  → ${finding.hint}`);
    };
    for (const finding of checkConfiguration(configFile, sources)) take(finding);
    const { listeners, isDefault, problems } = listenersOf(context);
    for (const problem of problems)
      take({ check: "listener", status: "fail", detail: problem, hint: "foretape listeners edit NAME mends it" });
    for (const finding of listeners.map((listener) => checkListener(listener, context))) take(finding);
    const userAgent = `${program.name}/${program.version}`;
    const checks = usedVenues(context, listeners, isDefault).map((venue) => ({
      id: venue.id,
      live: () => liveOf(venue, context, true),
      withoutKeys: () => liveOf(venue, context, false),
      userAgent,
    }));
    const { recorder, sinks } = config;
    for await (const finding of runChecks({ venues: checks, tape, recorder, sinks, signal })) take(finding);
    const failed = findings.filter(({ status }) => status === "fail").length;
    if (json) outJson({ ok: failed === 0, findings });
    else out(failed === 0 ? "ready to record" : `${failed} of ${findings.length} checks failed`);
    return failed === 0 ? 0 : 1;
  },
});

function listenersOf({ config, sources, configFile, reload, tape }: CommandContext): {
  readonly listeners: readonly SourcedListener[];
  readonly isDefault: boolean;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  const loaded = { config, sources, file: configFile, notices: [] };
  try {
    using source = new ListenerSource({ loaded, reload, tape, onProblem: (problem) => problems.push(problem) });
    return { listeners: source.all, isDefault: source.isDefault, problems };
  } catch (error) {
    return {
      listeners: [],
      isDefault: false,
      problems: [`the listeners in the tape's database cannot be read: ${messageOf(error)}`],
    };
  }
}

/** Whether the venue takes the listener's filters; nothing is asked. */
function checkListener({ listener, source }: SourcedListener, context: CommandContext): Finding {
  const { name, venue: id, channels, paused } = listener;
  const venue = (venues as readonly Venue[]).find((each) => each.id === id);
  try {
    if (venue !== undefined)
      liveOf(venue, context, false).discovery(toListener(listener), { now: 0, since: null, scope: "all", named: [] });
  } catch (error) {
    const detail = `${name} (${source}): ${messageOf(error)}`;
    return { check: "listener", status: "fail", detail, hint: "docs/listeners.md has the filters of each venue" };
  }
  const detail = `${name} (${source}): ${id}, ${channels.join(" ")}`;
  return paused
    ? { check: "listener", status: "warn", detail: `${detail}: paused`, hint: "it records nothing until it is resumed" }
    : { check: "listener", status: "ok", detail };
}

/** Venues that anything is said of, or that a listener is on; where nobody chose any, `record` asks Kalshi too. */
function usedVenues(
  { config, sources }: CommandContext,
  listeners: readonly SourcedListener[],
  isDefault: boolean,
): readonly Venue[] {
  const active = listeners.filter(({ listener }) => !listener.paused).map(({ listener }) => toListener(listener));
  const used = new Set([...active, ...ownListeners(config, sources, active)].map(({ venue }) => venue));
  if (isDefault) used.add("kalshi");
  const isConfigured = (id: string) => [...sources.keys()].some((path) => `${path}.`.startsWith(`venues.${id}.`));
  return (venues as readonly Venue[]).filter(({ id }) => used.has(id) || isConfigured(id));
}

/** Throws `UsageError` where there is a key that cannot be used. */
function liveOf(venue: Venue, { config }: CommandContext, withKeys: boolean): LiveVenue {
  const { private_key: _, private_key_path: __, ...kalshi } = config.venues.kalshi;
  const settings: Readonly<Record<string, unknown>> = {
    ...config.venues,
    kalshi: withKeys && venue.id === "kalshi" ? withPrivateKey(config.venues.kalshi) : kalshi,
  };
  return venue.live(venue.config.parse(settings[venue.id] ?? {}) as never);
}
