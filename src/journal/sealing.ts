import type { Worker } from "node:worker_threads";
import { startThread } from "./disk.ts";
import type { SealReply, SealRequest } from "./seal-thread.ts";

/** Raw files stay this long after sealing, so that a follower never loses the file under it. */
const RAW_KEPT_SECONDS = 15 * 60;

/** The thread that seals finished segments. */
export class Sealing {
  readonly #thread: Worker;
  readonly #failed: (message: string, cause: unknown) => void;
  #inFlight = 0;
  #idle: PromiseWithResolvers<void> | null = null;

  /** `failed` hears of segments that could not be sealed. */
  constructor(
    dir: string,
    failed: (message: string, cause: unknown) => void,
    thread: Worker = startThread("seal-thread", dir),
  ) {
    this.#failed = failed;
    this.#thread = thread;
    this.#thread.on("message", (reply: SealReply) => this.#answered(reply));
    this.#thread.on("error", (error) => {
      this.#inFlight = 0;
      failed("the sealing thread died", error);
      this.#idle?.resolve();
    });
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
    if (this.#inFlight === 0) this.#idle?.resolve();
  }

  /** Resolves when all requests are answered, or after this long: what is not sealed then is at the next start. */
  async finish(patienceMs: number): Promise<void> {
    if (this.#inFlight === 0) return;
    this.#idle = Promise.withResolvers();
    const patience = setTimeout(this.#idle.resolve, patienceMs);
    await this.#idle.promise;
    clearTimeout(patience);
  }

  async stop(): Promise<void> {
    await this.#thread.terminate();
  }
}
