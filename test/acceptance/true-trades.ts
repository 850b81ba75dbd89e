import type { Conserved } from "./conservation.ts";
import type { RecordedJournal } from "./journal.ts";
import { rowsByFrame } from "./rows.ts";
import type { Complain } from "./tally.ts";
import { millionths } from "./true-books.ts";

interface TradeRow {
  readonly frame: number;
  readonly id: string;
  readonly price: number;
  readonly size: number;
}

/** A trade as a frame of the exchange prints it, in the terms of the tables; null where it prints none. */
function printed(venue: string, text: string): { readonly price: number; readonly size: number } | null {
  if (venue === "kalshi" && text.startsWith('{"type":"trade",')) {
    const { msg } = JSON.parse(text) as { msg: Record<string, string> };
    return { price: millionths(msg["yes_price_dollars"] ?? ""), size: millionths(msg["count_fp"] ?? "") };
  }
  if (venue === "polymarket" && text.includes('"event_type":"last_trade_price"')) {
    const { price = "", size = "" } = JSON.parse(text) as Record<string, string>;
    return { price: millionths(price), size: millionths(size) };
  }
  return null;
}

/** Holds the streamed rows of `trades` against the exchange's prints, frame by frame; gives the number of them. */
export async function judgeTrades(
  tape: string,
  journal: RecordedJournal,
  conserved: Conserved,
  complain: Complain,
): Promise<number> {
  const found = await rowsByFrame<TradeRow>(
    tape,
    ["trades"],
    `SELECT CAST(frame AS DOUBLE) AS frame, trade_id AS id, CAST(CAST(price AS DECIMAL(30,6)) * 1000000 AS DOUBLE) AS price,
         CAST(CAST(size AS DECIMAL(30,6)) * 1000000 AS DOUBLE) AS size FROM trades WHERE source = 'stream'`,
  );
  const venueOf = new Map(journal.connections.map(({ epoch, venue }) => [epoch, venue]));
  let compared = 0;
  for (const { frame, epoch } of journal.received) {
    const origin = conserved.origin.get(frame);
    const made = found.get(frame) ?? [];
    if (origin === undefined) continue;
    const print = origin.original === null ? printed(venueOf.get(epoch) ?? "", origin.bytes.toString()) : null;
    if (print === null) {
      if (made.length > 0) complain("spurious", `frame ${frame} is no trade and made ${made.length} rows`, made.length);
      continue;
    }
    compared++;
    // Whether a repetition is a row of its own is the natural key's concern.
    const mayLack = ["duplicate", "replay", "reorder"].includes(origin.fault ?? "");
    if (made.length === 0 && !mayLack) complain("silent", `the trade in frame ${frame} made no row`);
    if (made.length > 1) complain("duplicate", `the trade in frame ${frame} made ${made.length} rows`, made.length - 1);
    for (const row of made) {
      if (row.price !== print.price || row.size !== print.size)
        complain(
          "corrupt",
          `frame ${frame}: a trade of ${print.size} at ${print.price} became ${row.size} at ${row.price}`,
        );
    }
  }
  return compared;
}
