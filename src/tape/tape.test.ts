import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { openTape as openFromLibrary } from "../index.ts";
import { eventJson, eventLine } from "./event-text.ts";
import { importCapture } from "./import.ts";
import type { TapeEvent } from "./journal-events.ts";
import { openTape } from "./tape.ts";
import { KalshiScript, openTestJournal, project, query, scratch } from "./tape.fixture.ts";

const book = { venue: "kalshi", market: "T" };

test("the book at any instant of a real capture is the one that an independent reader has", async (t) => {
  const capture = join(
    import.meta.dirname,
    "../../../shared/fixtures/kalshi/ws/ws_kxbtc15m_20260514T0438Z_full.jsonl.gz",
  );
  if (!existsSync(capture)) return t.skip("…/shared/fixtures is not beside the project");
  const dir = scratch(t);
  const program = { name: "foretape", version: "0" };
  await importCapture({ tape: dir, path: capture, venue: "kalshi", program, signal: new AbortController().signal });
  const lines = gunzipSync(readFileSync(capture)).toString("utf8").trimEnd().split("\n");
  await using tape = await openTape(dir);
  for (const index of [10, 5_000, 20_001, 42_500, 60_000, 102_554]) {
    const at = Number(/"recv_ns":(\d+)\d{3}/.exec(lines[index]!)![1]);
    const { market, bids, asks } = independentBook(lines, at);
    const found = await tape.bookAt({ venue: "kalshi", market, at });
    assert.deepEqual(pairs(found.bids), bids, `frame ${index}`);
    assert.deepEqual(pairs(found.asks), asks, `frame ${index}`);
  }
});

function pairs({ prices, sizes }: { prices: readonly number[]; sizes: readonly number[] }): string[] {
  return prices.map((price, i) => `${price} ${sizes[i]}`);
}

/** The last market's levels at an instant, read with nothing of ours. */
function independentBook(lines: readonly string[], at: number) {
  const integer = (text: string): number => Math.round(Number(text) * 1e6);
  const levels = new Map<string, Map<number, number>>();
  let market = "";
  for (const line of lines) {
    if (Number(/"recv_ns":(\d+)\d{3}/.exec(line)![1]) > at) break;
    const { type, msg } = JSON.parse(line).frame;
    if (type === "orderbook_snapshot") {
      market = msg.market_ticker;
      for (const side of ["yes", "no"]) {
        levels.set(
          `${market} ${side}`,
          new Map((msg[`${side}_dollars_fp`] ?? []).map(([p, s]: [string, string]) => [integer(p), integer(s)])),
        );
      }
    } else if (type === "orderbook_delta") {
      market = msg.market_ticker;
      const side = levels.get(`${market} ${msg.side}`)!;
      const price = integer(msg.price_dollars);
      const size = (side.get(price) ?? 0) + integer(msg.delta_fp);
      if (size === 0) side.delete(price);
      else side.set(price, size);
    }
  }
  const side = (name: string): [number, number][] =>
    [...levels.get(`${market} ${name}`)!].toSorted(([a], [b]) => b - a);
  return {
    market,
    bids: side("yes").map(([price, size]) => `${price} ${size}`),
    asks: side("no").map(([price, size]) => `${1_000_000 - price} ${size}`),
  };
}

