import type { StoredSnapshot } from "../books/book-row.ts";
import type { ColumnBuffer, NumberColumn, TableBuffer, TextColumn } from "./buffer.ts";
import type { ColumnType } from "./schema.ts";

export type Cell = string | number | boolean | null;
export type Levels = StoredSnapshot["bids"];

/** DECIMAL(9,6) ends at a thousand dollars a contract; no venue has quoted a hundredth of it. */
export const PRICE_LIMIT = 1_000_000_000;
/** Where the columns of a type end, if before the safe integers. */
const LIMITS: Partial<Record<ColumnType, number>> = { price: PRICE_LIMIT, integer: 2 ** 31 };

const flag = (value: boolean | null): number => (value === null ? Number.NaN : value ? 1 : 0);

/** Nulls at the end are left out. */
export function setText({ values }: TextColumn, row: number, text: string | null): void {
  if (text === null && row >= values.length) return;
  while (values.length < row) values.push(null);
  values[row] = text;
}

/** Fills a cell; false where the value does not fit its column, which is then null. */
export function put(column: ColumnBuffer, row: number, cell: Cell | Levels): boolean {
  switch (column.kind) {
    case "number": {
      const value = typeof cell === "boolean" ? flag(cell) : cell;
      // Whole seconds are exact far beyond the safe integers: venues write 9999 for "never".
      const isExact = column.type === "timestamp" ? Number.isInteger : Number.isSafeInteger;
      const fits = typeof value === "number" && Math.abs(value) < (LIMITS[column.type] ?? Infinity) && isExact(value);
      column.values[row] = fits ? value : Number.NaN;
      return fits || value === null;
    }
    case "text":
      setText(column, row, typeof cell === "string" ? cell : null);
      return true;
    case "levels": {
      const levels = typeof cell === "object" ? cell : null;
      const fits = levels === null || levels.prices.every((price) => Math.abs(price) < PRICE_LIMIT);
      column.set(row, fits ? levels : null);
      return fits;
    }
  }
}

/** The columns of the hot table, found once. */
export class DeltaColumns {
  readonly buffer: TableBuffer;
  readonly ts: NumberColumn;
  readonly receivedAt: NumberColumn;
  readonly seq: NumberColumn;
  readonly epoch: NumberColumn;
  readonly side: TextColumn;
  readonly price: NumberColumn;
  readonly size: NumberColumn;
  readonly change: NumberColumn;
  readonly venueHash: TextColumn;

  constructor(buffer: TableBuffer) {
    this.buffer = buffer;
    this.ts = buffer.number("ts");
    this.receivedAt = buffer.number("received_at");
    this.seq = buffer.number("seq");
    this.epoch = buffer.number("epoch");
    this.side = buffer.text("side");
    this.price = buffer.number("price");
    this.size = buffer.number("size");
    this.change = buffer.number("change");
    this.venueHash = buffer.text("venue_hash");
  }
}
