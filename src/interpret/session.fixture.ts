import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { scanRecords, FILE_HEADER_BYTES } from "../journal/codec.ts";
import { journalConfig } from "../journal/config.ts";
import { journalDir, listSegments } from "../journal/layout.ts";
import { loadSegment } from "../journal/reader.ts";
import {
  type Closed,
  type Connected,
  type Decision,
  type HttpHead,
  type JournalRecord,
  Kind,
  type Preamble,
} from "../journal/record.ts";
import { type JournalWriter, openJournal } from "../journal/writer.ts";
import type { Levels } from "../model/events.ts";
import type { TableBuffer } from "../tables/buffer.ts";

/** An empty directory that goes with the test. */
export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "foretape-interpret-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Opens journal `main` of a tape. Its segments are small, so that a few frames make several. */
export function openSession(
  tape: string,
  options: {
    readonly source?: "live" | "import";
    readonly connections?: () => Preamble["connections"];
    readonly segment?: number;
  } = {},
): Promise<JournalWriter> {
  return openJournal({
    dir: journalDir(tape, "main"),
    name: "main",
    source: options.source ?? "live",
    config: journalConfig.parse({ segment: options.segment ?? 3000 }),
    publicConfig: {},
    program: { name: "foretape", version: "0" },
    connections: options.connections ?? (() => []),
    onError: (error) => {
      throw error;
    },
  });
}

/** Another tape with what is on disk of this one now, as after `kill -9`. */
export function copyTape(tape: string, to: string): string {
  cpSync(tape, to, { recursive: true });
  rmSync(join(journalDir(to, "main"), "lock"), { force: true });
  return to;
}

/** Lines of a venue's excerpt, or one whole file of it. */
export function fixtureLines(venue: string, name: string): string[] {
  return fixture(venue, name)
    .split("\n")
    .filter((line) => line !== "");
}

export function fixture(venue: string, name: string): string {
  return readFileSync(new URL(`../venues/${venue}/fixtures/${name}`, import.meta.url), "utf8");
}

/** Writes records whose receive times go on by 300 ms each, so that timers of the interpreters fire. */
export class Script {
  readonly #journal: JournalWriter;
  #wall: number = Date.now() * 1000;

  constructor(journal: JournalWriter) {
    this.#journal = journal;
  }

  connect(
    venue: string,
    stream = "market/0",
    format = venue === "kalshi" ? "kalshi-ws-v2" : "polymarket-market",
  ): number {
    const epoch = this.#journal.nextEpoch();
    const connected: Connected = { venue, stream, url: "wss://test", format };
    this.#append(Kind.connected, epoch, JSON.stringify(connected));
    return epoch;
  }

  receive(epoch: number, frame: string | object): number {
    return this.#append(Kind.received, epoch, typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  send(epoch: number, frame: object): number {
    return this.#append(Kind.sent, epoch, JSON.stringify(frame));
  }

  close(epoch: number, by: Closed["by"]): number {
    return this.#append(Kind.closed, epoch, JSON.stringify({ by } satisfies Closed));
  }

  decide(decision: Decision, epoch = 0): number {
    return this.#append(Kind.decision, epoch, JSON.stringify(decision));
  }

  http(head: Pick<HttpHead, "venue" | "url"> & Partial<HttpHead>, body = ""): number {
    const whole: HttpHead = { method: "GET", status: 200, sentAt: this.#wall, ...head };
    return this.#append(Kind.http, 0, `${JSON.stringify(whole)}\n${body}`);
  }

  tick(): number {
    return this.#append(Kind.tick, 0, "");
  }

  #append(kind: Kind, epoch: number, payload: string): number {
    return this.#journal.appendAt(kind, epoch, payload, (this.#wall += 300_000));
  }
}

const KALSHI_REST = "https://external-api.kalshi.com/trade-api/v2";

/**
 * An evening of both venues and of spot prices on several segments: snapshots, changes, a lost number, a damaged frame, a market's end, REST
 * answers (one by reference), a reconnection, decisions, a connection that is still open at the end.
 */
