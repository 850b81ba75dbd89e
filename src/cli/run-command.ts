import type { Logger } from "pino";
import { loadConfig, type LoadedConfig } from "../config/load.ts";
import { secretsOf } from "../config/secrets.ts";
import { ForetapeError, messageOf, UsageError } from "../ops/errors.ts";
import { createLog } from "../ops/log.ts";
import { type Redactor, redactor } from "../ops/redact.ts";
import type { CommandContext, CommandOption, CommandSpec } from "./command.ts";
import { out, outJson } from "./output.ts";
import { noProgress, startProgress } from "./progress.ts";

/** The options that every command takes, as commander gives them. */
export interface SharedOptions {
  readonly config?: string;
  readonly tape?: string;
  readonly recorder?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** What may keep a finished process alive is given this long. */
const LINGER_MS = 2_000;

/**
 * Runs a command: configuration, log, signals, then `run`. Gives the exit code; errors are already on stderr. Values of
 * the command's own options come as commander read them and are checked here.
 */
export async function runCommand(
  spec: CommandSpec,
  shared: SharedOptions,
  given: Readonly<Record<string, unknown>>,
  args: readonly string[],
): Promise<0 | 1 | 2> {
  let redact: Redactor = (text) => text;
  let log: Logger | null = null;
  const stop = stopOnSignals();
  try {
    const loaded = load(spec, shared);
    const secrets = secretsOf(loaded.config);
    redact = redactor(secrets);
    log = createLog(shared.debug === true ? { ...loaded.config.log, level: "debug" } : loaded.config.log, { secrets });
    for (const notice of loaded.notices) log.warn(notice);
    const context = contextOf(spec, loaded, shared, log, stop.signal);
    return (await spec.run(context, readOptions(spec, given), args)) ?? 0;
  } catch (error) {
    if (
      stop.signal.aborted &&
      error instanceof Error &&
      (error === stop.signal.reason || error.name === "AbortError")
    ) {
      process.stderr.write(`stopped by ${messageOf(stop.signal.reason)}\n`);
      return 1;
    }
    const debug = shared.debug === true || log?.level === "debug";
    process.stderr.write(redact(describeError(error, debug)));
    return error instanceof ForetapeError ? error.exitCode : 1;
  } finally {
    stop.dispose();
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}

/** What the user reads when a command fails: one clear line and what to do next; the whole story only with `--debug`. */
export function describeError(error: unknown, debug: boolean): string {
  const story = debug && error instanceof Error ? `${stackOf(error)}\n` : "";
  if (error instanceof ForetapeError) {
    return `error: ${error.message}\n${error.hint === undefined ? "" : `  ${error.hint}\n`}${story}`;
  }
  const more = debug ? "" : " Run it again with --debug to see where.";
  return `error: ${messageOf(error)}\n  This is a bug in foretape; please report it.${more}\n${story}`;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

function load(spec: CommandSpec, shared: SharedOptions): LoadedConfig {
  const flags: Record<string, unknown> = {};
  for (const assignment of shared.set ?? []) {
    const [, path, value] = /^([^=]+)=(.*)$/s.exec(assignment) ?? [];
    if (path === undefined || value === undefined) {
      throw new UsageError(`--set ${assignment} has no value`, {
        hint: "write for example --set venues.kalshi.env=demo",
      });
    }
    flags[path] = value;
  }
  if (shared.tape !== undefined) flags["tape"] = shared.tape;
  if (shared.recorder !== undefined) flags["recorder"] = shared.recorder;
  if (spec.readsConfiguration === false) return loadConfig({ file: null, flags });
  return loadConfig({ file: shared.config, flags, env: process.env });
}

function contextOf(
  spec: CommandSpec,
  loaded: LoadedConfig,
  shared: SharedOptions,
  log: Logger,
  signal: AbortSignal,
): CommandContext {
  const json = shared.json === true;
  return {
    config: loaded.config,
    sources: loaded.sources,
    configFile: loaded.file,
    reload: () => load(spec, shared),
    tape: loaded.config.tape,
    json,
    log,
    signal,
    out,
    outJson,
    progress: (label, total) => (json ? noProgress : startProgress(label, total)),
  };
}

/** Checks the values of a command's own options. Throws `UsageError` naming the flag. */
export function readOptions(spec: CommandSpec, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read = ([name, option]: [string, CommandOption]): [string, unknown] => {
    const value = given[name];
    if (option.schema === undefined) return [name, option.value === undefined ? value === true : value];
    const parsed = option.schema.safeParse(value);
    if (parsed.success) return [name, parsed.data];
    const [issue] = parsed.error.issues;
    const flag = flagName(name);
    const missing = value === undefined ? "is missing" : (issue?.message ?? "is wrong").replace("Invalid input: ", "");
    throw new UsageError(`${flag}: ${missing}`, { hint: `see foretape ${spec.name} --help` });
  };
  return Object.fromEntries(Object.entries(spec.options ?? {}).map(read));
}

/** `useYesPrice` → `--use-yes-price`. */
export function flagName(option: string): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Aborts at the first SIGINT or SIGTERM; the second ends the process at once. */
function stopOnSignals(): { readonly signal: AbortSignal; dispose(): void } {
  const abort = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(1);
    abort.abort(new Error(name));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: abort.signal,
    dispose() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
