import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";

/** The real capture that every frame of the bench comes from: KXBTC15M, 15 minutes, 2026-05-14. */
export const CAPTURE: string = fileURLToPath(
  new URL("../../shared/fixtures/kalshi/ws/ws_kxbtc15m_20260514T0438Z_full.jsonl.gz", import.meta.url),
);

interface Delta {
  readonly price: number;
  readonly delta: string;
  readonly side: "yes" | "no";
  readonly ts: string;
  readonly tsMs: number;
}

type Level = [price: number, size: number];

/** A stretch of the capture inside one connection: the book before it, then its deltas. */
interface Stretch {
  readonly yes: Level[];
  readonly no: Level[];
  readonly deltas: readonly Delta[];
}

const TEN_THOUSANDTHS = 10_000;
const HUNDREDTHS = 100;
const scaled = (text: string, scale: number): number => Math.round(Number(text) * scale);

interface Frame {
  readonly type: string;
  readonly msg: {
    readonly side: "yes" | "no";
    readonly price_dollars: string;
    readonly delta_fp: string;
    readonly ts: string;
    readonly ts_ms: number;
    readonly yes_dollars_fp?: readonly (readonly [string, string])[];
    readonly no_dollars_fp?: readonly (readonly [string, string])[];
  };
}

/** Cuts the capture into stretches of `length` deltas, each starting at another place. */
function stretches(length: number, count: number): Stretch[] {
  const lines = gunzipSync(readFileSync(CAPTURE)).toString("utf8").trimEnd().split("\n");
  const runs: { yes: Map<number, number>; no: Map<number, number>; deltas: Delta[] }[] = [];
  for (const line of lines) {
    const { frame } = JSON.parse(line) as { frame: Frame };
    const { msg } = frame;
    if (frame.type === "orderbook_snapshot") {
      const side = (levels: typeof msg.yes_dollars_fp): Map<number, number> =>
        new Map(levels?.map(([price, size]) => [scaled(price, TEN_THOUSANDTHS), scaled(size, HUNDREDTHS)]));
      runs.push({ yes: side(msg.yes_dollars_fp), no: side(msg.no_dollars_fp), deltas: [] });
    } else if (frame.type === "orderbook_delta") {
      runs.at(-1)?.deltas.push({
        price: scaled(msg.price_dollars, TEN_THOUSANDTHS),
        delta: msg.delta_fp,
        side: msg.side,
        ts: msg.ts,
        tsMs: msg.ts_ms,
      });
    }
  }
  const long = runs.filter(({ deltas }) => deltas.length > length);
  if (long.length === 0) throw new Error(`the capture has no ${length} deltas in one connection`);
  const starts = Array.from({ length: count }, (_, i) => {
    const run = long[i % long.length]!;
    return { run, at: Math.floor(((i * 0.618_033_988_7) % 1) * (run.deltas.length - length)) };
  });
  const cut = new Map<number, Stretch>();
  for (const run of long) {
    const mine = starts.map((start, i) => ({ ...start, i })).filter((start) => start.run === run);
    mine.sort((a, b) => a.at - b.at);
    let at = 0;
    for (const start of mine) {
      for (; at < start.at; at++) {
        const { price, delta, side } = run.deltas[at]!;
        const levels = run[side];
        const size = (levels.get(price) ?? 0) + scaled(delta, HUNDREDTHS);
        if (size === 0) levels.delete(price);
        else levels.set(price, size);
      }
      cut.set(start.i, {
        yes: [...run.yes].toSorted(([a], [b]) => a - b),
        no: [...run.no].toSorted(([a], [b]) => a - b),
        deltas: run.deltas.slice(start.at, start.at + length),
      });
    }
  }
  return starts.map((_, i) => cut.get(i)!);
}

/** A small seeded generator: which market speaks next, and for how long. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

export function tickers(markets: number): string[] {
  return Array.from({ length: markets }, (_, i) => `KXBTC15M-26MAY14${String(i % 96).padStart(4, "0")}-${i}`);
}

/** Whether the capture is beside the project; without it there is nothing real to send. */
export function haveCapture(): boolean {
  return existsSync(CAPTURE);
}

/**
 * Frames of a Kalshi connection, as WebSocket frames ready for the wire in chunks of about a megabyte: a snapshot of
 * each market, then its real deltas in bursts, prices moved by a few ten-thousandths from market to market. Sequence
 * numbers go on after `seq`.
 */
export function encodeFrames(options: { markets: number; frames: number; sid: number; seq: number }): {
  readonly chunks: readonly Buffer[];
  readonly frames: number;
} {
  const names = tickers(options.markets);
  const perMarket = Math.ceil(((options.frames - options.markets) / options.markets) * 1.5) + 16;
  const sources = stretches(Math.min(perMarket, 40_000), Math.min(options.markets, 400));
  const next = new Int32Array(options.markets);
  const uuid = (i: number): string => `7f83cad1-c053-41eb-94ca-${String(i).padStart(12, "0")}`;
  const chunks: Buffer[] = [];
  let chunk: Buffer[] = [];
  let bytes = 0;
  let seq = options.seq;
  const push = (text: string): void => {
    const payload = Buffer.from(text, "latin1");
    const head =
      payload.length < 126
        ? Buffer.from([0x81, payload.length])
        : payload.length < 65_536
          ? Buffer.from([0x81, 126, payload.length >> 8, payload.length & 0xff])
          : Buffer.from([
              0x81,
              127,
              0,
              0,
              0,
              0,
              payload.length >>> 24,
              (payload.length >> 16) & 255,
              (payload.length >> 8) & 255,
              payload.length & 255,
            ]);
    chunk.push(head, payload);
    bytes += head.length + payload.length;
    if (bytes < 1_048_576) return;
    chunks.push(Buffer.concat(chunk));
    chunk = [];
    bytes = 0;
  };
  const dollars = (price: number): string => (price / TEN_THOUSANDTHS).toFixed(4);
  const shift = (market: number): number => Math.floor(market / sources.length) % 10;
  let frames = 0;
  for (let market = 0; market < options.markets; market++, frames++) {
    const { yes, no } = sources[market % sources.length]!;
    const levels = (side: Level[], by: number): string =>
      JSON.stringify(side.map(([price, size]) => [dollars(price + by), (size / HUNDREDTHS).toFixed(2)]));
    push(
      `{"type":"orderbook_snapshot","sid":${options.sid},"seq":${++seq},"msg":{"market_ticker":"${names[market]}","market_id":"${uuid(market)}","yes_dollars_fp":${levels(yes, shift(market))},"no_dollars_fp":${levels(no, -shift(market))}}}\n`,
    );
  }
  const draw = random(1);
  while (frames < options.frames) {
    const market = Math.floor(draw() * options.markets);
    const burst = 1 + Math.floor(draw() * draw() * 8);
    const { deltas } = sources[market % sources.length]!;
    for (let i = 0; i < burst && frames < options.frames; i++) {
      const delta = deltas[next[market]!];
      if (delta === undefined) break;
      next[market]!++;
      const price = delta.price + (delta.side === "yes" ? shift(market) : -shift(market));
      push(
        `{"type":"orderbook_delta","sid":${options.sid},"seq":${++seq},"msg":{"market_ticker":"${names[market]}","market_id":"${uuid(market)}","price_dollars":"${dollars(price)}","delta_fp":"${delta.delta}","side":"${delta.side}","ts":"${delta.ts}","ts_ms":${delta.tsMs}}}\n`,
      );
      frames++;
    }
  }
  if (chunk.length > 0) chunks.push(Buffer.concat(chunk));
  return { chunks, frames };
}