export async function recordEvening(journal: JournalWriter): Promise<void> {
  const script = new Script(journal);
  const kalshi = script.connect("kalshi");
  const merged = fixtureLines("kalshi", "ws-2026-08-merged-subscribe.jsonl").map(
    (line) => (JSON.parse(line) as { frame: object }).frame,
  );
  script.decide({ type: "subscribe", venue: "kalshi", listener: "mlb", markets: ["KXMLBGAME-26AUG071840NYMPIT-NYM"] });
  for (const [i, frame] of merged.entries()) {
    // The number of one change is lost, and one frame arrives damaged.
    if (i === 30) continue;
    script.receive(kalshi, i === 34 ? JSON.stringify(frame).slice(0, 60) : frame);
    if (i % 6 === 5) await journal.durable();
  }
  const series = `${KALSHI_REST}/series/KXNFLGAME`;
  const first = script.http({ venue: "kalshi", url: series }, fixture("kalshi", "rest-2026-10-series.json"));
  script.http({ venue: "kalshi", url: series, bodyOf: first });
  script.http({ venue: "kalshi", url: `${KALSHI_REST}/markets/trades` }, fixture("kalshi", "rest-2026-10-trades.json"));
  await journal.durable();
  const polymarket = script.connect("polymarket");
  for (const [i, frame] of fixtureLines("polymarket", "frames.jsonl").entries()) {
    script.receive(polymarket, frame);
    if (i % 2 === 1) await journal.durable();
  }
  const coinbase = script.connect("coinbase", "market/0", "coinbase-advanced");
  for (const [i, frame] of fixtureLines("coinbase", "advanced-2026.jsonl").entries()) {
    script.receive(coinbase, frame);
    if (i % 4 === 3) await journal.durable();
  }
  script.decide({ type: "stale", venue: "coinbase", silentFor: 5_000_000 }, coinbase);
  script.close(kalshi, "venue");
  script.tick();
  await journal.durable();
  script.http(
    { venue: "kalshi", url: `${KALSHI_REST}/events/KXNFLGAME-26OCT08TBDAL` },
    fixture("kalshi", "rest-2026-10-event.json"),
  );
  const again = script.connect("kalshi");
  for (const frame of merged.slice(0, 24)) script.receive(again, frame);
  await journal.durable();
  for (const line of fixtureLines("kalshi", "ws-single-frames.jsonl")) script.receive(again, line);
  script.receive(polymarket, "PONG");
  script.receive(99, "of nobody");
  script.tick();
  await journal.durable();
}

/** The records of each segment on disk, in order. */
export function readSegments(tape: string): { readonly segment: number; readonly records: readonly JournalRecord[] }[] {
  return listSegments(journalDir(tape, "main")).map((file) => {
    const raw = loadSegment(file);
    const records: JournalRecord[] = [];
    scanRecords(raw, FILE_HEADER_BYTES, raw.length, (record) => {
      records.push({ ...record });
    });
    return { segment: file.segment, records };
  });
}

export function preambleOf(records: readonly JournalRecord[]): Preamble {
  return JSON.parse(records[0]?.payload.toString() ?? "") as Preamble;
}

export type DumpedRow = Readonly<Record<string, number | string | null | Levels>>;

/** The rows in these buffers as plain values, table by table. */
export function dump(buffers: readonly TableBuffer[]): DumpedRow[] {
  return buffers.flatMap((buffer) =>
    Array.from({ length: buffer.length }, (_, row) => ({
      table: buffer.table.name,
      venue: buffer.instrument[row]?.venue ?? null,
      market: buffer.instrument[row]?.market ?? null,
      outcome: buffer.instrument[row]?.outcome ?? null,
      day: buffer.day[row] ?? null,
      frame: buffer.frame[row] ?? null,
      n: buffer.n[row] ?? null,
      ...Object.fromEntries(
        buffer.columns.map((column) => {
          if (column.kind === "levels") return [column.name, column.get(row)];
          const value = column.values[row] ?? null;
          return [column.name, Number.isNaN(value) ? null : value];
        }),
      ),
    })),
  );
}
