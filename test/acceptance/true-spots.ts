import type { Conserved } from "./conservation.ts";
import type { RecordedJournal } from "./journal.ts";
import { rowsByFrame } from "./rows.ts";
import type { Complain } from "./tally.ts";

interface SpotRow {
  readonly frame: number;
  /** Every value as text, in the order of `said`. */
  readonly text: string;
}

interface Ticker {
  readonly product_id: string;
  readonly price: string;
  readonly best_bid: string;
  readonly best_bid_quantity: string;
  readonly best_ask: string;
  readonly best_ask_quantity: string;
  readonly volume_24_h: string;
}

interface Trade {
  readonly product_id: string;
  readonly trade_id: string;
  readonly price: string;
  readonly size: string;
  readonly side: string;
}

interface Said {
  readonly sequence_num: number;
  readonly channel: string;
  readonly events: readonly { readonly tickers?: readonly Ticker[]; readonly trades?: readonly Trade[] }[];
}

/** A decimal with the eight places that the tables have. */
function eight(text: string): string {
  const [whole = "", places = ""] = text.split(".");
  return `${whole}.${places.padEnd(8, "0")}`;
}

/** The rows that a frame of Coinbase's Advanced Trade must make, by table. */
function said(text: string): { readonly ticks: readonly string[]; readonly trades: readonly string[] } {
  const { channel, events, sequence_num } = JSON.parse(text) as Said;
  const isTicker = channel === "ticker";
  const tickers = isTicker ? events.flatMap((event) => event.tickers ?? []) : [];
  // The latest trade comes first on the wire.
  const trades = channel === "market_trades" ? events.flatMap((event) => (event.trades ?? []).toReversed()) : [];
  return {
    ticks: tickers.map((each) =>
      [
        each.product_id,
        ...[each.price, each.best_bid, each.best_bid_quantity, each.best_ask].map(eight),
        ...[each.best_ask_quantity, each.volume_24_h].map(eight),
        String(sequence_num),
      ].join(" "),
    ),
    trades: trades.map((each) =>
      [each.product_id, each.trade_id, eight(each.price), eight(each.size), each.side.toLowerCase()].join(" "),
    ),
  };
}

/** Holds `spot_ticks` and `spot_trades` of Coinbase against what its frames say, row by row; gives the number compared. */
export async function judgeSpots(
  tape: string,
  journal: RecordedJournal,
  conserved: Conserved,
  complain: Complain,
): Promise<number> {
  const ticks = await rowsByFrame<SpotRow>(
    tape,
    ["spot_ticks"],
    `SELECT CAST(frame AS DOUBLE) AS frame, concat_ws(' ', product, price, bid, bid_size, ask, ask_size, volume_24h, sequence) AS text
       FROM spot_ticks WHERE venue = 'coinbase' AND NOT is_stale ORDER BY frame, n`,
  );
  const trades = await rowsByFrame<SpotRow>(
    tape,
    ["spot_trades"],
    `SELECT CAST(frame AS DOUBLE) AS frame, concat_ws(' ', product, trade_id, price, size, lower(side)) AS text
       FROM spot_trades WHERE venue = 'coinbase' ORDER BY frame, n`,
  );
  const epochs = new Set(journal.connections.filter(({ venue }) => venue === "coinbase").map(({ epoch }) => epoch));
  let compared = 0;
  for (const { frame, epoch } of journal.received) {
    const origin = conserved.origin.get(frame);
    if (!epochs.has(epoch) || origin === undefined || origin.original !== null) continue;
    const expected = said(origin.bytes.toString());
    // A frame whose number was there already says nothing new.
    const mayLack = ["duplicate", "replay", "reorder"].includes(origin.fault ?? "");
    for (const [table, want, made] of [
      ["spot_ticks", expected.ticks, ticks.get(frame) ?? []],
      ["spot_trades", expected.trades, trades.get(frame) ?? []],
    ] as const) {
      if (want.length === 0 && made.length === 0) continue;
      compared += want.length;
      if (made.length === 0 && mayLack) continue;
      const what = `frame ${frame} and ${table}: said ${want.join("; ")}, recorded ${made.map(({ text }) => text).join("; ")}`;
      if (made.length < want.length) complain("silent", what, want.length - made.length);
      else if (made.length > want.length) complain("spurious", what, made.length - want.length);
      else if (want.some((text, i) => text !== made[i]?.text)) complain("corrupt", what);
    }
  }
  return compared;
}
