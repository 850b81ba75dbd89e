import { hostname } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { messageOf, StorageError } from "../ops/errors.ts";
import { lockPath } from "./layout.ts";

/** Whoever asks `isLocked` holds a shared lock for a moment; another writer holds its lock for good. */
const LOCK_WAIT_MS = 250;

/**
 * Takes the journal's writer lock. Throws `StorageError` when another process holds it.
 */
export function lockJournal(dir: string, name: string): Disposable {
  return takeLock(lockPath(dir), () => busyJournal(name));
}

/** Throws the same `StorageError` as `lockJournal` would, without taking the lock: for a quick refusal. */
export function refuseWhileWritten(dir: string, name: string): void {
  if (!isLocked(dir)) return;
  const { message, hint } = busyJournal(name);
  throw new StorageError(message, { hint, context: { path: lockPath(dir) } });
}

const busyJournal = (name: string): { readonly message: string; readonly hint: string } => ({
  message: `journal "${name}" is being written by another process on ${hostname()}`,
  hint: "stop that recorder first, or give this one another name with --recorder",
});

/**
 * Takes an exclusive lock: one on a SQLite file, which the operating system drops with the process however it dies, so
 * there is no stale lock. Throws `StorageError` with the given words when another process holds it.
 */
export function takeLock(path: string, busy: () => { readonly message: string; readonly hint: string }): Disposable {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
  } catch (error) {
    throw new StorageError(`cannot open the lock ${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    db.exec("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw new StorageError(`cannot lock ${path}: ${messageOf(error)}`, { cause: error });
    const { message, hint } = busy();
    throw new StorageError(message, { hint, context: { path } });
  }
  return {
    [Symbol.dispose]() {
      db.close();
    },
  };
}

/** True while some process holds the writer lock. */
export function isLocked(dir: string): boolean {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(lockPath(dir), { timeout: 0, readOnly: true });
  } catch {
    return false;
  }
  try {
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    return isBusy(error);
  } finally {
    db.close();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (error.errcode === 5 || error.errcode === 261);
}
