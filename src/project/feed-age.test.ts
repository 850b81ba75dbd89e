import assert from "node:assert/strict";
import { test } from "node:test";
import { Instruments } from "../model/instrument.ts";
import type { BookDelta } from "../model/events.ts";
import { FeedAges } from "./feed-age.ts";

const SECOND = 1_000_000;
const START = 1_795_000_000 * SECOND;

test("median and 99th percentile of the last minute, by venue and channel, to within a tenth", () => {
  const ages = new FeedAges();
  const instrument = new Instruments().get("kalshi", "T", "yes");
  const delta = (ts: number | null): BookDelta => ({
    type: "book_delta",
    instrument,
    ts,
    seq: null,
    epoch: 1,
    sid: null,
    side: "bid",
    price: 1,
    size: 1,
    change: null,
    venueHash: null,
  });
  for (let i = 0; i < 1000; i++) {
    const at = START + i * 50_000;
    // 1 ms, 2 ms … 1000 ms, in no order.
    ages.see(delta(at - (((i * 7) % 1000) + 1) * 1000), at);
  }
  ages.see(delta(null), START);
  const now = START + 50 * SECOND;
  const [kalshi, ...others] = ages.report(now);
  assert.deepEqual(others, []);
  assert.equal(kalshi?.channel, "book");
  assert.equal(kalshi.messages, 1000);
  assert.ok(Math.abs(kalshi.medianMs - 500) < 50, `${kalshi.medianMs}`);
  assert.ok(Math.abs(kalshi.p99Ms - 990) < 99, `${kalshi.p99Ms}`);
  // A venue whose clock is ahead of ours: no age below 0.
  ages.see(delta(now + SECOND), now);
  assert.deepEqual(ages.report(START + 200 * SECOND), [], "what is older than a minute is forgotten");
});
