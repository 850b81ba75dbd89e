import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { FakeKalshi } from "../../test/fake-kalshi.ts";
import { FakeVenue } from "../../test/fake-venue.ts";
import { decisions, journalRecords } from "../../test/journal-records.ts";
import { journalConfig } from "../journal/config.ts";
import { kalshiConfig } from "../venues/kalshi/config.ts";
import { kalshiLive } from "../venues/kalshi/live.ts";
import { startCapture } from "./capture.ts";
import { recordConfig } from "./config.ts";
import type { Listener } from "./listener.ts";

const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });

function listener(name: string, series: string, more: Partial<Listener> = {}): Listener {
  return {
    name,
    venue: "kalshi",
    filters: { series_tickers: [series] },
    channels: ["book"],
    maxMarkets: 10,
    discoveryEvery: 3_600_000_000,
    ...more,
  };
}

async function capturing(t: TestContext, listeners: readonly Listener[]) {
  const dir = mkdtempSync(join(tmpdir(), "foretape-"));
  const venue = await FakeVenue.start(new FakeKalshi(["KXA-1-T1", "KXA-1-T2", "KXB-1-T1"]));
  const live = kalshiLive(
    kalshiConfig.parse({ rest_url: venue.url, ws_url: venue.wsUrl, key_id: "id", private_key: pem }),
  );
  const warnings: string[] = [];
  const capture = await startCapture({
    dir,
    name: "main",
    program: { name: "foretape", version: "0" },
    journal: journalConfig.parse(undefined),
    record: recordConfig.parse({ reconnect_min: "10ms" }),
    publicConfig: { first: true },
    venues: [{ id: "kalshi", live }],
    listeners,
    onWarning: (message) => warnings.push(message),
  });
  t.after(async () => {
    await capture.stop();
    await venue.stop();
    rmSync(dir, { recursive: true });
  });
  const finish = async () => {
    await capture.stop();
    return journalRecords(dir);
  };
  const said = () => venue.commands.map((command) => JSON.parse(command));
  const subscribed = () =>
    said().map(({ cmd, params }) => [params.channels?.[0] ?? params.action ?? cmd, ...(params.market_tickers ?? [])]);
  return { venue, capture, warnings, finish, subscribed };
}

test("a market that two listeners want is subscribed once, on the channels of both", async (t) => {
  const both = [listener("a", "KXA"), listener("b", "KXA", { channels: ["trades"], maxMarkets: 1 })];
  const { venue, finish, subscribed } = await capturing(t, both);
  await venue.until(() => venue.commands.length === 2);
  assert.deepEqual(subscribed().sort(), [
    ["orderbook_delta", "KXA-1-T1", "KXA-1-T2"],
    ["trade", "KXA-1-T1"],
  ]);
  assert.equal(venue.handshakes.length, 1);
  const listing = decisions(await finish(), "discovery").find(({ listener: name }) => name === "b");
  assert.deepEqual([listing?.["found"], listing?.["leftOut"]], [1, 1]);
});

test("listeners come, change and go; who did not change keeps its connection and what it knows", async (t) => {
  const { venue, capture, finish, subscribed } = await capturing(t, [listener("a", "KXA"), listener("b", "KXB")]);
  await venue.until(() => subscribed().flat().includes("KXA-1-T2") && subscribed().flat().includes("KXB-1-T1"));
  const requests = venue.requests.length;
  capture.listen([listener("a", "KXA"), listener("b", "KXA", { channels: ["trades"] })], { second: true });
  await venue.until(
    () => subscribed().some(([what]) => what === "trade") && subscribed().some(([what]) => what === "delete_markets"),
  );
  const listed = venue.requests.slice(requests).filter((url) => url.includes("/markets?"));
  assert.equal(listed.length, 1, "only the changed listener lists anew");
  capture.listen([listener("b", "KXA", { channels: ["trades"] })], { third: true });
  await venue.until(() => subscribed().some(([what]) => what === "unsubscribe"));
  const records = await finish();
  assert.equal(records.filter(({ kind }) => kind === "connected").length, 1);
  assert.deepEqual(
    records.filter(({ kind }) => kind === "config").map(({ text }) => text),
    ['{"first":true}', '{"second":true}', '{"third":true}'],
  );
  assert.deepEqual(
    decisions(records, "unsubscribe").map(({ listener: name, reason, markets }) => [name, reason, markets]),
    [
      ["b", "listener changed", ["KXB-1-T1"]],
      ["a", "listener removed", ["KXA-1-T1", "KXA-1-T2"]],
    ],
  );
});

test("a venue starts with its first listener, and a listener without markets is said", async (t) => {
  const { venue, capture, warnings, finish, subscribed } = await capturing(t, []);
  capture.listen([listener("none", "KXZZZ"), listener("a", "KXA")], {});
  await venue.until(() => subscribed().flat().includes("KXA-1-T2"));
  while (warnings.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, ["listener none: its filters match no market now; it goes on looking"]);
  await finish();
});
