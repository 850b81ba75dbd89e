import { ForetapeError, messageOf } from "../ops/errors.ts";
import { probeSink } from "../sinks/probe.ts";
import type { SinkConfig } from "../sinks/config.ts";
import type { Finding } from "./finding.ts";
import { checkStorage } from "./storage.ts";
import { checkVenue, type VenueCheck } from "./venue.ts";

/** An answer may take this long; slower than that is no venue to record. */
const ANSWER_MS = 5_000;
/** No part may take longer, whatever hangs: a dead network file system stops even `stat`. */
const PART_MS = 10_000;

export interface CheckRequest {
  readonly venues: readonly Omit<VenueCheck, "timeoutMs" | "signal">[];
  readonly tape: string;
  readonly recorder: string;
  readonly sinks: readonly SinkConfig[];
  readonly signal: AbortSignal;
  readonly answerMs?: number;
}

/** Everything that needs network or disk: all parts at once, given in order, within 10 s. */
export async function* runChecks({
  venues,
  tape,
  recorder,
  sinks,
  signal,
  answerMs = ANSWER_MS,
}: CheckRequest): AsyncGenerator<Finding> {
  const parts = [
    ...venues.map((venue) => within("venue", venue.id, checkVenue({ ...venue, timeoutMs: answerMs, signal }))),
    within("storage", tape, checkStorage(tape, recorder)),
    ...sinks.map((sink) => within("sink", sink.type, checkSink(sink))),
  ];
  // A part that fails while an earlier one is awaited is no unhandled rejection.
  for (const part of parts) part.catch(() => {});
  for (const part of parts) {
    yield* await part;
    signal.throwIfAborted();
  }
}

async function checkSink(sink: SinkConfig): Promise<Finding[]> {
  try {
    return [{ check: "sink", status: "ok", detail: await probeSink(sink) }];
  } catch (error) {
    if (!(error instanceof ForetapeError)) throw error;
    const hint = error.hint ?? "check `sinks`";
    return [{ check: "sink", status: "fail", detail: `${sink.type}: ${messageOf(error)}`, hint }];
  }
}

async function within(check: Finding["check"], what: string, part: Promise<Finding[]>): Promise<Finding[]> {
  const { promise, resolve } = Promise.withResolvers<Finding[]>();
  const timer = setTimeout(
    () =>
      resolve([
        {
          check,
          status: "fail",
          detail: `${what}: no result within ${PART_MS / 1000} s`,
          hint: check === "venue" ? "check the network" : "check the disk, and whether a network file system hangs",
        },
      ]),
    PART_MS,
  );
  try {
    return await Promise.race([part, promise]);
  } finally {
    clearTimeout(timer);
  }
}
