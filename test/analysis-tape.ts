import { journalConfig } from "../src/journal/config.ts";
import { journalDir } from "../src/journal/layout.ts";
import { Kind } from "../src/journal/record.ts";
import { type JournalWriter, openJournal } from "../src/journal/writer.ts";
import { parseTime } from "../src/model/time.ts";
import { Projector } from "../src/project/projector.ts";
import { ParquetSink } from "../src/sinks/parquet/parquet-sink.ts";
import { PostgresSink } from "../src/sinks/postgres/postgres-sink.ts";
import { SqliteSink } from "../src/sinks/sqlite/sqlite-sink.ts";
import { venues } from "../src/venues/index.ts";

/**
 * A tape of two days with contents that are known: Kalshi's Bitcoin event `KXBTCD-26NOV2117` of 2026-11-21 with two
 * markets, a market of another series, a market of Polymarket and Coinbase's price. Names and times are those of the examples in `docs/`.
 */
export const T95000 = "KXBTCD-26NOV2117-T95000";
export const T96000 = "KXBTCD-26NOV2117-T96000";
export const WEATHER = "KXHIGHNY-26NOV22-B45.5";
/** Polymarket's market, and its two tokens. */
export const GAME = `0x${"11".repeat(32)}`;
export const TOKENS = ["111", "222"] as const;

export interface Print {
  readonly at: string;
  readonly market: string;
  readonly price: string;
  readonly size: string;
  readonly taker: "yes" | "no";
}

/** Every print of the tape, in the order of arrival. */
export const prints: readonly Print[] = [
  { at: "2026-11-20T22:10:00.5Z", market: T95000, price: "0.3000", size: "7.00", taker: "yes" },
  { at: "2026-11-21T16:01:00.25Z", market: T95000, price: "0.4500", size: "10.00", taker: "yes" },
  { at: "2026-11-21T16:02:00Z", market: T95000, price: "0.4200", size: "5.50", taker: "no" },
  { at: "2026-11-21T16:04:59.999Z", market: T95000, price: "0.4700", size: "2.00", taker: "yes" },
  { at: "2026-11-21T16:05:00Z", market: T95000, price: "0.4600", size: "100.00", taker: "no" },
  { at: "2026-11-21T16:06:00Z", market: T96000, price: "0.1250", size: "40.00", taker: "no" },
  { at: "2026-11-21T16:07:00Z", market: WEATHER, price: "0.6000", size: "3.00", taker: "yes" },
  { at: "2026-11-21T17:00:00Z", market: GAME, price: "0.25", size: "4", taker: "yes" },
  { at: "2026-11-21T17:30:00Z", market: T95000, price: "0.9100", size: "1.00", taker: "yes" },
];

/** Makes the tape, and beside it the same rows in a SQLite file and in the PostgreSQL database at `postgres`. */
export async function recordAnalysisTape(tape: string, sqlite: string, postgres: string): Promise<void> {
  const journal = await openJournal({
    dir: journalDir(tape, "main"),
    name: "main",
    source: "live",
    config: journalConfig.parse({}),
    publicConfig: {},
    program: { name: "foretape", version: "0" },
    connections: () => [],
    onError: (error) => {
      throw error;
    },
  });
  new Script(journal).play();
  await journal.close();
  await using projector = await Projector.open({
    tape,
    name: "main",
    venues,
    sinks: () => [
      new ParquetSink({ tape }),
      new SqliteSink({ path: sqlite, tables: "all" }),
      new PostgresSink({ url: postgres, tables: "all" }),
    ],
  });
  await projector?.run({ follow: false, signal: new AbortController().signal });
}

class Script {
  readonly #journal: JournalWriter;
  #seq = 0;
  #epoch = 0;

  constructor(journal: JournalWriter) {
    this.#journal = journal;
  }

