import { createHash } from "node:crypto";
import { type Decision, type HttpHead, Kind } from "../journal/record.ts";
import type { JournalWriter } from "../journal/writer.ts";
import { exchange } from "../net/http.ts";
import { type BudgetState, RateBudget } from "../net/rate-budget.ts";
import type { RateStore } from "../net/rate-store.ts";
import { messageOf } from "../ops/errors.ts";
import type { HttpRequest, RequestBudget } from "../venues/venue.ts";
import type { RecordConfig } from "./config.ts";

const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** After the venue refused our key for what needs none, we ask without it for this long. */
const UNSIGNED_MS = 600_000;

export interface Fetched {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | null;
  /** What the request cost, in milliseconds of our whole budget. */
  readonly costMs: number;
}

/** Makes a venue's HTTP requests within its budget and records every exchange. */
export class Fetcher {
  readonly #venue: string;
  readonly #journal: Pick<JournalWriter, "append" | "segment">;
  readonly #budget: RequestBudget;
  readonly #rates: RateBudget;
  readonly #config: RecordConfig;
  readonly #userAgent: string;
  /** Per URL the last body in this segment: its hash and the record that holds it. */
  #bodies = new Map<string, { hash: string; frame: number }>();
  #segment = 0;

  #signedFrom = 0;

  constructor(options: {
    readonly venue: string;
    readonly journal: Pick<JournalWriter, "append" | "segment">;
    readonly budget: RequestBudget;
    readonly rates: RateStore;
    readonly config: RecordConfig;
    readonly userAgent: string;
  }) {
    this.#venue = options.venue;
    this.#journal = options.journal;
    this.#config = options.config;
    this.#userAgent = options.userAgent;
    this.#budget = options.budget;
    this.#rates = new RateBudget({
      store: options.rates,
      onChange: (change) => this.#decide({ type: change.factor === 1 ? "rate-recovered" : "rate-lowered", ...change }),
    });
  }

  /** How the venue's limits are used. */
  get budgets(): readonly BudgetState[] {
    return this.#rates.state;
  }

  /**
   * One exchange, whatever its status. Where our key is refused for what needs none, it is asked again without. Throws
   * `FetchError` where no answer came (that is recorded too), the signal's reason where it was aborted.
   */
  async fetch(request: HttpRequest, signal: AbortSignal): Promise<Fetched> {
    const sign = performance.now() < this.#signedFrom ? null : this.#budget.sign;
    const fetched = await this.#exchange(request, signal, sign);
    if (fetched.status !== 401 || sign === null) return fetched;
    this.#signedFrom = performance.now() + UNSIGNED_MS;
    this.#decide({ type: "rest-unsigned", url: request.url, forMs: UNSIGNED_MS });
    return this.#exchange(request, signal, null);
  }

  /** Asks what the venue's limits are. What cannot be learned stays as it is assumed to be. */
  async learn(signal: AbortSignal): Promise<void> {
    for (const question of this.#budget.questions) {
      try {
        const { status, body } = await this.fetch(question, signal);
        const learned = this.#budget.learn(question, status, body);
        this.#decide({ type: learned === null ? "rate-unknown" : "rate-learned", url: question.url, ...learned });
      } catch (error) {
        if (signal.aborted) throw error;
        this.#decide({ type: "rate-unknown", url: question.url, reason: messageOf(error) });
      }
    }
  }

  async #exchange(request: HttpRequest, signal: AbortSignal, sign: RequestBudget["sign"]): Promise<Fetched> {
    const charges = this.#budget.charges(request, sign !== null);
    const costMs = await this.#rates.take(charges, signal);
    const sentAt = Date.now() * 1000;
    try {
      const answer = await exchange({
        method: request.method,
        url: request.url,
        headers: {
          "user-agent": this.#userAgent,
          "accept-language": "en",
          ...request.headers,
          ...sign?.(request, sentAt),
        },
        body: request.body,
        timeoutMs: this.#config.http_timeout / 1000,
        maxBytes: MAX_BODY_BYTES,
        signal,
      });
      this.#record({ ...this.#head(request), status: answer.status, sentAt }, answer.body);
      if (answer.status === 429) await this.#rates.refused(charges, answer.retryAfterMs);
      return { status: answer.status, body: answer.body.toString(), retryAfterMs: answer.retryAfterMs, costMs };
    } catch (error) {
      if (!signal.aborted) {
        this.#decide({ type: "http-failed", ...this.#head(request), sentAt, reason: messageOf(error) });
      }
      throw error;
    }
  }

  #decide(decision: Decision): void {
    this.#journal.append(Kind.decision, 0, JSON.stringify({ venue: this.#venue, ...decision }));
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
