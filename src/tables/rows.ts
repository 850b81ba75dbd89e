import type { BookRow, GapRow, StoredSnapshot } from "../books/book-row.ts";
import type {
  BookDelta,
  EventFacts,
  Lifecycle,
  MarketFacts,
  Quarantine,
  Quote,
  SeriesFacts,
  SpotTick,
  SpotTrade,
  Subscription,
  Trade,
} from "../model/events.ts";
import type { Instrument, Instruments } from "../model/instrument.ts";
import { dayOf, type Micros } from "../model/time.ts";
import { TableBuffer } from "./buffer.ts";
import { type Cell, DeltaColumns, type Levels, PRICE_LIMIT, put, setText } from "./cells.ts";
import * as schema from "./schema.ts";

/** Characters of a quarantined frame that its row shows; the whole frame is in the journal. */
const EXCERPT_CHARACTERS = 240;

const num = (value: number | null): number => value ?? Number.NaN;

/**
 * The one function that maps events to tables. Rows gather in columnar buffers, one per table, which whoever drives
 * this hands to the sinks and clears.
 */
export class Rows {
  readonly tables: readonly TableBuffer[];
  readonly #instruments: Instruments;
  readonly #live: boolean;
  /** Partition time of imported rows that know no time of their own. */
  readonly #fallback: Micros;
  readonly #byName: ReadonlyMap<string, TableBuffer>;
  readonly #ordinals: Map<TableBuffer, number> = new Map();
  readonly #deltas: DeltaColumns;
  #frame = 0;
  #at: Micros | null = null;
  #today = 0;
  #payload: Buffer | null = null;
  #deltaOrdinal = 0;

  /** `live`: rows are partitioned by receive time; else (imports) by the fact's own time. */
  constructor(options: { instruments: Instruments; live: boolean; fallback: Micros }) {
    this.#instruments = options.instruments;
    this.#live = options.live;
    this.#fallback = options.fallback;
    this.tables = schema.tables.map((table) => new TableBuffer(table));
    this.#byName = new Map(this.tables.map((buffer) => [buffer.table.name, buffer]));
    this.#deltas = new DeltaColumns(this.#table(schema.orderbookDeltas));
  }

  /** A new record: rows from here are its. */
  begin(frame: number, at: Micros | null, payload: Buffer): void {
    this.#frame = frame;
    this.#at = at;
    this.#today = dayOf(at ?? this.#fallback);
    this.#payload = payload;
    this.#deltaOrdinal = 0;
    if (this.#ordinals.size > 0) this.#ordinals.clear();
  }

  clear(): void {
    for (const table of this.tables) if (table.length > 0) table.clear();
  }

  /** Adds the row of an event and returns its ordinal within its table and frame. */
  write(row: BookRow): number {
    switch (row.type) {
      case "book_delta":
        return this.#delta(row);
      case "book_snapshot":
        return this.#snapshot(row);
      case "quote":
        return this.#quote(row);
      case "trade":
        return this.#trade(row);
      case "lifecycle":
        return this.#lifecycle(row);
      case "market":
        return this.#market(row);
      case "event":
        return this.#group(schema.events, row);
      case "series":
        return this.#group(schema.series, row);
      case "gap":
        return this.#gap(row);
      case "subscription":
        return this.#subscription(row);
      case "spot_tick":
        return this.#spotTick(row);
      case "spot_trade":
        return this.#spotTrade(row);
      case "quarantine":
        return this.#quarantine(row);
    }
  }

  #table(table: schema.Table): TableBuffer {
    const buffer = this.#byName.get(table.name);
    if (buffer === undefined) throw new Error(`no buffer for table ${table.name}`);
    return buffer;
  }

