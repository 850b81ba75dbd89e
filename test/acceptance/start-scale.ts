import { setTimeout as sleep } from "node:timers/promises";
import { usage } from "../../bench/usage.ts";
import { scanRecords, FILE_HEADER_BYTES } from "../../src/journal/codec.ts";
import { journalDir, listSegments } from "../../src/journal/layout.ts";
import { loadSegment } from "../../src/journal/reader.ts";
import { type HttpHead, Kind } from "../../src/journal/record.ts";
import { type Check, must } from "./check.ts";
import { conserve } from "./conservation.ts";
import { readJournal } from "./journal.ts";
import { Recorder } from "./recorder.ts";
import { Stage } from "./stage.ts";
import { statedBooks } from "./true-books.ts";

/** Kalshi's Basic tier: 200 tokens a second at 10 for a read (docs.kalshi.com, rate limits, 2026-07-17). */
const BASIC_REQUESTS = 20;
const SHARE = 0.5;
const BOUND_S = 60;
const MOST_MB = 1024;

export const startCheck: Check = {
  name: "start-20k",
  promise:
    "20,000 markets are discovered and subscribed from an empty start in 60 s within half of Kalshi's Basic rate limit, with all processes in 1 GB",
  async run({ seed, scale, dir, note }) {
    const [kalshi, polymarket] = { full: [16_000, 4_000], ci: [3_200, 800], test: [80, 20] }[scale] as [number, number];
    const bound = scale === "full" ? BOUND_S : BOUND_S / 3;
    await using stage = await Stage.set(dir, {
      seed,
      markets: { kalshi, polymarket },
      rate: 50,
      kalshiRequestsPerSecond: BASIC_REQUESTS,
    });
    const tape = stage.path("tape");
    const startedAt = Date.now();
    await using recorder = new Recorder(stage.configure({ tape, rateShare: SHARE, discoveryEvery: "5m" }));
    let peakMb = 0;
    while (Date.now() - startedAt < bound * 1000) {
      await sleep(1_000);
      const now = usage(recorder.pid);
      peakMb = Math.max(peakMb, now.mb);
      note(`${recorder.written} frames, ${Math.round(now.mb)} MB`);
    }
    const { code, stderr } = await recorder.stop();
    must(code === 0, `record ended with ${code}: ${stderr}`);
    await stage[Symbol.asyncDispose]();

    const conserved = conserve(stage.truth(), readJournal(journalDir(tape, "main")));
    const seen = new Map<string, number>();
    for (const { truth, recorded } of conserved.connections) {
      for (const { frame, at } of recorded?.frames ?? []) {
        const origin = conserved.origin.get(frame);
        if (origin === undefined) continue;
        for (const { key } of statedBooks(truth.venue, origin)) {
          const market = key.split("/", 2).join("/");
          if (!seen.has(market)) seen.set(market, at);
        }
      }
    }
    const seconds = Math.max(...seen.values()) / 1e6 - startedAt / 1000;
    const { requests, refused, mostInASecond } = requestsOf(tape);
    // The script opens some markets later and closes some sooner.
    const least = Math.floor(0.99 * (kalshi + polymarket));
    must(seen.size >= least, `${seen.size} of ${kalshi + polymarket} markets had a book after ${bound} s`);
    must(refused === 0, `Kalshi refused ${refused} of ${requests} requests`);
    must(peakMb <= MOST_MB, `all processes together took ${Math.round(peakMb)} MB`);
    return {
      markets: seen.size,
      "all with a book after, s": seconds.toFixed(1),
      "Kalshi requests": requests,
      "most in a second": mostInASecond,
      refused,
      "memory of all processes at most, MB": Math.round(peakMb),
    };
  },
};

/** Answers of Kalshi's REST in a journal. */
function requestsOf(tape: string) {
  const seconds: number[] = [];
  let refused = 0;
  for (const file of listSegments(journalDir(tape, "main"))) {
    const raw = loadSegment(file);
    scanRecords(raw, FILE_HEADER_BYTES, raw.length, ({ kind, payload }) => {
      if (kind !== Kind.http) return;
      const { venue, status, sentAt } = JSON.parse(payload.toString("utf8", 0, payload.indexOf(10))) as HttpHead;
      if (venue !== "kalshi") return;
      seconds.push(Math.floor(sentAt / 1e6));
      if (status === 429) refused++;
    });
  }
  const counts = Map.groupBy(seconds, (second) => second);
  const mostInASecond = Math.max(0, ...[...counts.values()].map(({ length }) => length));
  return { requests: seconds.length, refused, mostInASecond };
}