  play(): void {
    this.#answer("2026-11-20T22:00:00Z", "/series/KXBTCD", {
      series: { ticker: "KXBTCD", title: "Bitcoin price", category: "Crypto", frequency: "hourly" },
    });
    this.#answer("2026-11-20T22:00:01Z", "/events?with_nested_markets=true", { events: [bitcoin, weather] });
    this.#want("2026-11-20T22:04:00Z", "kalshi", "btc", [T95000, T96000], ["yes"]);
    this.#want("2026-11-20T22:04:00Z", "kalshi", "weather", [WEATHER], ["yes"]);
    this.#want("2026-11-20T22:04:00Z", "kalshi", "everything", [T95000, WEATHER], ["yes"]);
    this.#want("2026-11-21T16:58:00Z", "polymarket", "nba", [GAME], TOKENS);
    this.#connect("2026-11-20T22:05:00Z");
    this.#tick("2026-11-20T22:06:00Z", T95000, "0.2900", "0.3100", "0.3000");
    this.#print(0);
    this.#spot("2026-11-21T15:59:00Z", "95012.34");
    this.#book(
      "2026-11-21T16:00:00Z",
      T95000,
      [
        ["0.4400", "20.00"],
        ["0.4300", "8.00"],
      ],
      [["0.5400", "15.00"]],
    );
    this.#book("2026-11-21T16:00:01Z", T96000, [["0.1200", "9.00"]], [["0.8700", "30.00"]]);
    this.#print(1);
    this.#print(2);
    this.#delta("2026-11-21T16:03:00Z", T95000, "0.4400", "-5.00", "yes");
    this.#delta("2026-11-21T16:03:30Z", T95000, "0.5200", "11.00", "no");
    this.#delta("2026-11-21T16:03:59Z", T95000, "0.4300", "-8.00", "yes");
    this.#delta("2026-11-21T16:04:30Z", T95000, "0.4500", "99.00", "yes");
    this.#tick("2026-11-21T16:04:40Z", T95000, "0.4500", "0.4600", "0.4700");
    for (const i of [3, 4, 5, 6]) this.#print(i);
    this.#tick("2026-11-21T16:08:00Z", T95000, "0.4500", "0.4700", "0.4600");
    this.#tick("2026-11-21T16:08:01Z", T96000, "0.1200", "0.1300", "0.1250");
    this.#tick("2026-11-21T16:08:02Z", WEATHER, "0.5900", "0.6000", "0.6000");
    // A delta is missing here: the books of this subscription are uncertain until their next snapshots.
    this.#seq++;
    this.#delta("2026-11-21T16:10:00Z", T95000, "0.4000", "1.00", "yes");
    this.#book("2026-11-21T16:10:05Z", T95000, [["0.4500", "98.00"]], [["0.5200", "11.00"]]);
    this.#book("2026-11-21T16:10:06Z", T96000, [["0.1200", "9.00"]], [["0.8700", "30.00"]]);
    this.#polymarket();
    this.#print(8);
    this.#journal.appendAt(Kind.closed, 1, JSON.stringify({ by: "stopped" }), at("2026-11-21T17:40:00Z"));
    this.#answer("2026-11-21T22:10:00Z", "/markets?event_ticker=KXBTCD-26NOV2117", { markets: settled });
  }

  #connect(time: string): void {
    this.#epoch = this.#open(time, "kalshi", "kalshi-ws-v2");
    const channels = ["orderbook_delta", "ticker", "trade"];
    const command = { id: 1, cmd: "subscribe", params: { channels, market_tickers: [T95000, T96000, WEATHER] } };
    this.#journal.appendAt(Kind.sent, this.#epoch, JSON.stringify(command), at(time));
    for (const [i, channel] of channels.entries()) {
      this.#frame(time, { id: 1, type: "subscribed", msg: { channel, sid: i + 1 } });
    }
  }

  #open(time: string, venue: string, format: string): number {
    const epoch = this.#journal.nextEpoch();
    const connected = { venue, stream: "market/0", url: "wss://test", format };
    this.#journal.appendAt(Kind.connected, epoch, JSON.stringify(connected), at(time));
    return epoch;
  }

  /** A listener's markets, as capture writes them down before it subscribes. */
  #want(time: string, venue: string, listener: string, markets: readonly string[], outcomes: readonly string[]): void {
    const added = markets.map((market) => ({ market, outcomes }));
    const decision = { type: "subscribe", venue, listener, markets, added };
    this.#journal.appendAt(Kind.decision, 0, JSON.stringify(decision), at(time));
  }

  #polymarket(): void {
    this.#answer("2026-11-21T16:58:30Z", "https://gamma-api.polymarket.com/markets", [game], "polymarket");
    const epoch = this.#open("2026-11-21T16:59:00Z", "polymarket", "polymarket-market");
    const say = (kind: Kind, time: string, message: object): unknown =>
      this.#journal.appendAt(kind, epoch, JSON.stringify(message), at(time));
    say(Kind.sent, "2026-11-21T16:59:00Z", { assets_ids: TOKENS, type: "market" });
    const [token] = TOKENS;
    const about = (time: string) => ({ asset_id: token, market: GAME, timestamp: String(at(time) / 1000) });
    say(Kind.received, "2026-11-21T16:59:01Z", {
      event_type: "book",
      ...about("2026-11-21T16:59:00.5Z"),
      hash: "h",
      bids: [{ price: ".24", size: "30" }],
      asks: [{ price: ".26", size: "12.5" }],
    });
    const { at: time, price, size } = prints[7]!;
    const print = { event_type: "last_trade_price", ...about(time), price, size, side: "BUY", fee_rate_bps: "0" };
    say(Kind.received, time, print);
    this.#journal.appendAt(Kind.closed, epoch, JSON.stringify({ by: "stopped" }), at("2026-11-21T17:20:00Z"));
  }

  #book(time: string, market: string, yes: readonly [string, string][], no: readonly [string, string][]): void {
    const msg = { market_ticker: market, market_id: "m", yes_dollars_fp: yes, no_dollars_fp: no };
    this.#frame(time, { type: "orderbook_snapshot", sid: 1, seq: ++this.#seq, msg });
  }

  #delta(time: string, market: string, price: string, change: string, side: "yes" | "no"): void {
    const msg = { market_ticker: market, market_id: "m", price_dollars: price, delta_fp: change, side, ts: time };
    this.#frame(time, { type: "orderbook_delta", sid: 1, seq: ++this.#seq, msg });
  }

  #tick(time: string, market: string, bid: string, ask: string, last: string): void {
    const msg = {
      market_ticker: market,
      market_id: "m",
      price_dollars: last,
      yes_bid_dollars: bid,
      yes_ask_dollars: ask,
      yes_bid_size_fp: "10.00",
      yes_ask_size_fp: "20.00",
      volume_fp: "1000.00",
      open_interest_fp: "500.00",
      ...times(time),
    };
    this.#frame(time, { type: "ticker", sid: 2, msg });
  }

  /** A print arrives a tenth of a second after it happened. */
  #print(index: number): void {
    const { at: time, market, price, size, taker } = prints[index]!;
    const msg = {
      trade_id: `print-${index}`,
      market_ticker: market,
      yes_price_dollars: price,
      count_fp: size,
      taker_side: taker,
      ...times(time),
    };
    this.#frame(time, { type: "trade", sid: 3, msg }, 100_000);
  }

  #spot(time: string, price: string): void {
    const epoch = this.#open(time, "coinbase", "coinbase-advanced-trade");
    const ticker = { type: "ticker", product_id: "BTC-USD", price, best_bid: price, best_ask: price };
    const events = [{ type: "update", tickers: [ticker] }];
    const message = { channel: "ticker", timestamp: time, sequence_num: 0, events };
    this.#journal.appendAt(Kind.received, epoch, JSON.stringify(message), at(time));
  }

  #frame(time: string, frame: object, late = 0): void {
    this.#journal.appendAt(Kind.received, this.#epoch, JSON.stringify(frame), at(time) + late);
  }

  #answer(time: string, url: string, body: object, venue = "kalshi"): void {
    const head = { venue, method: "GET", url, status: 200, sentAt: at(time) - 50_000, purpose: "test" };
    this.#journal.appendAt(Kind.http, 0, `${JSON.stringify(head)}\n${JSON.stringify(body)}`, at(time));
  }
}

