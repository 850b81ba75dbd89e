import type { Disk, SyncThread } from "./disk.ts";
import type { Mark } from "./mark.ts";
import type { SyncReply } from "./sync.ts";

export interface Durability {
  /** Group commits so far, and how long the slowest of the last ones took to become durable, in milliseconds. */
  readonly commits: number;
  readonly slowestMs: number;
}

/** A mark, and how many bytes of the writer's backlog lie before it. */
export interface Point extends Mark {
  readonly position: number;
}

/** The group commit as the recording thread sees it: what was asked for, what is durable, what failed. */
export class GroupCommit {
  readonly #thread: SyncThread;
  readonly #listener: GroupCommitListener;
  readonly #inFlight: Point[] = [];
  #requested: Point | null = null;
  #durable: Point;
  #commits = 0;
  #slowest = 0;

  constructor(disk: Disk, dir: string, durable: Point, listener: GroupCommitListener) {
    this.#durable = durable;
    this.#listener = listener;
    this.#thread = disk.startSync(
      dir,
      (reply) => this.#answered(reply),
      (error) => listener.died(error),
    );
  }

  get durable(): Point {
    return this.#durable;
  }

  get idle(): boolean {
    return this.#inFlight.length === 0;
  }

  get statistics(): Durability {
    return { commits: this.#commits, slowestMs: this.#slowest };
  }

  /** Asks for a sync up to `point`, unless one is under way or that was asked for already. */
  request(fd: number, point: Point): void {
    if (this.idle && point.frame !== this.#requested?.frame) this.#send(fd, point, false);
  }

  /** Asks for the last sync of a segment. */
  finish(fd: number, point: Point): void {
    this.#send(fd, point, true);
  }

  #send(fd: number, point: Point, close: boolean): void {
    this.#requested = point;
    this.#inFlight.push(point);
    const { segment, offset, frame } = point;
    this.#thread.send({ fd, mark: { segment, offset, frame }, close });
  }

  #answered(reply: SyncReply): void {
    const point = this.#inFlight.shift();
    if (point === undefined) return;
    if (reply.error === undefined) {
      this.#durable = point;
      this.#commits++;
      this.#slowest = Math.max(this.#slowest, reply.took);
    }
    this.#listener.answered(reply);
  }

  /** Goes on after a failed sync: `durable` as the new backlog counts. Nothing may be in flight. */
  resume(durable: Point): void {
    this.#durable = durable;
    this.#requested = null;
    this.#thread.send("resume");
  }

  async stop(): Promise<void> {
    await this.#thread.stop();
  }
}

export interface GroupCommitListener {
  /** A sync ended, well or not. */
  readonly answered: (reply: SyncReply) => void;
  /** No sync will be answered any more. */
  readonly died: (error: unknown) => void;
}
