import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Exchange, startExchange } from "../../src/exchange/exchange.ts";
import type { ExchangeOptions } from "../../src/exchange/options.ts";
import { countConnections, type GroundTruth, readTruth } from "./truth.ts";

/** What a check wants recorded, and how. Durations and sizes as the configuration file writes them. */
export interface Recording {
  readonly tape: string;
  readonly recorder?: string;
  /** Share of Kalshi's request budget; all of it without. */
  readonly rateShare?: number;
  /** How often markets are looked for. */
  readonly discoveryEvery?: string;
  /** Coinbase too. */
  readonly coinbase?: boolean;
  /** A SQLite database beside the Parquet files. */
  readonly sqlite?: string;
  readonly journal?: { readonly segment?: string; readonly segment_every?: string; readonly sync_every?: string };
  readonly record?: {
    readonly stall_after?: string;
    readonly reconnect_min?: string;
    readonly reconnect_max?: string;
    readonly http_timeout?: string;
  };
}

/** The built-in exchange with its ground truth, and recordings of it in one directory. */
export class Stage implements AsyncDisposable {
  readonly exchange: Exchange;
  readonly dir: string;
  readonly #truth: string;
  #configs = 0;

  private constructor(exchange: Exchange, dir: string, truth: string) {
    this.exchange = exchange;
    this.dir = dir;
    this.#truth = truth;
  }

  static async set(dir: string, options: Partial<ExchangeOptions> & { readonly seed: string }): Promise<Stage> {
    mkdirSync(dir, { recursive: true });
    const truth = join(dir, "truth.jsonl");
    const exchange = await startExchange({ keyType: "ed25519", ...options, truth });
    writeFileSync(join(dir, "key.pem"), exchange.kalshi.private_key, { mode: 0o600 });
    return new Stage(exchange, dir, truth);
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Arguments of `foretape` commands for a recording of everything on the exchange. */
  configure(recording: Recording): readonly string[] {
    const { private_key: _, ...kalshi } = this.exchange.kalshi;
    const everything = { filters: {}, discovery_every: recording.discoveryEvery ?? "2s" };
    const config = {
      tape: recording.tape,
      recorder: recording.recorder ?? "main",
      venues: {
        kalshi: { ...kalshi, private_key_path: this.path("key.pem"), rate_share: recording.rateShare ?? 1 },
        polymarket: this.exchange.polymarket,
        // Its products are recorded without a listener too. Heartbeats come once a second.
        ...(recording.coinbase === true
          ? { coinbase: { ...this.exchange.coinbase("advanced"), products: ["BTC-USD", "ETH-USD"], stale_after: "1s" } }
          : {}),
      },
      listeners: ["kalshi", "polymarket", ...(recording.coinbase === true ? ["coinbase"] : [])].map((venue) => ({
        name: venue,
        venue,
        ...everything,
        ...(venue === "coinbase" ? { channels: ["ticker", "trades"] } : {}),
      })),
      sinks: recording.sqlite === undefined ? [] : [{ type: "sqlite", path: recording.sqlite, tables: "all" }],
      journal: { segment: "2MB", segment_every: "5s", ...recording.journal },
      record: { stall_after: "4s", reconnect_min: "100ms", reconnect_max: "1s", ...recording.record },
    };
    const file = this.path(`foretape-${++this.#configs}.yaml`);
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(config, null, 2));
    return ["--config", file];
  }

  /** What the exchange did. Stop the exchange first to have all of it. */
  truth(): GroundTruth {
    return readTruth(this.#truth);
  }

  /** How many connections the exchange took. Stop the exchange first to have all of them. */
  connections(): number {
    return countConnections(this.#truth);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exchange[Symbol.asyncDispose]();
  }
}
