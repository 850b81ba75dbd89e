import { sleep } from "../net/sleep.ts";
import type { ServerResponse } from "../venues/server.ts";
import type { Fault } from "./fault.ts";

/** An answer as it leaves: a text body is no JSON. */
export interface RestAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const HTML = { "content-type": "text/html" };
const page = (title: string): string =>
  `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;

export function asJson({ status, headers, body }: ServerResponse): RestAnswer {
  return { status, headers: { "content-type": "application/json", ...headers }, text: JSON.stringify(body) };
}

/** The parameters by which lists are paged: Kalshi's, Gamma's keyset, the CLOB's, the Data API's. */
const CURSORS = ["cursor", "after_cursor", "next_cursor"];

/** What a fault makes of REST answers. */
export class RestFaults {
  /** The last page of each path that had a cursor in it. */
  readonly #pages = new Map<string, RestAnswer>();
  readonly #random: () => number;
  readonly #stopping: AbortSignal;

  /** `stopping` ends what is slow. */
  constructor(random: () => number, stopping: AbortSignal) {
    this.#random = random;
    this.#stopping = stopping;
  }

  /**
   * The answer under a fault, `proper` being what it should have been; null for none at all. Bodies as the venues
   * give them: Kalshi's 429 is a plain string without `Retry-After` (docs.kalshi.com, "Rate limits"), Polymarket's is a
   * page of Cloudflare's with one (docs.polymarket.com, "Rate limits"; seen on Polymarket US).
   */
  async answer(fault: Fault, venue: string, url: URL, proper: (url: URL) => RestAnswer): Promise<RestAnswer | null> {
    switch (fault.kind) {
      case "maintenance":
        return { status: 503, headers: HTML, text: page("503 Service Unavailable") };
      case "rest_429":
        return venue === "kalshi"
          ? asJson({ status: 429, body: { error: "too many requests" } })
          : {
              status: 429,
              headers: { ...HTML, "retry-after": "1" },
              text: page("Error 1015: You are being rate limited"),
            };
      case "rest_425":
        return asJson({ status: 425, body: { error: "too early" } });
      case "rest_5xx":
        if (this.#random() * 100 >= fault.count) return proper(url);
        return asJson({ status: this.#random() < 0.5 ? 500 : 502, body: { error: "internal error" } });
      case "rest_html":
        return { status: fault.code, headers: HTML, text: page("Just a moment...") };
      case "rest_slow":
        await sleep(fault.delay / 1000, this.#stopping);
        return proper(url);
      case "rest_hang":
        return null;
      case "rest_first_page": {
        const first = new URL(url);
        for (const name of CURSORS) first.searchParams.delete(name);
        return proper(first);
      }
      case "rest_repeat_page": {
        const fresh = proper(url);
        const last = CURSORS.some((name) => url.searchParams.has(name)) ? this.#pages.get(url.pathname) : undefined;
        this.#pages.set(url.pathname, last ?? fresh);
        return last ?? fresh;
      }
      default:
        return proper(url);
    }
  }
}
