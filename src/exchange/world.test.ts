import assert from "node:assert/strict";
import { test } from "node:test";
import { ONE } from "../model/decimal.ts";
import type { Happening, TradedMarket } from "../venues/server.ts";
import { floorTick } from "./book.ts";
import { DEFAULT_SCRIPT, World, type WorldOptions } from "./world.ts";

const SECOND = 1_000_000;
const START = 1_795_000_000 * SECOND;

const options: WorldOptions = {
  seed: "7",
  startAt: START,
  kalshiMarkets: 12,
  polymarketMarkets: 6,
  rate: 1_000,
  script: DEFAULT_SCRIPT,
};

type Any = Happening<TradedMarket>;

function play(
  changes: Partial<WorldOptions>,
  steps: readonly number[],
  look?: (happening: Any, world: World) => void,
): string[] {
  const lines: string[] = [];
  const hear = (happening: Any) => {
    const { market, ...fact } = happening;
    lines.push(
      JSON.stringify({ ...fact, market: market.id, bids: market.bids.prices.length, asks: market.asks.prices.length }),
    );
    look?.(happening, world);
  };
  const world = new World({ ...options, ...changes }, { kalshi: hear, polymarket: hear });
  for (const step of steps) world.advance(START + step);
  return lines;
}

const seconds = (count: number) => Array.from({ length: count }, (_, i) => (i + 1) * SECOND);

test("the same seed gives the same session, in whatever steps time goes on", () => {
  const whole = play({}, [70 * SECOND]);
  const uneven = Array.from({ length: 2_000 }, (_, i) => Math.round(((i + 1) / 2_000) ** 2 * 70 * SECOND));
  assert.deepEqual(play({}, uneven), whole);
  assert.notDeepEqual(play({ seed: "8" }, [SECOND]), play({}, [SECOND]));
});

test("books are never negative, off the grid or crossed at rest", () => {
  const regridded = new Set<string>();
  const markets = new Set<TradedMarket>();
  let crossedMidBurst = 0;
  const isCrossed = ({ bids, asks }: TradedMarket) => (bids.prices.at(-1) ?? 0) >= (asks.prices[0] ?? ONE);
  const world: World[] = [];
  play(
    { rate: 3_000 },
    Array.from({ length: 6_000 }, (_, i) => (i + 1) * 10_000),
    (happening, played) => {
      world[0] = played;
      const { market } = happening;
      markets.add(market);
      if (happening.kind === "regridded") regridded.add(market.id);
      if (happening.kind !== "change") return;
      if (isCrossed(market)) crossedMidBurst++;
      for (const change of happening.changes) {
        assert.ok(change.size >= 0 && change.price > 0 && change.price < ONE);
        assert.notEqual(change.change, 0);
        assert.equal(floorTick(market.ticks, change.price), change.price, `${market.id} ${change.price}`);
      }
    },
  );
  for (const market of markets) {
    assert.equal(isCrossed(market), false, market.id);
    for (const { prices, sizes } of [market.bids, market.asks]) {
      assert.ok(prices.every((price, i) => i === 0 || price > (prices[i - 1] ?? ONE)));
      assert.ok(sizes.every((size) => size > 0));
    }
  }
  assert.equal(regridded.size, 2);
  assert.ok(crossedMidBurst > 0, "locked or crossed within a burst, as on the venues");
});

test("one change at a time adds up to the book", () => {
  const books = new Map<string, Map<string, number>>();
  let checked = 0;
  play({}, seconds(60), (happening) => {
    const { market } = happening;
    let book = books.get(market.id);
    if (book === undefined || happening.kind === "cleared") {
      book = new Map();
      books.set(market.id, book);
      for (const [side, levels] of [
        ["bid", market.bids],
        ["ask", market.asks],
      ] as const) {
        for (const [i, price] of levels.prices.entries()) book.set(`${side}${price}`, levels.sizes[i] ?? 0);
      }
      return;
    }
    if (happening.kind !== "change") return;
    for (const { side, price, size, change } of happening.changes) {
      assert.equal((book.get(`${side}${price}`) ?? 0) + change, size);
      if (size === 0) book.delete(`${side}${price}`);
      else book.set(`${side}${price}`, size);
    }
    assert.equal(book.size, market.bids.prices.length + market.asks.prices.length);
    checked++;
  });
  assert.ok(checked > 10_000);
});

test("markets are created, open, close, are cleared, determined and settled in this order", () => {
  const order = new Map<string, string[]>();
  play({}, seconds(90), ({ kind, market }) => {
    if (kind === "change" || kind === "trade" || kind === "print" || kind === "quote") return;
    order.set(market.id, [...(order.get(market.id) ?? []), kind]);
  });
  const stories = [...order.values()].map((kinds) => kinds.join(" "));
  assert.equal(
    stories.filter((story) => /^closed cleared (cleared )?determined (cleared )?settled/.test(story)).length,
    2,
    stories.join("\n"),
  );
  assert.equal(stories.filter((story) => story === "created opened described").length, 2);
  assert.equal(stories.filter((story) => story === "regridded").length, 2);
});

test("several changes share a millisecond, and time never goes back", () => {
  let last = 0;
  let same = 0;
  let changes = 0;
  play({}, seconds(20), ({ kind, at }) => {
    assert.ok(at >= last);
    if (kind === "change") {
      changes++;
      if (Math.floor(at / 1000) === Math.floor(last / 1000)) same++;
    }
    last = at;
  });
  assert.ok(same / changes > 0.25, `${same} of ${changes}`);
});

test("the rate is kept", () => {
  const count = play({ rate: 2_000 }, seconds(10)).filter((line) => /"kind":"(change|trade)"/.test(line)).length;
  assert.ok(Math.abs(count / 20_000 - 1) < 0.1, String(count));
});