  #day(ts: Micros | null): number {
    return this.#live || ts === null ? this.#today : dayOf(ts);
  }

  #delta(event: BookDelta): number {
    const c = this.#deltas;
    const n = this.#deltaOrdinal++;
    const row = c.buffer.add(event.instrument, this.#day(event.ts), this.#frame, n);
    c.ts.values[row] = num(event.ts);
    c.receivedAt.values[row] = num(this.#at);
    c.seq.values[row] = num(event.seq);
    c.epoch.values[row] = event.epoch;
    c.side.values[row] = event.side;
    if (event.price > -PRICE_LIMIT && event.price < PRICE_LIMIT) c.price.values[row] = event.price;
    else {
      c.price.values[row] = Number.NaN;
      this.#refused(event.instrument, "orderbook_deltas.price", event.price);
    }
    c.size.values[row] = num(event.size);
    c.change.values[row] = num(event.change);
    setText(c.venueHash, row, event.venueHash);
    return n;
  }

  #add(table: schema.Table, instrument: Instrument | null, day: number, cells: readonly (Cell | Levels)[]): number {
    const buffer = this.#table(table);
    const n = this.#ordinals.get(buffer) ?? 0;
    this.#ordinals.set(buffer, n + 1);
    const row = buffer.add(instrument, day, this.#frame, n);
    for (const [i, column] of buffer.columns.entries()) {
      if (!put(column, row, cells[i] ?? null)) this.#refused(instrument, `${table.name}.${column.name}`, cells[i]);
    }
    return n;
  }

  /** The cell stays null. The interpreters know what venues may send, so that this is a number that nobody foresaw. */
  #refused(instrument: Instrument | null, column: string, cell: Cell | Levels | undefined): void {
    const { venue = "", market = "", outcome = null } = instrument ?? {};
    const said = typeof cell === "object" ? "a price in it" : String(cell);
    const detail = `${column} cannot hold ${said}`;
    this.#quarantine({ type: "quarantine", venue, market: market || null, outcome, reason: "out_of_range", detail });
  }

  #snapshot(event: StoredSnapshot): number {
    const bestBid = event.bids.prices[0] ?? null;
    const bestAsk = event.asks.prices[0] ?? null;
    const both = bestBid !== null && bestAsk !== null;
    const sum = both ? bestBid + bestAsk : 0;
    const own = event.trigger === "segment";
    return this.#add(schema.orderbookSnapshots, event.instrument, this.#day(own ? null : event.ts), [
      own ? this.#at : null,
      event.ts,
      this.#at,
      null,
      event.trigger,
      event.bookState,
      false,
      null,
      event.seq,
      event.epoch,
      event.venueHash,
      event.bids,
      event.asks,
      bestBid,
      event.bids.sizes[0] ?? null,
      bestAsk,
      event.asks.sizes[0] ?? null,
      both ? bestAsk - bestBid : null,
      // A middle finer than a millionth has no exact place in the column.
      both && sum % 2 === 0 ? sum / 2 : null,
    ]);
  }

  #quote(event: Quote): number {
    return this.#add(schema.marketSnapshots, event.instrument, this.#day(event.ts), [
      null,
      event.ts,
      this.#at,
      null,
      event.trigger,
      event.bid,
      event.bidSize,
      event.ask,
      event.askSize,
      event.lastPrice,
      event.lastSize,
      event.volume,
      event.volumeUsd,
      event.openInterest,
      event.liquidityUsd,
    ]);
  }

  #trade(event: Trade): number {
    const day = event.source === "history" && event.ts !== null ? dayOf(event.ts) : this.#day(event.ts);
    return this.#add(schema.trades, event.instrument, day, [
      event.tradeId,
      event.ts,
      this.#at,
      event.price,
      event.size,
      event.takerSide,
      event.source,
      event.isBlock,
      event.isAggregate,
      event.transactionHash,
      event.priceReported,
    ]);
  }

  #lifecycle(event: Lifecycle): number {
    return this.#add(schema.marketLifecycle, event.instrument, this.#day(event.ts), [
      event.ts,
      this.#at,
      event.fromStatus,
      event.toStatus,
      event.kind,
      event.detail,
    ]);
  }

  #market(event: MarketFacts): number {
    return this.#add(schema.markets, this.#instruments.get(event.venue, event.market, null), this.#today, [
      event.eventId,
      event.seriesId,
      event.slug,
      event.title,
      event.subtitle,
      event.status,
      event.venueStatus,
      event.openAt,
      event.closeAt,
      event.expectedExpirationAt,
      event.latestExpirationAt,
      event.settledAt,
      event.result,
      event.settlementValue,
      event.expirationValue,
      event.settlementSource,
      event.strikeType,
      event.floorStrike,
      event.capStrike,
      event.strikePeriod,
      event.tickSizes,
      event.fee,
      event.outcomes,
      event.volume,
      event.openInterest,
      event.liquidityUsd,
      event.rules,
      event.raw,
      this.#at,
    ]);
  }

  #group(table: schema.Table, event: EventFacts | SeriesFacts): number {
    return this.#add(table, this.#instruments.get(event.venue, "", null), this.#today, [
      event.eventId,
      event.seriesId,
      event.title,
      event.subtitle,
      event.category,
      event.strikeDate,
      event.strikePeriod,
      event.mutuallyExclusive,
      event.feeType,
      event.feeMultiplier,
      event.frequency,
      event.raw,
      this.#at,
    ]);
  }

  #gap(row: GapRow): number {
    const instrument = this.#instruments.get(row.venue, row.market ?? "", row.outcome);
    const buffer = this.#table(schema.gaps);
    return this.#add(schema.gaps, instrument, this.#day(row.detectedAt), [
      row.epoch,
      row.sid,
      row.channel,
      row.from,
      row.to,
      row.cause,
      row.confidence,
      row.evidence,
      row.detectedAt,
      row.resolvedAt,
      row.repair,
      row.openingFrame ?? this.#frame,
      row.openingN ?? this.#ordinals.get(buffer) ?? 0,
      this.#at,
    ]);
  }

  #subscription(event: Subscription): number {
    const instrument = this.#instruments.get(event.venue, event.market ?? "", event.outcome);
    return this.#add(schema.subscriptions, instrument, this.#today, [
      event.listener,
      event.epoch,
      event.sid,
      event.channel,
      event.requestedAt,
      event.acknowledgedAt,
      event.firstDataAt,
      event.endedAt,
      event.reason,
      this.#at,
    ]);
  }

  #spotTick(event: SpotTick): number {
    const instrument = this.#instruments.get(event.venue, event.product, null);
    return this.#add(schema.spotTicks, instrument, this.#day(event.ts), [
      event.ts,
      this.#at,
      event.price,
      event.bid,
      event.bidSize,
      event.ask,
      event.askSize,
      event.volume24h,
      event.sequence,
      event.isStale,
    ]);
  }

  #spotTrade(event: SpotTrade): number {
    const instrument = this.#instruments.get(event.venue, event.product, null);
    return this.#add(schema.spotTrades, instrument, this.#day(event.ts), [
      event.ts,
      this.#at,
      event.price,
      event.size,
      event.side,
      event.tradeId,
    ]);
  }

  #quarantine(event: Quarantine): number {
    const instrument = this.#instruments.get(event.venue, event.market ?? "", event.outcome);
    return this.#add(schema.quarantine, instrument, this.#today, [
      this.#at,
      event.reason,
      event.detail,
      this.#payload?.toString("utf8", 0, EXCERPT_CHARACTERS).replaceAll("\u0000", "\uFFFD") ?? null,
    ]);
  }
}
