import { uniformGrid } from "./grid.ts";
import { ONE } from "../model/decimal.ts";
import type { Micros } from "../model/time.ts";
import type { Exhibit } from "../venues/server.ts";
import type { KalshiMarket } from "../venues/kalshi/server-market.ts";
import type { PolymarketMarket } from "../venues/polymarket/server-market.ts";
import { BookSide } from "./book.ts";
import type { Capture, CapturedConnection } from "./capture.ts";
import { castKalshi, castPolymarket, kalshiSeries } from "./cast.ts";
import type { Client, Protocol } from "./client.ts";
import type { Play } from "./play.ts";
import { Random } from "./random.ts";

/**
 * A recorded capture in place of the generated world: every client gets the frames of the next recorded connection,
 * byte for byte, from the moment it asks for something. REST lists the markets that the capture names, without books.
 */
export class CapturePlay implements Play {
  readonly kalshi: Exhibit<KalshiMarket>;
  readonly polymarket: Exhibit<PolymarketMarket>;
  readonly #capture: Capture;
  #next = 0;
  now: Micros;

  constructor(capture: Capture, startAt: Micros) {
    this.#capture = capture;
    this.now = startAt;
    const kalshi = new Map<string, KalshiMarket>();
    const polymarket = new Map<string, PolymarketMarket>();
    for (const { frames } of capture.connections) {
      for (const { text } of frames) {
        if (capture.venue === "kalshi") listKalshi(text, kalshi, startAt);
        else listPolymarket(text, polymarket, startAt);
      }
    }
    this.kalshi = { markets: kalshi, trades: [] };
    this.polymarket = { markets: polymarket, trades: [] };
  }

  advance(until: Micros): void {
    this.now = Math.max(this.now, until);
  }

  /** What the next client of a venue hears; null where the capture has nothing for it. It hangs up at the end where more follows. */
  protocol(client: Client): Protocol | null {
    const connection = client.venue === this.#capture.venue ? this.#capture.connections[this.#next] : undefined;
    if (connection === undefined) return null;
    this.#next++;
    const isLast = this.#next === this.#capture.connections.length;
    return new CapturePlayer(connection, client, isLast);
  }
}

/** A capture played fast waits for its reader, turn by turn. */
const MOST_PER_TURN = 2_000;

/** Plays one recorded connection to one client. */
class CapturePlayer implements Protocol {
  readonly #frames: CapturedConnection["frames"];
  readonly #client: Client;
  readonly #isLast: boolean;
  readonly #firstAt: Micros | null;
  #startedAt: Micros | null = null;
  #next = 0;

  constructor(connection: CapturedConnection, client: Client, isLast: boolean) {
    this.#frames = connection.frames;
    this.#firstAt = connection.frames.find(({ at }) => at !== null)?.at ?? null;
    this.#client = client;
    this.#isLast = isLast;
  }

  receive(text: string, now: Micros): void {
    if (text.trim() === "PING") this.#client.send({ text: "PONG", kind: "control", sequenced: false });
    else if (this.#next === 0) this.#startedAt ??= now;
  }

  /** Sends what is due; frames without a time go out with the one before them. */
  settle(now: Micros): void {
    if (this.#startedAt === null) return;
    const { venue } = this.#client;
    for (let sent = 0; this.#next < this.#frames.length; this.#next++, sent++) {
      if (sent === MOST_PER_TURN || this.#client.isBehind) return;
      const frame = this.#frames[this.#next];
      if (frame === undefined) return;
      if (frame.at !== null && this.#firstAt !== null && frame.at - this.#firstAt > now - this.#startedAt) return;
      this.#client.send({
        text: frame.text,
        kind: "data",
        sequenced: venue === "kalshi" && frame.text.includes('"seq":'),
      });
    }
    this.#startedAt = null;
    if (!this.#isLast) this.#client.close("end of the recorded connection", 1001);
  }

  fail(): void {
    this.#next = this.#frames.length;
  }
}

const life = (startAt: Micros) => ({
  createdAt: startAt - 3_600_000_000,
  openAt: startAt - 3_600_000_000,
  closeAt: startAt + 86_400_000_000,
});
const part = { fair: () => 0.5, decide: () => 0 as const, valueText: () => "", weight: 1 };

function listKalshi(text: string, markets: Map<string, KalshiMarket>, startAt: Micros): void {
  for (const [, ticker = ""] of text.matchAll(/"market_ticker":\s*"([^"]+)"/g)) {
    if (markets.has(ticker)) continue;
    const [series = ticker] = ticker.split("-");
    const event = {
      ticker: ticker.slice(0, Math.max(ticker.lastIndexOf("-"), series.length)),
      series: kalshiSeries(series, series, "Recorded", {}),
      title: ticker,
      subTitle: "",
      mutuallyExclusive: false,
      strikeAt: null,
      productMetadata: {},
    };
    const facts = {
      ticker,
      event,
      title: ticker,
      yesSubTitle: ticker,
      strike: null,
      structure: "deci_cent",
      rules: "",
    } as const;
    const { market } = castKalshi(new Random(ticker), life(startAt), facts, part);
    market.stage = "open";
    markets.set(ticker, market);
  }
}

/** A market is known where one frame names both of its tokens, as every price change does. */
function listPolymarket(text: string, markets: Map<string, PolymarketMarket>, startAt: Micros): void {
  const id = /"market":\s*"(0x[0-9a-f]{64})"/.exec(text)?.[1];
  if (id === undefined || markets.has(id)) return;
  const [first, second] = new Set([...text.matchAll(/"asset_id":\s*"(\d+)"/g)].map((match) => match[1] ?? ""));
  if (first === undefined || second === undefined || text.startsWith("[")) return;
  const event = {
    id: id.slice(2, 8),
    slug: id,
    title: id,
    description: "",
    series: null,
    tags: [],
    negRiskMarketId: null,
    createdAt: startAt,
  };
  const facts = {
    event,
    question: id,
    slug: id,
    outcomes: ["Yes", "No"],
    ticks: uniformGrid(ONE / 1000),
    fee: { type: "", rate: 0, rebate: 0 },
  } as const;
  const { market } = castPolymarket(new Random(id), life(startAt), facts, part);
  markets.set(id, {
    ...market,
    id,
    tokens: [first, second],
    stage: "open",
    bids: new BookSide(),
    asks: new BookSide(),
  });
}
