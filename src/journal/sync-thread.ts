import { closeSync, fdatasyncSync, fsyncSync, openSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type Mark, MarkWriter } from "./mark.ts";

/**
 * The group commit's own thread. `fdatasync` runs here synchronously, because a thread pool shared with others delays
 * it by seconds (measured: four DuckDB queries in one process, 10.5 s).
 */
export interface SyncRequest {
  readonly fd: number;
  readonly mark: Mark;
  /** The segment is complete: the writer closes the descriptor when the answer comes. */
  readonly close: boolean;
}

export interface SyncReply {
  readonly request: SyncRequest;
  readonly error?: { readonly message: string; readonly code?: string };
  /** How long the sync took, in milliseconds. */
  readonly took: number;
}

const { dir } = workerData as { readonly dir: string };
const port = parentPort;
if (port === null) throw new Error("sync-thread.ts runs as a worker");
const marks = new MarkWriter(dir);
let syncedSegment = 0;

port.on("message", (request: SyncRequest | "stop") => {
  if (request === "stop") {
    marks.close();
    port.close();
    return;
  }
  const start = performance.now();
  let reply: SyncReply;
  try {
    fdatasyncSync(request.fd);
    if (request.mark.segment !== syncedSegment) {
      // A new file is durable only when its directory entry is.
      const directory = openSync(dir, "r");
      fsyncSync(directory);
      closeSync(directory);
      syncedSegment = request.mark.segment;
    }
    marks.write(request.mark);
    reply = { request, took: performance.now() - start };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    reply = { request, took: performance.now() - start, error: { message, ...(code ? { code } : {}) } };
  }
  port.postMessage(reply);
});
