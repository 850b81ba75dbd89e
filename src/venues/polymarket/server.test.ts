import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { DEFAULT_SCRIPT, World } from "../../exchange/world.ts";
import { PolymarketConnection, SILENT_CAP, TokenIndex } from "./server.ts";
import { TokenBooks } from "./server-books.ts";
import { PolymarketFrames } from "./server-frames.ts";

const SECOND = 1_000_000;
const START = 1_795_000_000 * SECOND;

type Message = Record<string, unknown> & { readonly event_type: string; readonly market: string };
type Level = { readonly price: string; readonly size: string };

function connect(polymarketMarkets = 6) {
  const sent: string[] = [];
  const connections: PolymarketConnection[] = [];
  const world: World = new World(
    { seed: "p", startAt: START, kalshiMarkets: 2, polymarketMarkets, rate: 800, script: DEFAULT_SCRIPT },
    {
      kalshi: () => {},
      polymarket: (happening) => connections.forEach((connection) => connection.happened(happening)),
    },
  );
  const tokens = new TokenIndex(world.polymarket);
  const connection = new PolymarketConnection(tokens, new PolymarketFrames(new TokenBooks()), ({ text }) =>
    sent.push(text),
  );
  connections.push(connection);
  return {
    world,
    markets: [...world.polymarket.markets.values()],
    say(...messages: (object | string)[]) {
      for (const message of messages)
        connection.receive(typeof message === "string" ? message : JSON.stringify(message));
      connection.settle();
    },
    texts: () => sent.splice(0),
    take: () => sent.splice(0).flatMap((text) => JSON.parse(text) as Message | Message[]),
  };
}

const first = (assets_ids: string[], more: object = {}) => ({ assets_ids, type: "market", ...more });

test("first books come as one array in the order of the request, keys as seen on the wire", () => {
  const { say, texts, markets } = connect();
  const tokens = markets.flatMap((market) => market.tokens).reverse();
  say(first(tokens));
  const [text = ""] = texts();
  const books = JSON.parse(text) as Message[];
  assert.deepEqual(
    books.map(({ asset_id }) => asset_id),
    tokens,
  );
  assert.deepEqual(Object.keys(books[0] ?? {}), [
    "market",
    "asset_id",
    "timestamp",
    "hash",
    "bids",
    "asks",
    "tick_size",
    "event_type",
    "last_trade_price",
  ]);
  const bids = (books[0]?.bids ?? []) as Level[];
  assert.ok(Number(bids[0]?.price) < Number(bids.at(-1)?.price), "worst first");
});

/** A client as the documentation describes it, with the hash computed from a plain object. */
class Follower {
  readonly books = new Map<
    string,
    { bids: Map<string, string>; asks: Map<string, string>; tick: string; last: string }
  >();
  checked = 0;
  readonly #negRisk: (market: string) => boolean;

  constructor(negRisk: (market: string) => boolean) {
    this.#negRisk = negRisk;
  }

  hash(market: string, token: string, timestamp: string, last: string): string {
    const book = this.books.get(token);
    assert.ok(book);
    const levels = (side: Map<string, string>, sign: number) =>
      [...side].sort(([a], [b]) => sign * (Number(a) - Number(b))).map(([price, size]) => ({ price, size }));
    const json = JSON.stringify({
      market,
      asset_id: token,
      timestamp,
      hash: "",
      bids: levels(book.bids, 1),
      asks: levels(book.asks, -1),
      min_order_size: "5",
      tick_size: book.tick,
      neg_risk: this.#negRisk(market),
      last_trade_price: last,
    });
    return createHash("sha1").update(json).digest("hex");
  }

  /** Follows the messages up to a time; prints are looked up ahead, because the hash knows of a trade before it is printed. */
  read(messages: readonly Message[], untilMs: number): void {
    for (const [i, message] of messages.entries()) {
      if (Number(message.timestamp) > untilMs) return;
      const token = String(message.asset_id);
      if (message.event_type === "book") {
        const old = this.books.get(token);
        const side = (name: string) => new Map((message[name] as Level[]).map(({ price, size }) => [price, size]));
        const fresh = {
          bids: side("bids"),
          asks: side("asks"),
          tick: String(message.tick_size ?? old?.tick),
          last: String(message.last_trade_price ?? old?.last),
        };
        if (old !== undefined)
          assert.deepEqual(sorted(fresh.bids), sorted(old.bids), "a book after a trade repeats what is known");
        this.books.set(token, fresh);
        this.#check(messages, i, message.market, token, String(message.timestamp), String(message.hash));
      } else if (message.event_type === "price_change") {
        const entries = message.price_changes as Record<string, string>[];
        for (const { asset_id = "", side, price = "", size = "" } of entries) {
          const levels = this.books.get(asset_id)?.[side === "BUY" ? "bids" : "asks"];
          if (size === "0") levels?.delete(price);
          else levels?.set(price, size);
        }
        for (const { asset_id = "", hash = "", best_bid, best_ask } of entries) {
          this.#check(messages, i, message.market, asset_id, String(message.timestamp), hash);
          const book = this.books.get(asset_id);
          const best = (side: Iterable<string> | undefined, pick: (...of: number[]) => number) => {
            const prices = [...(side ?? [])].map(Number);
            return prices.length === 0 ? "" : String(pick(...prices));
          };
          assert.equal(best_bid === "" ? "" : String(Number(best_bid)), best(book?.bids.keys(), Math.max));
          assert.equal(best_ask === "" ? "" : String(Number(best_ask)), best(book?.asks.keys(), Math.min));
        }
      } else if (message.event_type === "tick_size_change") {
        const book = this.books.get(token);
        if (book !== undefined) book.tick = String(message.new_tick_size);
      }
    }
  }

