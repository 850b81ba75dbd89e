import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { journalConfig } from "../journal/config.ts";
import { journalDir } from "../journal/layout.ts";
import { Kind, type Closed, type Connected } from "../journal/record.ts";
import { type JournalWriter, openJournal } from "../journal/writer.ts";
import { Projector } from "../project/projector.ts";
import { ParquetSink } from "../sinks/parquet/parquet-sink.ts";
import { venues } from "../venues/index.ts";
import { TapeQuery } from "./query.ts";
import { cellText } from "./result-text.ts";

/** An empty directory that goes with the test. */
export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-tape-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A journal that is being written, as `record` writes it. */
export function openTestJournal(
  tape: string,
  name = "main",
  config: { segment?: number } = {},
): Promise<JournalWriter> {
  return openJournal({
    dir: journalDir(tape, name),
    name,
    source: "live",
    config: journalConfig.parse(config),
    publicConfig: {},
    program: { name: "foretape", version: "0" },
    connections: () => [],
    onError: (error) => {
      throw error;
    },
  });
}

/** One Kalshi connection with a book of one market. */
export class KalshiScript {
  readonly #journal: JournalWriter;
  readonly #epoch: number;
  readonly #market: string;
  #seq = 0;

  constructor(journal: JournalWriter, market = "T") {
    this.#journal = journal;
    this.#market = market;
    this.#epoch = journal.nextEpoch();
    const connected: Connected = { venue: "kalshi", stream: "market/0", url: "wss://test", format: "kalshi-ws-v2" };
    journal.append(Kind.connected, this.#epoch, JSON.stringify(connected));
    this.#send({ id: 1, type: "subscribed", msg: { channel: "orderbook_delta", sid: 1 } });
    this.#send({ id: 2, type: "subscribed", msg: { channel: "ticker", sid: 2 } });
  }

  snapshot(yes: readonly [string, string][], no: readonly [string, string][] = []): void {
    const msg = { market_ticker: this.#market, market_id: "m", yes_dollars_fp: yes, no_dollars_fp: no };
    this.#send({ type: "orderbook_snapshot", sid: 1, seq: ++this.#seq, msg });
  }

  delta(price: string, change: string, side: "yes" | "no" = "yes"): number {
    const msg = {
      market_ticker: this.#market,
      market_id: "m",
      price_dollars: price,
      delta_fp: change,
      side,
      ts_ms: 1_778_733_491_000,
    };
    return this.#send({ type: "orderbook_delta", sid: 1, seq: ++this.#seq, msg });
  }

  skip(): void {
    this.#seq++;
  }

  raw(text: string): number {
    return this.#journal.received(this.#epoch, Buffer.from(text));
  }

  close(by: Closed["by"] = "stopped"): void {
    this.#journal.append(Kind.closed, this.#epoch, JSON.stringify({ by } satisfies Closed));
  }

  #send(frame: object): number {
    return this.raw(JSON.stringify(frame));
  }
}

/** Journal → table files, up to its end. */
export async function project(tape: string, name = "main"): Promise<void> {
  await using projector = await Projector.open({
    tape,
    name,
    venues,
    sinks: () => [new ParquetSink({ tape })],
  });
  await projector?.run({ follow: false, signal: new AbortController().signal });
}

/** Rows of a query as text. */
export async function query(tape: string, sql: string): Promise<string[][]> {
  await using running = await TapeQuery.run({ tape, sql, signal: new AbortController().signal });
  const rows: string[][] = [];
  for await (const chunk of running.chunks()) rows.push(...chunk.map((row) => row.map(cellText)));
  return rows;
}
