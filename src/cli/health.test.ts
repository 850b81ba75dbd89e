import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsOf } from "./health.ts";
import type { RecorderStatus } from "./status-file.ts";
import { statusLines } from "./status-text.ts";

const SECOND = 1_000_000;
const NOW = 1_795_000_000 * SECOND;
const heard = { pid: 2, restarts: 0, heardAt: NOW - SECOND };
const stream = {
  venue: "kalshi",
  stream: "market/0",
  connected: true,
  since: NOW - 600 * SECOND,
  epoch: 3,
  frames: 5000,
  dataAt: NOW - SECOND,
  markets: 4,
  framesPerSecond: 12.5,
};
const healthy: RecorderStatus = {
  schema: 1,
  recorder: "main",
  state: "recording",
  pid: 1,
  startedAt: NOW - 3600 * SECOND,
  at: NOW - SECOND,
  capture: heard,
  project: heard,
  frames: 1_234_567,
  framesPerSecond: 1234.5,
  markets: 4,
  reconnects: 0,
  openGaps: 0,
  streams: [stream],
  subscriptions: [],
  budgets: [
    { venue: "kalshi", limit: "host/read", perSecond: 50, factor: 0.5, requests: 1_234, refused: 3 },
    { venue: "polymarket", limit: "host/all", perSecond: 132, factor: 1, requests: 12, refused: 0 },
  ],
  feeds: [{ venue: "kalshi", channel: "book", medianMs: 42, p99Ms: 12_000, messages: 9 }],
  sinks: [{ id: "parquet", frame: 10, behind: 0 }],
  journal: { segment: 2, durableFrame: 10, slowestCommitMs: 9, paused: false, diskFreeBytes: 5e10 },
  stallAfter: 45 * SECOND,
  warnings: [],
};

test("health is what was measured last, not that a process is there", () => {
  const problems = (change: Partial<RecorderStatus>, locked = true) =>
    problemsOf({ ...healthy, ...change }, NOW, locked);
  assert.deepEqual(problems({}), []);
  assert.match(problems({ at: NOW - 60 * SECOND }, false)[0] ?? "", /^dead: nothing heard for 60 s/);
  assert.match(problems({ at: NOW - 60 * SECOND })[0] ?? "", /^hangs: .*no status for 60 s/);
  assert.match(problems({ state: "stopped" }, false)[0] ?? "", /^stopped/);
  assert.match(
    problems({ capture: { ...heard, heardAt: NOW - 30 * SECOND } })[0] ?? "",
    /capturing process is silent for 30 s/,
  );
  assert.match(
    problems({ project: { ...heard, heardAt: NOW - 180 * SECOND } })[0] ?? "",
    /projecting process is silent for 3 min/,
  );
  const away = { ...stream, connected: false, since: NOW - 20 * SECOND };
  assert.match(problems({ streams: [away] })[0] ?? "", /kalshi market\/0 is not connected for 20 s/);
  assert.deepEqual(problems({ streams: [{ ...away, since: NOW - 5 * SECOND }] }), [], "a reconnection is no illness");
  const silent = { ...stream, dataAt: NOW - 400 * SECOND };
  assert.match(problems({ streams: [silent] })[0] ?? "", /has sent no data for 7 min/);
  assert.match(problems({ streams: [], markets: 0 })[0] ?? "", /no market/);
  assert.match(problems({ journal: { ...healthy.journal, diskFreeBytes: 5e8 } })[0] ?? "", /less than 1 GB/);
  assert.match(
    problems({ sinks: [{ id: "sqlite", frame: 1, behind: 2e6 }] })[0] ?? "",
    /sqlite is 2000000 frames behind/,
  );
});

test("the status for people", () => {
  const lines = statusLines(healthy, ["something"], NOW, { color: false });
  const text = lines.join("\n");
  assert.match(text, /^main {2}not healthy {2}recording for 60 min/);
  assert.match(text, /1,234\.5 frames\/s {2}1,234,567 frames {2}4 markets {2}1\/1 connections/);
  assert.match(text, /kalshi book: median 42 ms, p99 12 s/);
  assert.match(text, /requests {3}kalshi host\/read: 1,234 made, 3 refused, 50 tokens\/s, 50 % of our share/);
  assert.match(text, /requests {3}polymarket host\/all: 12 made, 0 refused, 132 tokens\/s$/m);
  assert.ok(!text.includes("\u001b"));
  const many = Array.from({ length: 40 }, (_, i) => ({ ...stream, stream: `market/${i}`, connected: i !== 30 }));
  const shown = statusLines({ ...healthy, streams: many }, [], NOW, { color: true }).filter((line) =>
    line.startsWith("stream"),
  );
  assert.match(shown[0] ?? "", /market\/30: not connected/, "what needs a look comes first");
  assert.equal(shown.length, 12);
});
