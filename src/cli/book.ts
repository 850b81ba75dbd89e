import Table from "cli-table3";
import { z } from "zod";
import { formatMillionths } from "../model/decimal.ts";
import type { Levels } from "../model/events.ts";
import { formatTime, type Micros } from "../model/time.ts";
import { UsageError } from "../ops/errors.ts";
import { microsOf, openTape, type Tape, type TapeBook, type TopOfBookChange } from "../tape/tape.ts";
import { type CommandContext, defineCommand } from "./command.ts";
import { writeOut } from "./output.ts";

/** `foretape book`: the book of a market at an instant, or top of book over a range. */
export const bookCommand = defineCommand({
  name: "book",
  summary: "the book of a market at an instant, or top of book over a range",
  description: "Times are receive times. A Polymarket outcome is its token id or its name.",
  options: {
    venue: { value: "<venue>", description: "kalshi or polymarket" },
    market: { value: "<market>", description: "Kalshi ticker or Polymarket condition id" },
    outcome: { value: "<outcome>", description: "outcome id or name, where the market has more than one book" },
    at: { value: "<instant>", description: "UTC instant, microseconds since 1970, or now (default)" },
    from: { value: "<instant>", description: "best prices from here on, instead of a book" },
    to: { value: "<instant>", description: "end of the range (default: now)" },
    depth: { value: "<levels>", description: "levels a side", schema: z.coerce.number().int().min(1).optional() },
  },
  examples: [
    "foretape book --venue kalshi --market KXBTCD-26NOV2117-T95000 --at 2026-11-21T16:59:00Z",
    "foretape book --venue kalshi --market KXBTCD-26NOV2117-T95000 --from 2026-11-21T16:00:00Z --to 2026-11-21T17:00:00Z",
  ],
  async run(context, { venue, market, outcome, at, from, to, depth }) {
    if (venue === undefined || market === undefined) throw new UsageError("say which book: --venue and --market");
    if (at !== undefined && from !== undefined)
      throw new UsageError("--at asks for one instant, --from for a range: give one of them");
    await using tape = await openTape(context.tape, { signal: context.signal });
    const request = { venue, market, outcome };
    if (from !== undefined)
      return range(context, tape, { ...request, from: microsOf(from), to: microsOf(to ?? "now") });
    const book = await tape.bookAt({ ...request, at: microsOf(at ?? "now") });
    if (context.json) context.outJson(toJson(book, depth));
    else context.out(describe(book, depth ?? 10));
  },
});

async function range(
  { json, signal }: CommandContext,
  tape: Tape,
  request: Parameters<Tape["topOfBook"]>[0],
): Promise<void> {
  if (!json) await writeOut(`${"at".padEnd(27)}  ${"bid".padStart(18)}  ${"ask".padStart(18)}  state\n`, signal);
  for await (const top of tape.topOfBook(request))
    await writeOut(`${json ? JSON.stringify(topJson(top)) : topLine(top)}\n`, signal);
}

function topLine({ at, bid, bidSize, ask, askSize, state }: TopOfBookChange): string {
  const side = (price: number | null, size: number | null): string =>
    (price === null ? "–" : `${text(price)} × ${text(size)}`).padStart(18);
  return `${(at === null ? "–" : formatTime(at)).padEnd(27)}  ${side(bid, bidSize)}  ${side(ask, askSize)}  ${state}`;
}

function topJson(top: TopOfBookChange) {
  return {
    at: time(top.at),
    state: top.state,
    bid: text(top.bid),
    bid_size: text(top.bidSize),
    ask: text(top.ask),
    ask_size: text(top.askSize),
    frame: top.frame,
  };
}

function describe(book: TapeBook, depth: number): string {
  const table = new Table({
    head: ["bid size", "bid", "ask", "ask size"],
    colAligns: ["right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const rows = Math.min(depth, Math.max(book.bids.prices.length, book.asks.prices.length));
  for (let i = 0; i < rows; i++) {
    table.push(
      [book.bids.sizes[i], book.bids.prices[i], book.asks.prices[i], book.asks.sizes[i]].map(
        (value) => text(value ?? null) ?? "",
      ),
    );
  }
  const changed = book.changedAt ?? book.changedTs;
  const age = changed === null ? "at an unknown time" : `${((book.at - changed) / 1e6).toFixed(3)} s before`;
  return [
    `${book.venue} ${book.market} ${book.outcome} at ${formatTime(book.at)}`,
    `${book.state}; last changed ${age}; ${book.bids.prices.length} bids, ${book.asks.prices.length} asks`,
    table.toString(),
  ].join("\n");
}

function toJson(book: TapeBook, depth: number | undefined) {
  const changed = book.changedAt ?? book.changedTs;
  return {
    venue: book.venue,
    market_id: book.market,
    outcome_id: book.outcome,
    at: time(book.at),
    state: book.state,
    changed_at: time(book.changedAt),
    changed_ts: time(book.changedTs),
    age_ms: changed === null ? null : (book.at - changed) / 1000,
    bids: levels(book.bids, depth),
    asks: levels(book.asks, depth),
    recorder: book.recorder,
    frame: book.frame,
    seq: book.seq,
    epoch: book.epoch,
  };
}

function levels({ prices, sizes }: Levels, depth: number | undefined) {
  return prices.slice(0, depth).map((price, i) => ({ price: text(price), size: text(sizes[i] ?? null) }));
}

function text(value: number | null): string | null {
  return value === null ? null : formatMillionths(value);
}

function time(at: Micros | null): string | null {
  return at === null ? null : formatTime(at);
}
