import { hostname } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { messageOf, StorageError } from "../ops/errors.ts";
import { lockPath } from "./layout.ts";

/**
 * Takes the journal's writer lock: an exclusive lock on a SQLite file, which the operating system drops with the
 * process however it dies, so there is no stale lock. Throws `StorageError` when another process holds it.
 */
export function lockJournal(dir: string, name: string): Disposable {
  const db = new DatabaseSync(lockPath(dir), { timeout: 0 });
  try {
    db.exec("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw new StorageError(`cannot lock journal "${name}": ${messageOf(error)}`, { cause: error });
    throw new StorageError(`journal "${name}" is being written by another process on ${hostname()}`, {
      hint: "stop that recorder first, or give this one another name with --recorder",
      context: { dir },
    });
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
