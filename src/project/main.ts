import { quietly, sleep } from "../net/sleep.ts";
import { ForetapeError, messageOf } from "../ops/errors.ts";
import { makeSinks } from "../sinks/index.ts";
import { venues } from "../venues/index.ts";
import { FeedAges } from "./feed-age.ts";
import { driftMessage } from "./drift-message.ts";
import type { FromProject, ToProject } from "./messages.ts";
import { Projector, type ProjectorOptions } from "./projector.ts";
import { ResyncRequests } from "./resync.ts";

/**
 * The projecting process: follows one journal into its sinks. It may die, stall or be killed at any time; the journal
 * does not notice, and the next one goes on from the sinks' checkpoints.
 */
const abort = new AbortController();
let finishing = false;

function tell(message: FromProject): void {
  if (process.connected) process.send?.(message);
}

async function project(start: Extract<ToProject, { type: "start" }>): Promise<void> {
  let lastTold = 0;
  let failures = 0;
  const options = {
    tape: start.tape,
    name: start.name,
    venues,
    sinks: ((instruments, check) =>
      makeSinks({
        settings: start.sinks,
        tape: start.tape,
        instruments,
        independent: { check, onTrouble: (message) => tell({ type: "warning", message }) },
      })) satisfies ProjectorOptions["sinks"],
  };
  const ages = new FeedAges();
  const resyncs = new ResyncRequests();
  let projector: Projector | null = null;
  while (projector === null && !abort.signal.aborted && !finishing) {
    projector = await Projector.open({
      ...options,
      observe: (event, at) => ages.see(event, at),
      onDrift: (drift) => tell({ type: "warning", message: driftMessage(drift) }),
      onProgress: (progress) => {
        const now = Date.now();
        if (now - lastTold < 500) return;
        lastTold = now;
        if (progress.failures > failures) {
          failures = progress.failures;
          const message = `${failures} records could not be interpreted, which is a bug: see quarantine, reason interpreter_failure`;
          tell({ type: "warning", message });
        }
        const openGaps = projector?.interpretation.books.openGaps ?? 0;
        tell({ type: "progress", openGaps, feeds: ages.report(now * 1000), ...progress });
        const { interpretation } = projector ?? {};
        // Only at the head of the journal: what an old stretch lacked has long been asked for.
        if (interpretation === undefined || now * 1000 - interpretation.now > 2_000_000) return;
        for (const [venue, markets] of resyncs.due(interpretation.books, interpretation.now)) {
          tell({ type: "resync", venue, markets, reason: "books stay uncertain" });
        }
      },
    });
    if (projector === null) await quietly(sleep(100, abort.signal), abort.signal);
  }
  if (projector === null) return;
  await using running = projector;
  await running.run({ follow: true, signal: abort.signal, finished: () => finishing });
  tell({ type: "finished", frame: running.frame });
}

process.on("message", (message: ToProject) => {
  if (message.type === "finish") {
    finishing = true;
    return;
  }
  project(message).then(
    () => process.disconnect?.(),
    (error: unknown) => {
      const hint = error instanceof ForetapeError ? error.hint : undefined;
      tell({ type: "failed", message: messageOf(error), ...(hint === undefined ? {} : { hint }) });
      process.exitCode = 1;
      process.disconnect?.();
    },
  );
});
// A terminal's Ctrl-C reaches the whole group; the supervisor says when it is time.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => abort.abort());
process.on("disconnect", () => abort.abort());
