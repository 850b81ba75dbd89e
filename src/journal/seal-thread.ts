import { appendFileSync, existsSync, rmSync, statSync } from "node:fs";
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../ops/errors.ts";
import { listSegments, rawPath, sealedPath, sealLogPath } from "./layout.ts";
import { sealSegment } from "./seal.ts";

/** Seals finished segments, off the recording thread, one at a time; and drops raw files once they are old. */
export type SealRequest = { readonly seal: number } | { readonly expire: number };
export type SealReply =
  | { readonly sealed: number; readonly rawBytes: number; readonly sealedBytes: number }
  | { readonly failed: number; readonly message: string };

const { dir } = workerData as { readonly dir: string };
const port = parentPort;
if (port === null) throw new Error("seal-thread.ts runs as a worker");

/**
 * Raw files that have a sealed twin, oldest first, with the time of that in milliseconds; null before the first look.
 * They are listed once: a journal of a year has a hundred thousand files.
 */
let twins: { readonly segment: number; readonly sealedAt: number }[] | null = null;

port.on("message", (request: SealRequest) => {
  if ("expire" in request) {
    expire(request.expire);
    return;
  }
  try {
    const sealed = sealSegment(dir, request.seal);
    appendFileSync(sealLogPath(dir), `${JSON.stringify(sealed)}\n`, { flush: true });
    twins?.push({ segment: request.seal, sealedAt: Date.now() });
    port.postMessage({ sealed: request.seal, rawBytes: sealed.rawBytes, sealedBytes: sealed.sealedBytes });
  } catch (error) {
    // The raw file stays and is sealed at the next start: nothing is lost, but it must be heard.
    port.postMessage({ failed: request.seal, message: messageOf(error) });
  }
});

/** Unlinks raw files whose sealed twin is older than `seconds`. */
function expire(seconds: number): void {
  const limit = Date.now() - seconds * 1000;
  twins ??= listSegments(dir).flatMap(({ segment, sealed }) => {
    const twin = sealedPath(dir, segment);
    return !sealed && existsSync(twin) ? [{ segment, sealedAt: statSync(twin).mtimeMs }] : [];
  });
  for (let [oldest] = twins; oldest !== undefined && oldest.sealedAt <= limit; [oldest] = twins) {
    rmSync(rawPath(dir, oldest.segment), { force: true });
    twins.shift();
  }
}

/** Recording goes first: on Linux a thread has a nice value of its own. */
if (process.platform === "linux") setPriority(0, 10);
