import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { duration } from "../config/units.ts";
import { readCapture } from "../exchange/capture.ts";
import { startExchange } from "../exchange/exchange.ts";
import { parseFault } from "../exchange/fault.ts";
import { sleep } from "../net/sleep.ts";
import { messageOf, StorageError } from "../ops/errors.ts";
import { defineCommand } from "./command.ts";

const positive = z.coerce.number().positive();

/** `foretape simulate`: the built-in exchange alone. */
export const simulateCommand = defineCommand({
  name: "simulate",
  summary:
    "runs the built-in exchange: both venues and Coinbase, seeded, with faults on demand and a ground-truth file",
  description:
    "Serves Kalshi's and Polymarket's WebSocket and REST protocols and Coinbase's two WebSocket feeds on 127.0.0.1 until stopped, and prints the configuration that a client needs. The same seed gives the same session. Faults are written KIND[:ARGUMENT...][@TIME][/VENUE|#CONNECTION]; docs/exchange.md lists them.",
  options: {
    port: {
      value: "<port>",
      description: "TCP port (default: any free one)",
      schema: z.coerce.number().int().min(0).max(65_535).default(0),
    },
    seed: { value: "<text>", description: "seed of the session", schema: z.string().default("foretape") },
    markets: {
      value: "<count>",
      description: "markets, a third of them on Polymarket",
      schema: z.coerce.number().int().min(2).max(100_000).default(18),
    },
    rate: { value: "<messages>", description: "book changes and trades per second", schema: positive.default(500) },
    for: { value: "<duration>", description: "stop after this long, for example 10m", schema: duration.optional() },
    speed: { value: "<factor>", description: "seconds played per second", schema: positive.default(1) },
    fault: {
      value: "<fault...>",
      description: "what goes wrong, for example disconnect@5s stall:10s@20s/kalshi rest_429:30s@1m",
      schema: z.array(z.string()).default([]),
    },
    capture: { value: "<file>", description: "send a recorded capture (JSON lines, also .gz, .zst) instead" },
    truth: { value: "<file>", description: "write every message really sent, JSON lines" },
    keyFile: {
      value: "<file>",
      description: "where to write the Kalshi private key that is made for clients (default: a temporary file)",
    },
  },
  examples: [
    "foretape simulate",
    "foretape simulate --seed 7 --truth truth.jsonl --fault disconnect@5s sequence_gap:3@10s",
  ],
  async run({ json, out, outJson, signal }, options) {
    const faults = options.fault.map(parseFault);
    const capture = options.capture === undefined ? null : await readCapture(resolve(options.capture));
    await using exchange = await startExchange(
      {
        port: options.port,
        seed: options.seed,
        markets: options.markets,
        rate: options.rate,
        speed: options.speed,
        truth: options.truth === undefined ? null : resolve(options.truth),
        capture,
        faults,
      },
      signal,
    );
    const { private_key, ...kalshi } = exchange.kalshi;
    using keyFile = writeKey(private_key, options.keyFile);
    const private_key_path = keyFile.path;
    const venues = {
      kalshi: { ...kalshi, private_key_path },
      polymarket: exchange.polymarket,
      coinbase: exchange.coinbase("advanced"),
      polymarket_rtds: exchange.polymarket_rtds,
    };
    if (json) outJson({ port: exchange.port, venues });
    else out(`# put this into a foretape.yaml\n${stringify({ venues }).trimEnd()}`);
    await Promise.race([stopped(signal, options.for), exchange.failed]);
  },
});

/** Writes the key so that only its owner can read it; a temporary one goes when the exchange stops. */
function writeKey(pem: string, wanted: string | undefined): Disposable & { readonly path: string } {
  const directory = wanted === undefined ? mkdtempSync(join(tmpdir(), "foretape-")) : null;
  const path = directory === null ? resolve(wanted ?? "") : join(directory, "kalshi.pem");
  try {
    writeFileSync(path, pem, { mode: 0o600 });
  } catch (cause) {
    throw new StorageError(`cannot write the key file ${path}: ${messageOf(cause)}`, {
      cause,
      hint: "choose another --key-file",
    });
  }
  return {
    path,
    [Symbol.dispose]() {
      if (directory !== null) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Waits for the end: the signal's or the bounded run's. */
async function stopped(signal: AbortSignal, forMicros: number | undefined): Promise<void> {
  const limit = forMicros === undefined ? null : AbortSignal.timeout(Math.ceil(forMicros / 1000));
  const end = limit === null ? signal : AbortSignal.any([signal, limit]);
  try {
    for (;;) await sleep(2 ** 30, end);
  } catch (reason) {
    // Being stopped is how this command ends well.
    if (!end.aborted) throw reason;
  }
}
