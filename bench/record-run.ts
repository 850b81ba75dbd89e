import { type ChildProcess, fork, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { journalDir, listSegments } from "../src/journal/layout.ts";
import { readMark } from "../src/journal/mark.ts";
import { readManifest } from "../src/sinks/parquet/manifest.ts";
import { usage } from "./usage.ts";

/** The built package, as npm delivers it: `npm run bench` builds it first. */
const bin = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

export interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  readonly frames: number;
  /** Resolves with the instant (performance.now) when the first byte goes out. */
  first(): Promise<number>;
}

/** Starts the sender with its frames encoded. */
export async function startServer(markets: number, frames: number): Promise<Server> {
  const child = fork(fileURLToPath(new URL("./blast-server.ts", import.meta.url)), [String(markets), String(frames)], {
    execArgv: ["--max-old-space-size=8192"],
  });
  const listening = await next<{ port: number; frames: number }>(child, "listening");
  return { child, ...listening, first: async () => next(child, "first").then(() => performance.now()) };
}

function next<T>(child: ChildProcess, type: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const hear = (message: { type: string }): void => {
      if (message.type !== type) return;
      child.off("message", hear);
      resolve(message as T);
    };
    child.on("message", hear);
    child.once("exit", () => reject(new Error(`the sender ended before "${type}"`)));
  });
}

export interface RunResult {
  readonly frames: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMb?: number;
  /** Slowest and 99.9th percentile of write-to-durable, in milliseconds. */
  readonly tape?: string;
}

/** One run of the floor. */
export async function floorRun(server: Server): Promise<RunResult> {
  const child = spawn(process.execPath, [
    fileURLToPath(new URL("./floor.ts", import.meta.url)),
    `ws://127.0.0.1:${server.port}/floor`,
    String(server.frames),
  ]);
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  const { seconds, cpuSeconds } = JSON.parse(text) as { seconds: number; cpuSeconds: number };
  return { frames: server.frames, seconds, cpuSeconds };
}

/** One run of `foretape record` with everything on, from the first byte until the last row is in published Parquet. */
export async function recordRun(server: Server, markets: number, keep = false): Promise<RunResult> {
  const home = mkdtempSync(join(tmpdir(), "foretape-bench-"));
  const tape = join(home, "tape");
  const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(join(home, "key.pem"), key, { mode: 0o600 });
  const config = {
    tape,
    venues: {
      kalshi: {
        rest_url: `http://127.0.0.1:${server.port}/trade-api/v2`,
        ws_url: `ws://127.0.0.1:${server.port}/trade-api/ws/v2`,
        key_id: "bench",
        private_key_path: join(home, "key.pem"),
      },
    },
    listeners: [
      {
        name: "bench",
        venue: "kalshi",
        filters: { series_tickers: ["KXBTC15M"] },
        max_markets: markets,
        channels: ["book", "trades", "ticker", "lifecycle"],
      },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(home, "foretape.yaml"), JSON.stringify(config));
  const first = server.first();
  const child = spawn(process.execPath, [bin, "record", "--config", join(home, "foretape.yaml")], {
    cwd: home,
    stdio: ["ignore", "ignore", process.env["BENCH_LOG"] === undefined ? "ignore" : "inherit"],
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    const start = await Promise.race([
      first,
      exited.then((code) => {
        throw new Error(`record ended with ${code} before the first frame`);
      }),
    ]);
    const before = usage(child.pid ?? 0);
    let peakMb = 0;
    let cpu = before.cpuSeconds;
    const dir = journalDir(tape, "main");
    for (let look = 0; ; look++) {
      await sleep(50);
      // Counting shared pages stops the process that is looked at: seldom enough not to be seen in the figures.
      if (look % 10 === 0) {
        const now = usage(child.pid ?? 0);
        peakMb = Math.max(peakMb, now.mb);
        cpu = Math.max(cpu, now.cpuSeconds);
        if (process.env["BENCH_LOG"] !== undefined) console.error(now);
      }
      if (child.exitCode !== null) throw new Error(`record ended with ${child.exitCode}`);
      if (caughtUp(tape, dir, server.frames)) break;
    }
    cpu = Math.max(cpu, usage(child.pid ?? 0).cpuSeconds);
    child.kill("SIGINT");
    const code = await exited;
    if (code !== 0) throw new Error(`record ended with ${code}`);
    const manifest = readManifest(tape, "main");
    const entries = [...(manifest?.entries.values() ?? [])];
    const last = Math.max(...entries.map(({ publishedAt }) => publishedAt));
    const rows = entries
      .flatMap(({ files }) => files)
      .filter(({ table }) => table === "orderbook_deltas")
      .reduce((sum, file) => sum + file.rows, 0);
    if (rows !== server.frames - markets)
      throw new Error(`${rows} deltas in the tables, ${server.frames - markets} were sent`);
    const seconds = (last / 1000 - performance.timeOrigin - start) / 1000;
    return { frames: server.frames, seconds, cpuSeconds: cpu - before.cpuSeconds, peakMb, ...(keep ? { tape } : {}) };
  } finally {
    child.kill("SIGKILL");
    if (!keep) rmSync(home, { recursive: true, force: true });
  }
}

/** Every frame is durable, and every segment but the open one is in the tables: what is left is less than a segment. */
function caughtUp(tape: string, dir: string, frames: number): boolean {
  const mark = readMark(dir);
  if (mark === null || mark.frame < frames) return false;
  const manifest = readManifest(tape, "main");
  return listSegments(dir).every(({ segment }) => segment >= mark.segment || manifest?.entries.has(segment) === true);
}

/** Bytes of all files below a directory. */
export function bytesBelow(dir: string, suffix: string): number {
  if (!existsSync(dir)) return 0;
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
