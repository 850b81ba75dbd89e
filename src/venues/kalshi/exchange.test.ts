import assert from "node:assert/strict";
import { test } from "node:test";
import { Books, type BookView } from "../../books/books.ts";
import { Random } from "../../exchange/random.ts";
import { DEFAULT_SCRIPT, World } from "../../exchange/world.ts";
import type { MarketEvent } from "../../model/events.ts";
import { Instruments } from "../../model/instrument.ts";
import type { Micros } from "../../model/time.ts";
import type { TradedMarket } from "../server.ts";
import { kalshiInterpreter } from "./interpret.ts";
import { KalshiConnection } from "./server.ts";

const SECOND = 1_000_000;
const START = 1_795_000_000 * SECOND;
const CHANNELS = ["orderbook_delta", "ticker", "trade", "market_lifecycle_v2"];

/** What a frame suffers on its way: chances out of a thousand. */
interface Weather {
  readonly drop: number;
  readonly twice: number;
  readonly damage: number;
}

interface Lost {
  readonly epoch: number;
  readonly sid: number;
  readonly seq: number;
}

/** Plays the built-in exchange for 40 virtual seconds, through bad weather, into the interpreter and the books. */
function play(seed: string, weather: Weather, reconnectAt: readonly number[]) {
  const random = new Random(`${seed}/weather`);
  const instruments = new Instruments();
  const events: MarketEvent[] = [];
  const lost: Lost[] = [];
  let at: Micros = START;
  let frame = 0;
  let epoch = 0;
  let repeated = 0;
  const books = new Books({ instruments, emit: () => 0 });
  const emit = (event: MarketEvent): void => {
    events.push(event);
    books.apply(event, at, frame);
  };
  const interpreter = kalshiInterpreter({ instruments, emit });
  const deliver = (text: string): void => {
    frame++;
    interpreter.received(epoch, Buffer.from(text), at);
  };
  const arrive = (text: string): void => {
    const { sid, seq, type } = JSON.parse(text) as { sid?: number; seq?: number; type: string };
    const fate = random.int(0, 999);
    // Faults hit what is numbered; that a lost ticker cannot be seen is said in the documentation.
    if (sid === undefined || seq === undefined || type === "ticker") return deliver(text);
    if (fate < weather.drop) {
      lost.push({ epoch, sid, seq });
    } else if (fate < weather.drop + weather.damage) {
      lost.push({ epoch, sid, seq });
      deliver(text.slice(0, -10));
    } else {
      deliver(text);
      if (fate >= 1_000 - weather.twice) {
        repeated++;
        deliver(text);
      }
    }
  };
  const options = { format: { sendingTime: true, deltaMilliseconds: true }, marketLimit: 1_000, random: () => 0 };
  const world: World = new World(
    { seed, startAt: START, kalshiMarkets: 8, polymarketMarkets: 2, rate: 300, script: DEFAULT_SCRIPT },
    { kalshi: (happening) => connection.happened(happening), polymarket: () => {} },
  );
  const say = (command: object): void => {
    const text = JSON.stringify(command);
    interpreter.sent(epoch, Buffer.from(text), at);
    connection.receive(text);
    connection.settle(at);
  };
  const markets = [...world.kalshi.markets.keys()];
  const open = (): KalshiConnection => new KalshiConnection(world.kalshi, options, ({ text }) => arrive(text));
  const subscribe = (): void => {
    interpreter.connected(++epoch, { venue: "kalshi", stream: "market/0", url: "", format: "kalshi-ws-v2" }, at);
    for (const [i, channel] of CHANNELS.entries()) {
      const whole = channel === "market_lifecycle_v2";
      const params = { channels: [channel], ...(whole ? {} : { market_tickers: markets }), use_yes_price: true };
      say({ id: i + 1, cmd: "subscribe", params });
    }
  };
  let connection = open();
  subscribe();
  for (let step = 1; step <= 400; step++) {
    at = START + step * (SECOND / 10);
    world.advance(at);
    books.wake(at, frame);
    if (reconnectAt.includes(step)) {
      interpreter.closed(epoch, { by: "venue", code: 1006 }, at);
      connection = open();
      subscribe();
    }
    const uncertain = books.awaited().map((instrument) => instrument.market);
    const params = { sids: [1], action: "get_snapshot", market_tickers: uncertain };
    if (uncertain.length > 0 && step % 5 === 0) say({ id: 100 + step, cmd: "update_subscription", params });
  }
  return { events, lost, repeated, books, world, markets };
}

/** The sequence holes that the gaps claim, by epoch and sid. */
function covers(events: readonly MarketEvent[], { epoch, sid, seq }: Lost): boolean {
  return events.some(
    (event) =>
      event.type === "gap_opened" &&
      event.epoch === epoch &&
      event.sid === sid &&
      Number(event.evidence["expected"]) <= seq &&
      seq < Number(event.evidence["got"]),
  );
}

const RUNS = Array.from({ length: 12 }, (_, i) => `weather ${i}`);

test("in fair weather nothing is amiss and every book is the exchange's own", () => {
  const { events, books, world, markets } = play("fair", { drop: 0, twice: 0, damage: 0 }, []);
  const odd = events.filter((event) => event.type === "gap_opened" || event.type === "quarantine");
  assert.deepEqual(odd, []);
  let compared = 0;
  for (const { instrument, book, state } of books.books()) {
    const truth = world.kalshi.markets.get(instrument.market);
    assert.ok(truth !== undefined && state === "live");
    assert.deepEqual(bookOf(book), truthOf(truth));
    compared++;
  }
  assert.equal(compared, markets.length);
  assert.ok(events.filter((event) => event.type === "book_delta").length > 1_000);
});

test("in foul weather every lost frame is covered by a gap, no repetition is applied, live books are right", () => {
  let lostFrames = 0;
  for (const seed of RUNS) {
    const { events, lost, repeated, books, world } = play(seed, { drop: 5, twice: 5, damage: 5 }, [150, 151, 290]);
    lostFrames += lost.length;
    for (const one of lost) {
      // What is lost at the end of a connection is behind its last numbered frame: the disconnect's gap covers it.
      const isTail = !events.some((event) => hasLater(event, one));
      assert.ok(isTail || covers(events, one), `${seed}: ${JSON.stringify(one)}`);
    }
    const duplicates = events.filter((event) => event.type === "quarantine" && event.reason === "duplicate_sequence");
    assert.equal(duplicates.length, repeated);
    for (const { instrument, book, state } of books.books()) {
      const truth = world.kalshi.markets.get(instrument.market);
      if (state !== "live" || truth === undefined) continue;
      assert.deepEqual(bookOf(book), truthOf(truth), `${seed}: ${instrument.market}`);
    }
  }
  assert.ok(lostFrames > 500);
});

/** A later numbered frame of the same sid came through. */
function hasLater(event: MarketEvent, { epoch, sid, seq }: Lost): boolean {
  if (event.type !== "book_delta" && event.type !== "book_snapshot") return false;
  return event.epoch === epoch && event.sid === sid && (event.seq ?? 0) > seq;
}

/** Both sides, best first. */
function bookOf(book: BookView["book"]): unknown {
  return { bids: book.levels("bid"), asks: book.levels("ask") };
}

function truthOf({ bids, asks }: TradedMarket): unknown {
  return {
    bids: { prices: [...bids.prices].reverse(), sizes: [...bids.sizes].reverse() },
    asks: { prices: [...asks.prices], sizes: [...asks.sizes] },
  };
}
