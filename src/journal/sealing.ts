import type { Worker } from "node:worker_threads";
import { startThread } from "./disk.ts";
import type { SealReply, SealRequest } from "./seal-thread.ts";

/** Raw files stay this long after sealing, so that a follower never loses the file under it. */
const RAW_KEPT_SECONDS = 15 * 60;

/** The thread that seals finished segments. */
export class Sealing {
  readonly #thread: Worker;
  readonly #failed: (message: string, cause: unknown) => void;
  readonly #idle: () => void;
  #inFlight = 0;

  /** `failed` hears of segments that could not be sealed; `idle` when all requests are answered. */
  constructor(dir: string, failed: (message: string, cause: unknown) => void, idle: () => void) {
    this.#failed = failed;
    this.#idle = idle;
    this.#thread = startThread("seal-thread", dir);
    this.#thread.on("message", (reply: SealReply) => this.#answered(reply));
    this.#thread.on("error", (error) => {
      this.#inFlight = 0;
      failed("the sealing thread died", error);
      idle();
    });
  }

  get idle(): boolean {
    return this.#inFlight === 0;
  }

  seal(segment: number): void {
    this.#inFlight++;
    this.#send({ seal: segment });
  }

  /** Drops raw files that were sealed a while ago. */
  expire(): void {
    this.#send({ expire: RAW_KEPT_SECONDS });
  }

  #send(request: SealRequest): void {
    this.#thread.postMessage(request);
  }

  #answered(reply: SealReply): void {
    this.#inFlight--;
    if ("failed" in reply) this.#failed(`cannot seal segment ${reply.failed}: ${reply.message}`, reply);
    if (this.#inFlight === 0) this.#idle();
  }

  async stop(): Promise<void> {
    await this.#thread.terminate();
  }
}