function at(time: string): number {
  return parseTime(time) ?? Number.NaN;
}

const times = (time: string) => ({ ts: Math.floor(at(time) / 1_000_000), ts_ms: Math.floor(at(time) / 1_000) });

const strike = (ticker: string, floor: number) => ({
  ticker,
  event_ticker: "KXBTCD-26NOV2117",
  market_type: "binary",
  title: "Bitcoin price on Nov 21, 2026 at 5pm EST?",
  yes_sub_title: `$${floor} or above`,
  open_time: "2026-11-20T21:00:00Z",
  close_time: "2026-11-21T22:00:00Z",
  expected_expiration_time: "2026-11-21T22:05:00Z",
  latest_expiration_time: "2026-11-28T22:00:00Z",
  can_close_early: true,
  strike_type: "greater",
  floor_strike: floor,
  status: "active",
  result: "",
  rules_primary: "If the price is above the strike, then the market resolves to Yes.",
});

const bitcoinMarkets = [strike(T95000, 95_000), strike(T96000, 96_000)];
const bitcoin = {
  event_ticker: "KXBTCD-26NOV2117",
  series_ticker: "KXBTCD",
  title: "Bitcoin price on Nov 21, 2026 at 5pm EST?",
  sub_title: "On Nov 21 at 5pm",
  category: "Crypto",
  mutually_exclusive: false,
  strike_date: "2026-11-21T22:00:00Z",
  strike_period: "hour",
  markets: bitcoinMarkets,
};

