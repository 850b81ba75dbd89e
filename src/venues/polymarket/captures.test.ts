import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { interpretation, lines, shared } from "./interpretation.fixture.ts";
import type { MarketEvent } from "../../model/events.ts";

const ABSENT = "…/shared/fixtures is not beside the project";
const absent = !existsSync(shared);

function count(events: readonly MarketEvent[], type: MarketEvent["type"]): number {
  return events.filter((event) => event.type === type).length;
}

test("every hash of the subscribed token of a live session verifies", (t) => {
  if (absent) return t.skip(ABSENT);
  const { interpreter, events, frame, http, open } = interpretation();
  const markets = lines(new URL("gamma/markets_mixed_2026-07-20.jsonl", shared));
  http("https://gamma-api.polymarket.com/markets?limit=21", `[${markets.join(",")}]`);
  open(1);
  const frames = lines(new URL("ws/ws_frames_fed_2026-07-20.jsonl", shared));
  assert.equal(frames.length, 27);
  for (const text of frames) frame(1, text);
  const { checked, matched, tokens } = interpreter.hashAgreement();
  assert.deepEqual({ checked, matched, tokens: tokens.size }, { checked: 26, matched: 26, tokens: 1 });
  assert.equal(count(events, "book_snapshot"), 2);
  assert.equal(count(events, "book_delta"), 48);
  assert.equal(count(events, "top_of_book"), 48);
  assert.equal(count(events, "trade"), 1);
  assert.equal(count(events, "quarantine"), 0);
});

test("a change that never arrived shows in the hashes", (t) => {
  if (absent) return t.skip(ABSENT);
  const { interpreter, frame, http, open } = interpretation();
  const markets = lines(new URL("gamma/markets_mixed_2026-07-20.jsonl", shared));
  http("https://gamma-api.polymarket.com/markets", `[${markets.join(",")}]`);
  open(1);
  for (const [index, text] of lines(new URL("ws/ws_frames_fed_2026-07-20.jsonl", shared)).entries()) {
    if (index !== 5) frame(1, text);
  }
  const { checked, matched } = interpreter.hashAgreement();
  assert.equal(checked, 25);
  assert.ok(matched < checked);
});

test("every captured frame gives events, none is quarantined", (t) => {
  if (absent) return t.skip(ABSENT);
  for (const file of readdirSync(new URL("ws/", shared))) {
    const url = new URL(`ws/${file}`, shared);
    const frames = file.endsWith(".jsonl") ? lines(url) : [readFileSync(url, "utf8")];
    for (const text of frames) {
      const { payload } = JSON.parse(text) as { payload?: unknown };
      const events = interpretation().frame(1, payload ?? text);
      assert.ok(events.length > 0, `${file}: a frame without events`);
      assert.equal(count(events, "quarantine"), 0, file);
    }
  }
});

test("every captured REST answer is read whole", (t) => {
  if (absent) return t.skip(ABSENT);
  const routes: readonly (readonly [folder: string, name: RegExp, url: string])[] = [
    ["rest", /^clob_books?_/, "https://clob.polymarket.com/books"],
    ["rest", /^clob_markets?_compact/, "https://clob.polymarket.com/clob-markets/0x"],
    ["rest", /^nautilus_clob_market/, "https://clob.polymarket.com/markets/0x"],
    ["gamma", /market/, "https://gamma-api.polymarket.com/markets"],
    ["gamma", /^event_|^public_search/, "https://gamma-api.polymarket.com/events"],
    ["data-api", /^trades/, "https://data-api.polymarket.com/trades"],
  ];
  for (const [folder, name, route] of routes) {
    const files = readdirSync(new URL(`${folder}/`, shared)).filter((file) => name.test(file));
    assert.ok(files.length > 0);
    for (const file of files) {
      const url = new URL(`${folder}/${file}`, shared);
      const objects = file.endsWith(".jsonl")
        ? lines(url).map((line) => JSON.parse(line) as Record<string, unknown>)
        : [JSON.parse(readFileSync(url, "utf8")) as unknown].flat();
      for (const object of objects) {
        const { raw } = object as { raw?: unknown };
        const events = interpretation().http(route, JSON.stringify(folder === "data-api" ? [object] : (raw ?? object)));
        assert.ok(events.length > 0, `${file}: an answer without events`);
        assert.equal(count(events, "quarantine"), 0, file);
      }
    }
  }
});
