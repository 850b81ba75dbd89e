import { formatTime, type Micros } from "../model/time.ts";
import { age } from "./health.ts";
import type { RecorderStatus } from "./status-file.ts";

/** More connections than this are counted: those that need a look come first. */
const SHOWN = 12;

/** The status as lines for people. `color`: ANSI bold, green and red. */
export function statusLines(
  status: RecorderStatus,
  problems: readonly string[],
  now: Micros,
  options: { readonly color: boolean },
): string[] {
  const paint = (code: number, text: string): string => (options.color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { journal, streams, subscriptions, budgets = [], feeds, sinks, warnings } = status;
  const verdict = problems.length === 0 ? paint(32, "healthy") : paint(31, "not healthy");
  const up = streams.filter(({ connected }) => connected).length;
  const processes = [["capture", status.capture] as const, ["project", status.project] as const].map(
    ([name, { pid, restarts, heardAt }]) =>
      `${name} ${pid ?? "–"}${restarts > 0 ? ` (restarted ${restarts}×)` : ""} heard ${heardAt === null ? "never" : `${age(now, heardAt)} ago`}`,
  );
  const waiting = [...streams].sort(
    (a, b) => Number(a.connected) - Number(b.connected) || (a.dataAt ?? 0) - (b.dataAt ?? 0),
  );
  return [
    `${paint(1, status.recorder)}  ${verdict}  ${status.state} for ${age(status.at, status.startedAt)}, since ${formatTime(status.startedAt).slice(0, 19)}Z`,
    ...problems.map((problem) => `  ${paint(31, "!")} ${problem}`),
    `${grouped(status.framesPerSecond)} frames/s  ${grouped(status.frames)} frames  ${grouped(status.markets)} markets  ${up}/${streams.length} connections  ${status.reconnects} reconnects  ${status.openGaps} open gaps`,
    `processes  ${processes.join(", ")}`,
    `journal    segment ${journal.segment}, durable to frame ${grouped(journal.durableFrame)}, slowest commit ${Math.round(journal.slowestCommitMs)} ms, ${journal.diskFreeBytes === null ? "disk unknown" : `${(journal.diskFreeBytes / 1e9).toFixed(1)} GB free`}${journal.paused ? ", paused" : ""}`,
    ...sinks.map(({ id, frame, behind }) => `sink       ${id} at frame ${grouped(frame)}, ${grouped(behind)} behind`),
    ...waiting.slice(0, SHOWN).map(({ venue, stream, connected, since, epoch, markets, framesPerSecond, dataAt }) => {
      const state = connected
        ? `connected ${age(now, since)} (epoch ${epoch})`
        : `not connected for ${age(now, since)}`;
      const data = dataAt === null ? "no data yet" : `data ${age(now, dataAt)} ago`;
      return `stream     ${venue} ${stream}: ${state}, ${markets} markets, ${grouped(framesPerSecond)} frames/s, ${data}`;
    }),
    ...(streams.length > SHOWN ? [`           and ${streams.length - SHOWN} more connections`] : []),
    ...subscriptions.map(({ venue, channel, desired, acknowledged, observed }) => {
      const counts = `${grouped(desired)} wanted, ${grouped(acknowledged)} granted, ${grouped(observed)} observed`;
      return `subscribed ${venue} ${channel}: ${acknowledged < desired ? paint(31, counts) : counts}`;
    }),
    ...budgets.map(({ venue, limit, perSecond, factor, requests, refused }) => {
      const rate = `${grouped(Math.round(perSecond * 10) / 10)} tokens/s${factor < 1 ? `, ${paint(31, `${Math.round(factor * 100)} % of our share`)}` : ""}`;
      return `requests   ${venue} ${limit}: ${grouped(requests)} made, ${grouped(refused)} refused, ${rate}`;
    }),
    ...feeds.map(
      ({ venue, channel, medianMs, p99Ms }) =>
        `age        ${venue} ${channel}: median ${milliseconds(medianMs)}, p99 ${milliseconds(p99Ms)}`,
    ),
    ...warnings.slice(-3).map(({ at, message }) => `warning    ${formatTime(at).slice(11, 19)} ${message}`),
  ];
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, (_, __, at: number, whole: string) =>
    whole.slice(0, at).includes(".") ? "" : ",",
  );
}

function milliseconds(value: number): string {
  return value < 10
    ? `${value.toFixed(1)} ms`
    : value < 10_000
      ? `${Math.round(value)} ms`
      : `${Math.round(value / 1000)} s`;
}
