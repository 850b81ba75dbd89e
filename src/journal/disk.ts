import { closeSync, openSync, truncateSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { SyncMessage, SyncReply } from "./sync.ts";

/** What makes files durable, in the order of the requests. */
export interface SyncThread {
  send(message: SyncMessage): void;
  stop(): Promise<void>;
}

/** The disk below a journal's writer; tests put a failing one in its place. Everything throws as `node:fs` does. */
export interface Disk {
  /** Opens a new, empty file. */
  create(path: string): number;
  /** Returns how many of the bytes were written. */
  write(fd: number, buffer: Buffer, from: number, length: number, position: number): number;
  truncate(path: string, length: number): void;
  close(fd: number): void;
  /** `answer` gets the reply to each request; `died` is told when there will be none any more. */
  startSync(dir: string, answer: (reply: SyncReply) => void, died: (error: unknown) => void): SyncThread;
}

/** The real one. */
export const realDisk: Disk = {
  create: (path) => openSync(path, "w"),
  write: writeSync,
  truncate: truncateSync,
  close: closeSync,
  startSync(dir, answer, died) {
    const worker = startThread("sync-thread", dir);
    worker.on("message", answer);
    worker.on("error", died);
    return {
      send: (message) => worker.postMessage(message),
      async stop() {
        await worker.terminate();
      },
    };
  },
};

/** Starts a thread of the journal in `dir`. The compiled package has `.js` files, a checkout runs `.ts`. */
export function startThread(name: "sync-thread" | "seal-thread", dir: string): Worker {
  const url = new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
  // What they make lives for a record; without a limit a thread's young generation grows to 48 MB.
  return new Worker(url, { workerData: { dir }, resourceLimits: { maxYoungGenerationSizeMb: 8 } });
}
