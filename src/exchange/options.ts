import type { Micros } from "../model/time.ts";
import type { KalshiFormat } from "../venues/kalshi/server-frames.ts";
import { SILENT_CAP } from "../venues/polymarket/server.ts";
import type { Capture } from "./capture.ts";
import type { Fault } from "./fault.ts";
import { DEFAULT_SCRIPT, type Script } from "./world.ts";

export interface ExchangeOptions {
  /** TCP port on 127.0.0.1, 0 for any. */
  readonly port: number;
  /** The same seed, start and other options give the same session. */
  readonly seed: string;
  /** Virtual time of the beginning, microseconds; null for now. */
  readonly startAt: Micros | null;
  /** Markets in all, a third of them on Polymarket; or how many on each. */
  readonly markets: number | { readonly kalshi: number; readonly polymarket: number };
  /** Book changes and trades per second, both venues together. */
  readonly rate: number;
  /** Virtual seconds per second. */
  readonly speed: number;
  readonly script: Script;
  readonly faults: readonly Fault[];
  /** Where to write what was really sent, JSON lines; null for nowhere. */
  readonly truth: string | null;
  /** A recorded capture to send in place of a generated session. */
  readonly capture: Capture | null;
  readonly format: KalshiFormat;
  /** Kalshi's request budget per second; null for none. */
  readonly kalshiRequestsPerSecond: number | null;
  /** Most markets of one Kalshi subscription. */
  readonly kalshiMarketLimit: number;
  /** Tokens of one Polymarket connection above which it gets no first books. */
  readonly polymarketTokenLimit: number;
  /** Bytes that may wait for one client before it is cut off. */
  readonly bufferLimit: number;
  /** The kind of key that is made for the client. RSA is the venue's default; Ed25519 is made at once. */
  readonly keyType: "rsa" | "ed25519";
  /** How often protocol pings go out, milliseconds; about 10 s on Kalshi (seen on the wire, June 2026). */
  readonly pingMs: number;
  /** How often both venues look for something to send, milliseconds. */
  readonly turnMs: number;
}

export const DEFAULT_OPTIONS: ExchangeOptions = {
  port: 0,
  seed: "foretape",
  startAt: null,
  markets: 18,
  rate: 500,
  speed: 1,
  script: DEFAULT_SCRIPT,
  faults: [],
  truth: null,
  capture: null,
  format: { sendingTime: true, deltaMilliseconds: true },
  kalshiRequestsPerSecond: null,
  kalshiMarketLimit: 50_000,
  polymarketTokenLimit: SILENT_CAP,
  bufferLimit: 32 * 1024 * 1024,
  keyType: "rsa",
  pingMs: 10_000,
  turnMs: 4,
};