  #check(
    messages: readonly Message[],
    at: number,
    market: string,
    token: string,
    timestamp: string,
    hash: string,
  ): void {
    const book = this.books.get(token);
    assert.ok(book);
    if (this.hash(market, token, timestamp, book.last) !== hash) {
      const next = messages
        .slice(at)
        .filter((message) => message.event_type === "last_trade_price" && message.market === market);
      const found = next
        .map(({ price }) => Number(price).toFixed(3))
        .find((last) => this.hash(market, token, timestamp, last) === hash);
      assert.ok(found !== undefined, `no last price explains the hash of message ${at}`);
      book.last = found;
    }
    this.checked++;
  }
}

const sorted = (levels: Map<string, string>) => [...levels].sort();

test("every hash and every best price of a session is right, across trades and a change of the tick size", () => {
  const { world, say, take, markets } = connect();
  say(first(markets.flatMap((market) => market.tokens)));
  world.advance(START + 28 * SECOND);
  const messages = take();
  const follower = new Follower((market) => world.polymarket.markets.get(market)?.event.negRiskMarketId !== null);
  // The last trades are not printed yet.
  follower.read(messages, (START + 28 * SECOND) / 1000 - 300);
  assert.ok(follower.checked > 5_000, String(follower.checked));
  assert.equal(messages.filter(({ event_type }) => event_type === "tick_size_change").length, 2);
});

test("both tokens are in every change whichever was asked for; prints and books after trades only for the one asked for", () => {
  const { world, say, take, markets } = connect();
  const [market] = markets;
  assert.ok(market);
  const [token, other] = market.tokens;
  say(first([token]));
  world.advance(START + 20 * SECOND);
  const [, ...messages] = take();
  const changes = messages.filter(({ event_type }) => event_type === "price_change");
  for (const { price_changes } of changes) {
    assert.deepEqual(
      new Set((price_changes as { asset_id: string }[]).map(({ asset_id }) => asset_id)),
      new Set([token, other]),
    );
  }
  assert.ok(changes.length > 100);
  const rest = messages.filter(({ event_type }) => event_type !== "price_change");
  assert.ok(rest.some(({ event_type }) => event_type === "last_trade_price"));
  assert.ok(rest.every(({ asset_id }) => asset_id === token));
  const book = rest.find(({ event_type }) => event_type === "book");
  assert.deepEqual(Object.keys(book ?? {}), ["market", "asset_id", "bids", "asks", "hash", "timestamp", "event_type"]);
});

test("PING is answered by PONG, nothing else is acknowledged", () => {
  const { say, texts } = connect();
  say("PING", "{", { operation: "dance" }, { assets_ids: [], operation: "subscribe" });
  assert.deepEqual(texts(), ["PONG"]);
});

test("subscriptions change on a live connection", () => {
  const { world, say, take, markets } = connect();
  const [a, b] = markets;
  assert.ok(a && b);
  say(first([a.tokens[0]]));
  take();
  say({ assets_ids: [b.tokens[0]], operation: "subscribe" });
  assert.deepEqual(
    take().map(({ asset_id }) => asset_id),
    [b.tokens[0]],
  );
  say({ assets_ids: [a.tokens[0]], operation: "unsubscribe" });
  world.advance(START + 5 * SECOND);
  assert.deepEqual(new Set(take().map(({ market }) => market)), new Set([b.id]));
});

test("without initial_dump, and above the silent cap, changes come without first books", () => {
  const { world, say, take, markets } = connect();
  say(first(markets[0]?.tokens.slice() ?? [], { initial_dump: false }));
  world.advance(START + 2 * SECOND);
  const messages = take();
  assert.ok(messages.length > 0 && messages[0]?.event_type === "price_change");
  const crowded = connect(300);
  crowded.say(first(crowded.markets.flatMap(({ tokens }) => tokens).slice(0, SILENT_CAP + 1)));
  assert.deepEqual(crowded.take(), []);
});

test("new markets are announced several times on every connection that wants it, resolutions to those subscribed", () => {
  const { world, say, take, markets } = connect();
  say(first([markets[0]?.tokens[0] ?? ""], { custom_feature_enabled: true }));
  world.advance(START + 70 * SECOND);
  const messages = take();
  const announced = messages.filter(({ event_type }) => event_type === "new_market");
  assert.equal(new Set(announced.map(({ market }) => market)).size, 1);
  assert.ok(announced.length > 3);
  const resolved = messages.find(({ event_type }) => event_type === "market_resolved");
  assert.ok(resolved);
  assert.equal("asset_id" in resolved, false);
  assert.ok((resolved.assets_ids as string[]).includes(String(resolved.winning_asset_id)));
  assert.ok(messages.some(({ event_type }) => event_type === "best_bid_ask"));
});

test("an empty side is an empty text", () => {
  const { world, say, take, markets } = connect();
  say(first([markets[0]?.tokens[0] ?? ""]));
  world.advance(START + 31 * SECOND);
  const last = take().findLast(({ event_type }) => event_type === "price_change");
  assert.ok(last);
  assert.deepEqual(
    (last.price_changes as Record<string, string>[]).map(({ best_bid, best_ask }) => [best_bid, best_ask]),
    [
      ["", ""],
      ["", ""],
    ],
  );
});
