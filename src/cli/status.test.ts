import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FakePolymarket } from "../../test/fake-polymarket.ts";
import { FakeVenue } from "../../test/fake-venue.ts";

const BIN = join(import.meta.dirname, "../../bin/foretape.js");

test(
  "status: of none, of a running recorder, of one that was killed; coverage of it",
  { timeout: 60_000 },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "foretape-"));
    const market = `0x${"a".repeat(64)}`;
    const venue = await FakeVenue.start(new FakePolymarket([{ market, tokens: ["11", "12"] }]));
    let recorder: ChildProcess | null = null;
    t.after(async () => {
      recorder?.kill("SIGKILL");
      await venue.stop();
      rmSync(dir, { recursive: true, force: true });
    });
    writeFileSync(
      join(dir, "foretape.yaml"),
      JSON.stringify({
        venues: { polymarket: { gamma_url: venue.url, ws_url: venue.wsUrl } },
        listeners: [{ name: "p", venue: "polymarket", rest_poll: "off" }],
      }),
    );
    // The venue answers from this process: only what does not need it may be waited for.
    const run = (...args: string[]) => spawnSync(process.execPath, [BIN, ...args], { cwd: dir, encoding: "utf8" });
    assert.match(run("status").stderr, /there is no tape/);
    recorder = spawn(process.execPath, [BIN, "record"], { cwd: dir, stdio: "ignore" });
    const path = join(dir, "tape/state/main/status.json");
    const seen = async (when: (status: { streams: { frames: number }[] }) => boolean): Promise<void> => {
      for (;;) {
        try {
          if (when(JSON.parse(readFileSync(path, "utf8")))) return;
        } catch (error) {
          assert.equal((error as NodeJS.ErrnoException).code, "ENOENT", String(error));
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await seen(({ streams }) => (streams[0]?.frames ?? 0) > 0);
    const healthy = run("status");
    assert.equal(healthy.status, 0, healthy.stdout);
    assert.match(healthy.stdout, /^main {2}healthy {2}recording/);
    assert.match(healthy.stdout, /polymarket market\/0: connected/);
    assert.match(healthy.stdout, /subscribed polymarket market: 2 wanted, 2 granted, 2 observed/);
    assert.match(healthy.stdout, /requests {3}polymarket \S+: \d+ made, 0 refused/);
    const died = new Promise((resolve) => recorder?.once("exit", resolve));
    recorder.kill("SIGKILL");
    await died;
    // Its children stop by themselves; the status grows old.
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/"at":\d+,"capture"/, `"at":${(Date.now() - 3_600_000) * 1000},"capture"`));
    const dead = run("status", "--json");
    assert.equal(dead.status, 1);
    const { healthy: isHealthy, problems } = JSON.parse(dead.stdout) as { healthy: boolean; problems: string[] };
    assert.equal(isHealthy, false);
    assert.match(problems[0] ?? "", /^(?:dead: nothing heard|hangs: .*wrote no status) for 60 min/);
    assert.match(run("status", "--recorder", "other").stderr, /no recorder "other" has run/);

    const rows = JSON.parse(run("coverage", "--json").stdout) as {
      market_id: string;
      channel: string;
      state: string;
    }[];
    assert.deepEqual(
      rows.filter(({ channel }) => channel === "book").map(({ market_id, state }) => [market_id, state])[0],
      [market, "observed"],
    );
    const picture = run("coverage", "--format", "picture").stdout;
    assert.match(picture, /a character is 1 min\n█ observed/);
    const required = run("coverage", "--require", "--from", "2020-01-01T00:00:00Z", "--market", market);
    assert.equal(required.status, 1);
    assert.match(required.stdout, /not subscribed 2020-01-01/);
    assert.equal(run("coverage", "--every", "1ms").status, 2);
  },
);
