import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startExchange } from "../src/exchange/exchange.ts";

const bin = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** Four questions of an analyst, each over every row of its table. */
const QUERIES = [
  "SELECT market_id, date_trunc('minute', received_at) AS minute, count(*), sum(abs(change)), max(price), min(price) FROM orderbook_deltas GROUP BY ALL ORDER BY ALL",
  "SELECT side, round(price, 2) AS price, count(*), avg(size), stddev(size) FROM orderbook_deltas GROUP BY ALL ORDER BY ALL",
  "SELECT market_id, approx_quantile(best_ask - best_bid, 0.5), count(*) FROM orderbook_snapshots GROUP BY ALL ORDER BY ALL",
  "SELECT market_id, count(*), max(received_at - lag) FROM (SELECT market_id, received_at, lag(received_at) OVER (PARTITION BY market_id ORDER BY frame, n) AS lag FROM orderbook_deltas) GROUP BY ALL ORDER BY ALL",
] as const;

export interface CommitResult {
  readonly frames: number;
  readonly queries: number;
  /** Write to durable, milliseconds. */
  readonly p50: number;
  readonly p999: number;
  readonly worst: number;
}

/**
 * Records the built-in exchange into a tape that holds `tape`'s millions of rows too, while four analytical queries run
 * against it without pause; how long after its write each frame became durable, as the recorder itself reports it.
 */
export async function commitRun(tape: string, seconds: number): Promise<CommitResult> {
  const home = mkdtempSync(join(tmpdir(), "foretape-bench-"));
  await using exchange = await startExchange({ rate: 2000, markets: 60 });
  const { private_key, ...kalshi } = exchange.kalshi;
  writeFileSync(join(home, "key.pem"), private_key, { mode: 0o600 });
  const config = {
    tape,
    recorder: "commit",
    venues: { kalshi: { ...kalshi, private_key_path: join(home, "key.pem") }, polymarket: exchange.polymarket },
    listeners: [
      { name: "k", venue: "kalshi", filters: {} },
      { name: "p", venue: "polymarket", filters: {} },
    ],
  };
  writeFileSync(join(home, "foretape.yaml"), JSON.stringify(config));
  const recorder = spawn(process.execPath, [bin, "record", "--config", join(home, "foretape.yaml")], {
    cwd: home,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    env: { ...process.env, FORETAPE_TEST_REPORT_FD: "3" },
  });
  const waiting: { frame: number; at: number }[] = [];
  const took: number[] = [];
  let durable = 0;
  createInterface({ input: recorder.stdio[3] as Readable }).on("line", (line) => {
    const [word, number] = line.split(" ");
    const frame = Number(number);
    const now = performance.now();
    if (word === "written") waiting.push({ frame, at: now });
    else {
      const before = durable;
      durable = Math.max(durable, frame);
      // A write holds many frames; each waited as long as its write.
      while (waiting[0] !== undefined && waiting[0].frame <= durable) {
        const written = waiting.shift();
        if (written !== undefined && written.frame > before) took.push(now - written.at);
      }
    }
  });
  const stop = new AbortController();
  let queries = 0;
  const ask = async (sql: string): Promise<void> => {
    while (!stop.signal.aborted) {
      const child = spawn(process.execPath, [bin, "query", "--tape", tape, "--format", "csv", sql], {
        stdio: "ignore",
      });
      const end = (): void => void child.kill("SIGKILL");
      stop.signal.addEventListener("abort", end, { once: true });
      const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
      stop.signal.removeEventListener("abort", end);
      if (code === 0) queries++;
      else if (!stop.signal.aborted) throw new Error(`a query ended with ${code}`);
    }
  };
  try {
    const asking = Promise.all(QUERIES.map(ask));
    await Promise.race([sleep(seconds * 1000), asking]);
    stop.abort();
    await asking;
  } finally {
    recorder.kill("SIGINT");
    await new Promise((resolve) => recorder.once("exit", resolve));
    rmSync(home, { recursive: true, force: true });
  }
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN;
  return { frames: durable, queries, p50: at(0.5), p999: at(0.999), worst: at(1) };
}