const settled = bitcoinMarkets.map((market, i) => ({
  ...market,
  status: "finalized",
  result: i === 0 ? "yes" : "no",
  settlement_value_dollars: i === 0 ? "1.0000" : "0.0000",
  settlement_ts: "2026-11-21T22:09:00Z",
  expiration_value: "95500.25",
}));

const weather = {
  event_ticker: "KXHIGHNY-26NOV22",
  series_ticker: "KXHIGHNY",
  title: "Highest temperature in NYC on Nov 22, 2026?",
  sub_title: "On Nov 22",
  category: "Climate and Weather",
  mutually_exclusive: true,
  strike_date: "2026-11-23T04:59:00Z",
  strike_period: "day",
  markets: [
    {
      ...strike(WEATHER, 45),
      event_ticker: "KXHIGHNY-26NOV22",
      title: "Highest temperature in NYC on Nov 22, 2026?",
      yes_sub_title: "45° to 46°",
      strike_type: "between",
      cap_strike: 46,
      close_time: "2026-11-23T04:59:00Z",
      expected_expiration_time: "2026-11-23T15:00:00Z",
    },
  ],
};

const game = {
  id: "517310",
  conditionId: GAME,
  question: "Lakers vs. Celtics",
  slug: "nba-lal-bos-2026-11-21",
  clobTokenIds: JSON.stringify(TOKENS),
  outcomes: JSON.stringify(["Lakers", "Celtics"]),
  startDate: "2026-11-20T00:00:00Z",
  endDate: "2026-11-22T03:00:00Z",
  active: true,
  closed: false,
  acceptingOrders: true,
  enableOrderBook: true,
  volumeNum: 1200.5,
  liquidityNum: 800,
  events: [{ id: "534323", slug: "nba-lal-bos-2026-11-21", title: "Lakers vs. Celtics" }],
};
