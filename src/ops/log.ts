import { destination as openDestination, type Logger, pino } from "pino";
import type { LogConfig } from "./log-config.ts";
import { type Redactor, redactor } from "./redact.ts";

interface LineSink {
  write(line: string): unknown;
}

/**
 * The program's log: single readable lines on a terminal, JSON lines (pino's) elsewhere and in `log.file`. Every line
 * passes the redactor, so none of `secrets` can appear whatever was logged.
 */
export function createLog(
  config: LogConfig,
  options: { readonly secrets?: readonly string[]; readonly stderr?: LineSink & { readonly isTTY?: boolean } } = {},
): Logger {
  const stderr = options.stderr ?? process.stderr;
  const redact = redactor(options.secrets ?? []);
  const sink: LineSink =
    config.file === undefined ? stderr : openDestination({ dest: config.file, mkdir: true, append: true, sync: true });
  const pretty = config.file === undefined && stderr.isTTY === true;
  return pino(
    { level: config.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    redacting(sink, redact, pretty),
  );
}

function redacting(sink: LineSink, redact: Redactor, pretty: boolean): LineSink {
  return { write: (line) => sink.write(redact(pretty ? readable(line) : line)) };
}

const LEVELS: Readonly<Record<number, string>> = { 20: "debug", 30: "info ", 40: "warn ", 50: "error" };

/** One of pino's JSON lines as `12:00:01.250 info  connected venue=kalshi`. */
function readable(line: string): string {
  const { level, time, msg, err, ...facts } = JSON.parse(line) as Record<string, unknown>;
  const error = typeof err === "object" && err !== null && "message" in err ? { err: String(err.message) } : {};
  const pairs = Object.entries({ ...facts, ...error }).map(([key, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return ` ${key}=${/[\s"]/.test(text) && typeof value === "string" ? JSON.stringify(text) : text}`;
  });
  const clock = String(time).slice(11, 23);
  return `${clock} ${LEVELS[Number(level)] ?? String(level)} ${typeof msg === "string" ? msg : ""}${pairs.join("")}\n`;
}
