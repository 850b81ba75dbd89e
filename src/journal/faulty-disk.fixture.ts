import { closeSync, fdatasyncSync, fstatSync, openSync, truncateSync, writeSync } from "node:fs";
import type { Disk, SyncThread } from "./disk.ts";
import { Sync, type SyncReply } from "./sync.ts";

function fault(code: string, call: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected, ${call}`), { code });
}

/**
 * A disk that fails on command, and as badly as Linux does: a failed sync drops what was not durable (it becomes zeros),
 * and the next sync of that file would succeed.
 */
export class FaultyDisk implements Disk {
  /** Is asked at the N-th sync, from 1. */
  failSync: (count: number) => boolean = () => false;
  /** Is asked at the N-th write or creation of a file, from 1; the answer is the error's code, or how much is taken. */
  failWrite: (count: number) => string | number | null = () => null;
  syncs = 0;
  writes = 0;
  /** How often a file was synced again after its sync had failed. */
  repeated = 0;
  readonly #poisoned = new Set<number>();
  #durable = new Map<number, number>();

  create(path: string): number {
    this.#fail("open");
    const fd = openSync(path, "w+");
    this.#poisoned.delete(fd);
    this.#durable.set(fd, 0);
    return fd;
  }

  write(fd: number, buffer: Buffer, from: number, length: number, position: number): number {
    const taken = this.#fail("write");
    return writeSync(fd, buffer, from, Math.min(length, taken ?? length), position);
  }

  #fail(call: string): number | null {
    const answer = this.failWrite(++this.writes);
    if (typeof answer === "string") throw fault(answer, call);
    return answer;
  }

  truncate(path: string, length: number): void {
    truncateSync(path, length);
  }

  close(fd: number): void {
    closeSync(fd);
  }

  startSync(dir: string, answer: (reply: SyncReply) => void): SyncThread {
    const sync = new Sync(dir, (fd) => this.#sync(fd));
    let stopped = false;
    return {
      send: (message) => {
        if (message === "resume") sync.resume();
        else setImmediate(() => !stopped && answer(sync.answer(message)));
      },
      async stop() {
        stopped = true;
        sync.close();
      },
    };
  }

  #sync(fd: number): void {
    if (this.#poisoned.has(fd)) this.repeated++;
    const { size } = fstatSync(fd);
    if (this.failSync(++this.syncs)) {
      this.#poisoned.add(fd);
      const durable = this.#durable.get(fd) ?? 0;
      writeSync(fd, Buffer.alloc(size - durable), 0, size - durable, durable);
      throw fault("EIO", "fdatasync");
    }
    fdatasyncSync(fd);
    this.#durable.set(fd, size);
  }
}
