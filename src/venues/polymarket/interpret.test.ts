import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { interpretation, lines, shared } from "./interpretation.fixture.ts";

test("every hash of the subscribed token of a live session verifies", (t) => {
  if (!existsSync(shared)) return t.skip("…/shared/fixtures is not beside the project");
  const { interpreter, events, frame, http } = interpretation();
  for (const market of lines(new URL("gamma/markets_mixed_2026-07-20.jsonl", shared))) {
    http("https://gamma-api.polymarket.com/markets?id=1", `[${market}]`);
  }
  interpreter.connected(1, connected, 1);
  const frames = lines(new URL("ws/ws_frames_fed_2026-07-20.jsonl", shared));
  assert.equal(frames.length, 27);
  for (const text of frames) frame(1, text);
  const { checked, matched, tokens } = interpreter.hashAgreement();
  assert.deepEqual({ checked, matched, tokens: tokens.size }, { checked: 26, matched: 26, tokens: 1 });
  assert.equal(events.filter(({ type }) => type === "book_snapshot").length, 2);
  assert.equal(events.filter(({ type }) => type === "book_delta").length, 48);
  assert.equal(events.filter(({ type }) => type === "trade").length, 1);
  assert.equal(events.filter(({ type }) => type === "quarantine").length, 0);
});
const connected = { venue: "polymarket", stream: "market/0", url: "wss://x", format: "polymarket-market" } as const;
void readdirSync; void readFileSync;