test("a book says how much it can be trusted, and when it is not there", async (t) => {
  const dir = scratch(t);
  const journal = await openTestJournal(dir);
  const first = new KalshiScript(journal);
  first.snapshot([["0.4000", "10.00"]], [["0.5000", "3.00"]]);
  first.delta("0.4100", "5.00");
  first.skip();
  const doubtful = first.delta("0.4200", "1.00");
  first.close("venue");
  const second = new KalshiScript(journal);
  second.snapshot([["0.3000", "1.00"]]);
  const known = second.delta("0.3000", "1.00");
  second.close("stopped");
  const end = journal.lastFrame;
  await journal.close();
  for (const projected of [false, true]) {
    if (projected) await project(dir);
    await using tape = await openTape(dir);
    const times = new Map(
      (await query(dir, "SELECT frame, epoch_us(received_at) FROM orderbook_deltas")).map(([f, at]) => [
        Number(f),
        Number(at),
      ]),
    );
    const at = async (frame: number) => tape.bookAt({ ...book, at: times.get(frame)! });
    const uncertain = await at(doubtful);
    assert.equal(uncertain.state, "uncertain");
    const live = await at(known);
    assert.equal(live.state, "live");
    assert.deepEqual(live.bids, { prices: [300_000], sizes: [2_000_000] });
    const last = await tape.bookAt({ ...book, at: "now" });
    assert.equal(last.state, "stale");
    assert.ok(last.frame <= end);
    await assert.rejects(tape.bookAt({ ...book, at: "2020-01-01T00:00:00Z" }), {
      exitCode: 1,
      message: /no book of kalshi T by that time/,
      hint: /first snapshot is of 20/,
    });
    await assert.rejects(tape.bookAt({ venue: "kalshi", market: "U", at: "now" }), {
      exitCode: 1,
      message: /no book of market "U"/,
    });
    await assert.rejects(tape.bookAt({ ...book, outcome: "no", at: "now" }), {
      exitCode: 2,
      message: /has no outcome "no"/,
    });
    await assert.rejects(tape.bookAt({ ...book, at: "yesterday" }), { exitCode: 2, message: /is no instant/ });

    const tops = [];
    for await (const top of tape.topOfBook({ ...book, from: 0, to: "now" })) tops.push([top.bid, top.ask, top.state]);
    assert.deepEqual(tops.at(0), [400_000, 500_000, "live"]);
    assert.deepEqual(tops.at(1), [410_000, 500_000, "live"]);
    assert.deepEqual(tops.at(-1), [300_000, null, "stale"]);
  }
});

test("events come completed and in the order of their receive times, over all journals", async (t) => {
  const dir = scratch(t);
  const [a, b] = [await openTestJournal(dir, "a"), await openTestJournal(dir, "b")];
  const [one, two] = [new KalshiScript(a, "A"), new KalshiScript(b, "B")];
  one.snapshot([["0.4000", "10.00"]]);
  two.snapshot([["0.4000", "10.00"]]);
  one.delta("0.4000", "-10.00");
  two.delta("0.4000", "1.00");
  await a.close();
  await b.close();
  await using tape = await openFromLibrary(dir);
  const events: TapeEvent[] = [];
  for await (const event of tape.events()) events.push(event);
  const times = events.map(({ receivedAt }) => receivedAt!);
  assert.deepEqual(
    times,
    times.toSorted((x, y) => x - y),
  );
  assert.deepEqual(
    events
      .flatMap((event) => (event.type === "book_delta" ? [[event.instrument.market, event.change, event.size]] : []))
      .toSorted(),
    [
      ["A", -10_000_000, 0],
      ["B", 1_000_000, 11_000_000],
    ],
  );
  const only: string[] = [];
  const deltaAt = events.find(({ type, journal }) => type === "book_delta" && journal === "a")!.receivedAt!;
  for await (const event of tape.events({ venue: "kalshi", market: "A", from: deltaAt })) only.push(event.type);
  assert.deepEqual(only.slice(0, 1), ["book_delta"]);
  for (const event of events) {
    assert.ok(!eventLine(event).includes("\n"));
    assert.equal((JSON.parse(eventJson(event)) as { type: string }).type, event.type);
  }
});

test("following gives what is recorded from then on, and ends at the signal", async (t) => {
  const dir = scratch(t);
  const journal = await openTestJournal(dir);
  const script = new KalshiScript(journal);
  script.snapshot([["0.4000", "10.00"]]);
  script.delta("0.4000", "1.00");
  await journal.durable();
  await using tape = await openTape(dir);
  const stop = new AbortController();
  const seen: TapeEvent[] = [];
  const following = (async () => {
    for await (const events of tape.follow({ types: new Set(["book_delta"]) }, { signal: stop.signal })) {
      seen.push(...events);
      if (seen.length === 2) stop.abort();
    }
  })();
  script.delta("0.4000", "2.00");
  script.delta("0.4000", "3.00");
  await journal.durable();
  await following;
  assert.deepEqual(
    seen.map((event) => event.type === "book_delta" && event.size),
    [13_000_000, 16_000_000],
  );
  await journal.close();
});

test("a directory that is no tape is said so", async (t) => {
  await assert.rejects(openTape(join(scratch(t), "none")), { exitCode: 2, message: /there is no tape at/ });
});
