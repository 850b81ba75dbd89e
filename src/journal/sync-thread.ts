import { fdatasyncSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { Sync, type SyncMessage } from "./sync.ts";

/*
 * The group commit's own thread. `fdatasync` runs here synchronously, because a thread pool shared with others delays
 * it by seconds (measured: four DuckDB queries in one process, 10.5 s).
 */
const { dir } = workerData as { readonly dir: string };
const port = parentPort;
if (port === null) throw new Error("sync-thread.ts runs as a worker");
const sync = new Sync(dir, fdatasyncSync);

port.on("message", (message: SyncMessage) => {
  if (message === "resume") sync.resume();
  else port.postMessage(sync.answer(message));
});
