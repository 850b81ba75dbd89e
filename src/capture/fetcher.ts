import { createHash } from "node:crypto";
import { type HttpHead, Kind } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import { exchange } from "../net/http.ts";
import { TokenBucket } from "../net/token-bucket.ts";
import { messageOf } from "../ops/errors.ts";
import type { HttpRequest } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";

const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** A 429 without `Retry-After` (Kalshi sends none) pauses everything for this long. */
const ENOUGH_MS = 1_000;

export interface Fetched {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | null;
}

/** Makes a venue's HTTP requests within its budget and records every exchange. */
export class Fetcher {
  readonly #venue: string;
  readonly #journal: Pick<JournalWriter, "append" | "segment">;
  readonly #bucket: TokenBucket;
  readonly #config: RecordConfig;
  readonly #userAgent: string;
  /** Per URL the last body in this segment: its hash and the record that holds it. */
  #bodies = new Map<string, { hash: string; frame: number }>();
  #segment = 0;

  constructor(options: {
    readonly venue: string;
    readonly journal: Pick<JournalWriter, "append" | "segment">;
    readonly budget: { readonly perSecond: number; readonly burst: number };
    readonly config: RecordConfig;
    readonly userAgent: string;
  }) {
    this.#venue = options.venue;
    this.#journal = options.journal;
    this.#config = options.config;
    this.#userAgent = options.userAgent;
    this.#bucket = new TokenBucket({ perSecond: options.budget.perSecond, capacity: options.budget.burst });
  }

  /** Throws `FetchError` where no answer came (that is recorded too), the signal's reason where it was aborted. */
  async fetch(request: HttpRequest, signal: AbortSignal): Promise<Fetched> {
    await this.#bucket.take(1, signal);
    const sentAt = Date.now() * 1000;
    try {
      const answer = await exchange({
        method: request.method,
        url: request.url,
        headers: { "user-agent": this.#userAgent, "accept-language": "en", ...request.headers },
        body: request.body,
        timeoutMs: this.#config.http_timeout / 1000,
        maxBytes: MAX_BODY_BYTES,
        signal,
      });
      this.#record({ ...this.#head(request), status: answer.status, sentAt }, answer.body);
      if (answer.status === 429) this.#bucket.pause(answer.retryAfterMs ?? ENOUGH_MS);
      return { status: answer.status, body: answer.body.toString(), retryAfterMs: answer.retryAfterMs };
    } catch (error) {
      if (!signal.aborted) {
        const decision = { type: "http-failed", ...this.#head(request), sentAt, reason: messageOf(error) };
        this.#journal.append(Kind.decision, 0, JSON.stringify(decision));
      }
      throw error;
    }
  }

  #head(request: HttpRequest): Pick<HttpHead, "venue" | "method" | "url"> & { purpose: string } {
    return { venue: this.#venue, method: request.method, url: request.url, purpose: request.purpose };
  }

  #record(head: HttpHead, body: Buffer): void {
    if (this.#segment !== this.#journal.segment) {
      this.#segment = this.#journal.segment;
      this.#bodies.clear();
    }
    const hash = createHash("sha256").update(body).digest("base64");
    const last = this.#bodies.get(head.url);
    if (last?.hash === hash) {
      this.#journal.append(Kind.http, 0, `${JSON.stringify({ ...head, bodyOf: last.frame })}\n`);
      return;
    }
    const payload = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]);
    this.#bodies.set(head.url, { hash, frame: this.#journal.append(Kind.http, 0, payload) });
  }
}
