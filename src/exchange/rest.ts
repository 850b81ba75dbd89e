import type { KeyObject } from "node:crypto";
import type { IncomingMessage, ServerResponse as HttpResponse } from "node:http";
import { text } from "node:stream/consumers";
import { KalshiRest } from "../venues/kalshi/server-rest.ts";
import type { TokenIndex } from "../venues/polymarket/server.ts";
import type { TokenBooks } from "../venues/polymarket/server-books.ts";
import { ClobRest } from "../venues/polymarket/server-clob.ts";
import { DataRest } from "../venues/polymarket/server-data.ts";
import { GammaRest } from "../venues/polymarket/server-gamma.ts";
import type { Micros } from "../model/time.ts";
import type { ServerRequest, ServerResponse, TradedMarket } from "../venues/server.ts";
import type { Random } from "./random.ts";
import { asJson, type RestAnswer, RestFaults } from "./rest-fault.ts";
import type { Gate } from "./gate.ts";
import { Allowance } from "./allowance.ts";
import { refusal } from "./kalshi-gate.ts";
import type { Play } from "./play.ts";

/** Paths under which one port serves the REST APIs of both venues. */
export const PATHS = { kalshi: "/trade-api/v2", gamma: "/gamma", clob: "/clob", data: "/data" } as const;

/** Signed on the venue too; market data needs no signature. */
const SIGNED = ["/account/limits", "/portfolio"];

const LARGEST_BODY = 1 << 20;

export class RestServer {
  readonly #play: Play;
  readonly #keys: ReadonlyMap<string, KeyObject>;
  readonly #kalshi: KalshiRest;
  readonly #gamma: GammaRest;
  readonly #clob: ClobRest;
  readonly #data: DataRest;
  readonly #allowance: Allowance | null;
  readonly #gate: Gate;
  readonly #faults: RestFaults;

  constructor(
    play: Play,
    keys: ReadonlyMap<string, KeyObject>,
    polymarket: { readonly tokens: TokenIndex; readonly books: TokenBooks },
    kalshiPerSecond: number | null,
    trouble: { readonly gate: Gate; readonly random: Random; readonly stopping: AbortSignal },
  ) {
    this.#gate = trouble.gate;
    this.#faults = new RestFaults(() => trouble.random.next(), trouble.stopping);
    this.#play = play;
    this.#keys = keys;
    this.#kalshi = new KalshiRest(play.kalshi, play.now);
    this.#gamma = new GammaRest(play.polymarket);
    this.#data = new DataRest(play.polymarket);
    this.#clob = new ClobRest(play.polymarket, polymarket.tokens, polymarket.books);
    this.#allowance = kalshiPerSecond === null ? null : new Allowance(kalshiPerSecond, performance.now());
  }

  /** Answers one request. Rejects only where the client has gone. */
  async handle(request: IncomingMessage, response: HttpResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://exchange");
    const length = Number(request.headers["content-length"] ?? 0);
    const answer =
      length > LARGEST_BODY
        ? asJson({ status: 413, body: { error: "payload too large" } })
        : await this.#troubled(request, url, request.method === "POST" ? await text(request) : "");
    if (answer === null) return;
    const bytes = Buffer.from(answer.text);
    response.writeHead(answer.status, { "content-length": bytes.length, ...answer.headers });
    response.end(bytes);
  }

  /** The answer, or what a fault leaves of it; null for none. */
  async #troubled(request: IncomingMessage, url: URL, body: string): Promise<RestAnswer | null> {
    const venue = url.pathname.startsWith(PATHS.kalshi) ? "kalshi" : "polymarket";
    const fault = this.#gate.request(venue);
    const proper = (asked: URL) => asJson(this.#answer(request, asked, body));
    if (fault === null) return proper(url);
    if (fault.kind === "rest_404" && this.#isOfNewMarket(`${decodeURIComponent(url.href)}${body}`, fault.delay))
      return asJson({ status: 404, body: { error: "not found" } });
    return await this.#faults.answer(fault, venue, url, proper);
  }

  /** A market is listed before every server knows it (docs.kalshi.com: 404 for a moment after `created`). */
  #isOfNewMarket(asked: string, youngerThan: Micros): boolean {
    const { kalshi, polymarket, now } = this.#play;
    const isNew = ({ createdAt }: TradedMarket) => createdAt > now - youngerThan;
    return (
      [...kalshi.markets.values()].some((market) => isNew(market) && asked.includes(market.id)) ||
      [...polymarket.markets.values()].some(
        (market) => isNew(market) && [market.id, market.slug, ...market.tokens].some((name) => asked.includes(name)),
      )
    );
  }

  #answer(request: IncomingMessage, url: URL, body: string): ServerResponse {
    const method = request.method ?? "GET";
    const under = (prefix: string): ServerRequest | null =>
      url.pathname === prefix || url.pathname.startsWith(`${prefix}/`)
        ? { method, path: url.pathname.slice(prefix.length), query: url.searchParams, body }
        : null;
    const { now } = this.#play;
    const kalshi = under(PATHS.kalshi);
    if (kalshi !== null) {
      // The body is a plain string and there is no Retry-After (docs.kalshi.com, "Rate limits").
      if (this.#allowance?.take(performance.now()) === false)
        return { status: 429, body: { error: "too many requests" } };
      if (SIGNED.some((path) => kalshi.path.startsWith(path))) {
        const refused = refusal(
          this.#keys,
          request.headers,
          method,
          url.pathname,
          Date.now() + this.#gate.skewMs("kalshi"),
        );
        if (refused !== null) return { status: 401, body: refused };
      }
      return this.#kalshi.answer(kalshi, now);
    }
    const gamma = under(PATHS.gamma);
    if (gamma !== null) return this.#gamma.answer(gamma);
    const clob = under(PATHS.clob);
    if (clob !== null) return this.#clob.answer(clob, now);
    const data = under(PATHS.data);
    if (data !== null) return this.#data.answer(data);
    return { status: 404, body: { error: "not found" } };
  }
}
