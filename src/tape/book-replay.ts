import { DuckDBDecimalValue, type DuckDBConnection, DuckDBListValue, DuckDBStructValue } from "@duckdb/node-api";
import type { BookState } from "../books/book-row.ts";
import { OrderBook } from "../books/order-book.ts";
import type { Levels, Side } from "../model/events.ts";
import { formatTime, type Micros } from "../model/time.ts";
import { literal } from "./views.ts";

/** One outcome of one market. */
export interface BookName {
  readonly venue: string;
  readonly market: string;
  readonly outcome: string;
}

/** The stored snapshot that a replay begins with. */
export interface BookBase {
  readonly recorder: number;
  readonly frame: number;
  /** When it was received, or made. */
  readonly at: Micros;
}

/** A book under way: changed in place by `replayBook`. */
export class ReplayedBook {
  readonly book = new OrderBook();
  state: BookState = "uncertain";
  /** Of the last snapshot or delta. */
  at: Micros | null = null;
  ts: Micros | null = null;
  frame = 0;
  seq: number | null = null;
  epoch: number | null = null;
}

/** When a row is in force: received, or, in imports without receive times, made. */
const WHEN = "coalesce(received_at, ts)";

function where({ venue, market, outcome }: BookName): string {
  return `venue = ${literal(venue)} AND market_id = ${literal(market)} AND outcome_id = ${literal(outcome)}`;
}

function instant(at: Micros): string {
  return `TIMESTAMP ${literal(formatTime(at).replace("Z", ""))}`;
}

/** By recorder, the last full snapshot of a book at or before an instant. */
export function findBases(connection: DuckDBConnection, name: BookName, at: Micros): Promise<BookBase[]> {
  return bases(connection, name, "max", `${WHEN} <= ${instant(at)} AND date <= ${instant(at)}::DATE + 1`);
}

/** By recorder, the first full snapshot of a book after an instant. */
export function findFirstBases(connection: DuckDBConnection, name: BookName, after: Micros): Promise<BookBase[]> {
  return bases(connection, name, "min", `${WHEN} > ${instant(after)} AND date >= ${instant(after)}::DATE - 1`);
}

async function bases(
  connection: DuckDBConnection,
  name: BookName,
  which: "min" | "max",
  when: string,
): Promise<BookBase[]> {
  const rows = await connection.runAndReadAll(
    `SELECT recorder, ${which}(frame), ${which}(${WHEN}) FROM orderbook_snapshots
     WHERE ${where(name)} AND ${when} AND bids IS NOT NULL AND NOT is_forward_filled
     GROUP BY recorder`,
  );
  return rows
    .getRows()
    .map(([recorder, frame, at]) => ({ recorder: Number(recorder), frame: Number(frame), at: micros(at) ?? 0 }));
}

/**
 * Goes through everything that changed a book, from its base on up to an instant, in the order of arrival: snapshots,
 * changes, holes that touch it and the ends of its subscription. Yields the book after each step.
 */
export async function* replayBook(
  connection: DuckDBConnection,
  name: BookName,
  base: BookBase,
  to: Micros,
): AsyncGenerator<ReplayedBook> {
  const replayed = new ReplayedBook();
  const stream = await connection.stream(stepsSql(name, base, to));
  for (let chunk = await stream.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await stream.fetchChunk()) {
    for (const row of chunk.getRows()) {
      if (step(replayed, row)) yield replayed;
    }
  }
}

/**
 * A hole touches the book when it names no other market, outcome or channel, and lies on its connection. Within a frame
 * a hole is found before the message that shows it is applied.
 */
function stepsSql(name: BookName, { recorder, frame }: BookBase, to: Micros): string {
  const since = `recorder = ${recorder} AND frame >= ${frame}`;
  const until = `${WHEN} <= ${instant(to)} AND date <= ${instant(to)}::DATE + 1`;
  const market = `(market_id IS NULL OR market_id = ${literal(name.market)}) AND (outcome_id IS NULL OR outcome_id = ${literal(name.outcome)})`;
  const nothing =
    "NULL AS ts, NULL AS seq, NULL AS state, NULL AS bids, NULL AS asks, NULL AS side, NULL AS price, NULL AS size, NULL AS change";
  return `
    SELECT 'hole' AS kind, 0 AS rank, frame, n, received_at AS at, epoch, ${nothing}
    FROM gaps_history
    WHERE ${since} AND venue = ${literal(name.venue)} AND ${market} AND frame = opening_frame AND n = opening_n
      AND (channel IS NULL OR channel IN ('book', 'orderbook_delta', 'market'))
      AND coalesce(received_at, detected_at, ${instant(0)}) <= ${instant(to)}
    UNION ALL
    SELECT 'end', 1, frame, n, received_at, epoch, ${nothing}
    FROM subscriptions_history
    WHERE ${since} AND venue = ${literal(name.venue)} AND ${market} AND ended_at IS NOT NULL
      AND channel IN ('orderbook_delta', 'market', 'book') AND received_at <= ${instant(to)}
    UNION ALL
    SELECT 'snapshot', 2, frame, n, received_at, epoch, ts, seq, book_state, bids, asks, NULL, NULL, NULL, NULL
    FROM orderbook_snapshots
    WHERE ${since} AND ${where(name)} AND ${until} AND bids IS NOT NULL AND NOT is_forward_filled
    UNION ALL
    SELECT 'delta', 3, frame, n, received_at, epoch, ts, seq, NULL, NULL, NULL, side, price, size, change
    FROM orderbook_deltas
    WHERE ${since} AND frame > ${frame} AND ${where(name)} AND ${until}
    ORDER BY frame, rank, n`;
}

/** Applies a row of `stepsSql`; false where it is about another connection. */
function step(replayed: ReplayedBook, row: readonly unknown[]): boolean {
  const [kind, , frame, , at, epoch, ts, seq, state, bids, asks, side, price, size, change] = row;
  const { book } = replayed;
  if (kind === "hole" || kind === "end") {
    if (epoch !== null && replayed.epoch !== null && Number(epoch) !== replayed.epoch) return false;
    if (kind === "hole") replayed.state = "uncertain";
    else if (replayed.state === "live") replayed.state = "stale";
    return true;
  }
  if (kind === "snapshot") {
    book.replace(levels(bids), levels(asks));
    replayed.state = state as BookState;
  } else {
    if (replayed.state === "stale" && replayed.epoch === 0) replayed.state = "uncertain";
    const level = millionths(price) ?? 0;
    const total = millionths(size);
    const signed = millionths(change);
    if (total !== null) book.apply(side as Side, level, total);
    else if (signed !== null && book.add(side as Side, level, signed) < 0) book.apply(side as Side, level, 0);
  }
  replayed.at = micros(at);
  replayed.ts = micros(ts);
  replayed.frame = Number(frame);
  replayed.seq = seq === null ? null : Number(seq);
  replayed.epoch = epoch === null ? null : Number(epoch);
  return true;
}

function micros(value: unknown): Micros | null {
  return typeof value === "object" && value !== null && "micros" in value ? Number(value.micros) : null;
}

/** A DECIMAL with six places as an exact integer. */
function millionths(value: unknown): number | null {
  return value instanceof DuckDBDecimalValue ? Number(value.value) : null;
}

function levels(value: unknown): Levels {
  const items = value instanceof DuckDBListValue ? value.items : [];
  const entries = items.map((item) => (item instanceof DuckDBStructValue ? item.entries : {}));
  return {
    prices: entries.map((entry) => millionths(entry["price"]) ?? 0),
    sizes: entries.map((entry) => millionths(entry["size"]) ?? 0),
  };
}
