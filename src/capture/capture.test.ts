import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { journalConfig } from "../journal/config.ts";
import { kalshiConfig } from "../venues/kalshi/config.ts";
import { kalshiLive } from "../venues/kalshi/live.ts";
import { polymarketConfig } from "../venues/polymarket/config.ts";
import { polymarketLive } from "../venues/polymarket/live.ts";
import { startCapture } from "./capture.ts";
import { recordConfig } from "./config.ts";
import { FakeVenue } from "../../test/fake-venue.ts";
import { FakeKalshi } from "../../test/fake-kalshi.ts";
import { FakePolymarket } from "../../test/fake-polymarket.ts";
import { journalRecords } from "../../test/journal-records.ts";
import type { Listener } from "./listener.ts";

test("first slice", async () => {
  const kalshi = await FakeVenue.start(new FakeKalshi(["KXA-1", "KXA-2"]));
  const polymarket = await FakeVenue.start(new FakePolymarket([{market: "0xaa", tokens: ["1", "2"]}]));
  const dir = mkdtempSync(join(tmpdir(), "foretape-"));
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const listeners: Listener[] = ["kalshi", "polymarket"].map((venue) => ({
    name: venue, venue, filters: {}, channels: ["book", "trades", "ticker", "lifecycle"], maxMarkets: 10, discoveryEvery: 1e9,
  }));
  const capture = await startCapture({
    dir, name: "main", program: { name: "foretape", version: "0" }, journal: journalConfig.parse(undefined),
    record: recordConfig.parse(undefined), publicConfig: {}, listeners,
    venues: [
      { id: "kalshi", live: kalshiLive(kalshiConfig.parse({ rest_url: kalshi.url, ws_url: kalshi.wsUrl, key_id: "k", private_key: pem })) },
      { id: "polymarket", live: polymarketLive(polymarketConfig.parse({ gamma_url: polymarket.url, ws_url: polymarket.wsUrl })) },
    ],
    onWarning: (message) => { throw new Error(message); },
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await capture.stop();
  for (const record of journalRecords(dir)) console.log(record.frame, record.kind, record.epoch, record.text.slice(0, 170));
  await kalshi.stop(); await polymarket.stop();
  rmSync(dir, { recursive: true });
  assert.ok(true);
});
