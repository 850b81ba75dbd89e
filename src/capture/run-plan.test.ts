import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FakeVenue } from "../../test/fake-venue.ts";
import { exchange } from "../net/http.ts";
import { FetchError } from "../ops/errors.ts";
import { KalshiPoller } from "../venues/kalshi/poll.ts";
import { SimplePlan } from "../venues/planned-requests.ts";
import type { HttpRequest, WantedMarket } from "../venues/venue.ts";
import { Pace, runPlan } from "./run-plan.ts";

type Answer = { readonly status: number; readonly body: string; readonly headers?: Record<string, string> } | object;

/** A venue that gives these answers in order, the last one for ever, and what it takes to run plans against it. */
async function venueOf(t: TestContext, answers: readonly Answer[]) {
  let served = 0;
  const venue = await FakeVenue.start({ get: () => answers[Math.min(served++, answers.length - 1)] ?? {} });
  t.after(() => venue.stop());
  const fetcher = {
    async fetch({ method, url, body }: HttpRequest, signal: AbortSignal) {
      const answer = await exchange({ method, url, body, timeoutMs: 5_000, maxBytes: 1e6, signal });
      return { ...answer, body: answer.body.toString(), costMs: 0 };
    },
  };
  const config = { reconnect_min: 1_000, reconnect_max: 4_000 };
  return { venue, options: { fetcher, config, pace: new Pace(1) }, signal: new AbortController().signal };
}

const WANTED: WantedMarket = {
  venue: "kalshi",
  market: "A",
  outcomes: ["yes"],
  listener: "all",
  channels: ["book", "trades", "ticker"],
  closeAt: null,
};

test("what cannot be used is asked for again: 429, 425, 5xx, HTML, the wrong shape", async (t) => {
  const { venue, options, signal } = await venueOf(t, [
    { status: 429, body: '{"error":"too many requests"}' },
    { status: 425, body: "" },
    { status: 200, body: "<html>maintenance</html>" },
    { items: [1] },
    { status: 503, body: "" },
    { status: 200, body: '{"markets":{}}' },
    { markets: [] },
  ]);
  const seen: unknown[] = [];
  const plan = new SimplePlan(venue.url, function* () {
    seen.push(yield { path: "/first", purpose: "test" });
    seen.push(yield { path: "/second", purpose: "test", list: "markets" });
  });
  await runPlan(plan, options, signal);
  assert.deepEqual(seen, [{ items: [1] }, { markets: [] }]);
  assert.deepEqual(
    venue.requests.map((url) => url.slice(1)),
    ["first", "first", "first", "first", "second", "second", "second"],
  );
});

test("a venue that goes on failing ends the plan with a typed error after four attempts, a refusal at once", async (t) => {
  const { venue, options, signal } = await venueOf(t, [{ status: 502, body: "bad gateway" }]);
  const ask = (path: string) =>
    new SimplePlan(venue.url, function* () {
      yield { path, purpose: "test" };
    });
  const failed = (status: number) => (error: unknown) => error instanceof FetchError && error.status === status;
  await assert.rejects(runPlan(ask("/x"), options, signal), failed(502));
  assert.equal(venue.requests.length, 4);
  const other = await venueOf(t, [{ status: 400, body: "bad request" }]);
  const refused = new SimplePlan(other.venue.url, function* () {
    yield { path: "/x", purpose: "test" };
  });
  await assert.rejects(runPlan(refused, other.options, signal), failed(400));
  assert.equal(other.venue.requests.length, 1);
});

test("plans of one pace keep to their share together", async (t) => {
  const { venue, options, signal } = await venueOf(t, [{}]);
  const fetcher = {
    fetch: async (request: HttpRequest) => ({ ...(await options.fetcher.fetch(request, signal)), costMs: 20 }),
  };
  const three = () =>
    new SimplePlan(venue.url, function* () {
      for (let i = 0; i < 3; i++) yield { path: "/x", purpose: "test" };
    });
  const paced = { ...options, fetcher, pace: new Pace(0.5) };
  const from = performance.now();
  await runPlan(three(), paced, signal);
  await runPlan(three(), paced, signal);
  assert.ok(performance.now() - from >= 190, "six requests of 20 ms at half the budget: five waits of 40 ms");
});

test("a cursor that leads nowhere ends a poll of trades, and that is said", async (t) => {
  const trades = [{ ticker: "A", created_time: "2026-11-21T10:00:00Z" }];
  const { venue, options, signal } = await venueOf(t, [
    { markets: [{ ticker: "A", volume_fp: "5.00" }] },
    { orderbooks: [] },
    { trades, cursor: "same" },
  ]);
  const poller = new KalshiPoller(venue.url);
  const plan = poller.plan([WANTED], 0, 1);
  await runPlan(plan, options, signal);
  assert.equal(venue.requests.length, 4, "the first page, the same again, and no more");
  assert.deepEqual(plan.incomplete, ["A"]);
});

test("trades are asked for only where the volume changed, from where they were read last", async (t) => {
  const { venue, options, signal } = await venueOf(t, [
    { markets: [{ ticker: "A", volume_fp: "5.00" }] },
    { orderbooks: [] },
    { trades: [], cursor: "" },
    { markets: [{ ticker: "A", volume_fp: "5.00" }] },
    { orderbooks: [] },
    { markets: [{ ticker: "A", volume_fp: "6.00" }] },
    { orderbooks: [] },
    { trades: [], cursor: "" },
  ]);
  const poller = new KalshiPoller(venue.url);
  const minute = 60_000_000;
  for (const now of [10, 11, 12]) await runPlan(poller.plan([WANTED], 8 * minute, now * minute), options, signal);
  const since = venue.requests
    .filter((url) => url.startsWith("/markets/trades"))
    .map((url) => /min_ts=(\d+)/.exec(url)?.[1]);
  assert.deepEqual(since, ["480", "585"], "8 minutes, then fifteen seconds before the tenth");
});
