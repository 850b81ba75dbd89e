import type { Levels } from "../model/events.ts";
import type { Instrument } from "../model/instrument.ts";
import type { ColumnType, Table } from "./schema.ts";

/** Numbers of a column, scaled as `schema.ts` says (booleans are 0 and 1); NaN is null. */
export interface NumberColumn {
  readonly kind: "number";
  readonly name: string;
  readonly type: Exclude<ColumnType, "text" | "word" | "json" | "levels">;
  values: Float64Array;
}

/** Text; missing at the end, or null, is null. */
export interface TextColumn {
  readonly kind: "text";
  readonly name: string;
  readonly type: "text" | "word" | "json";
  readonly values: (string | null)[];
}

/**
 * Lists of levels laid end to end in memory that is used again and again: a segment of books is millions of levels,
 * which as objects would keep the garbage collector busy.
 */
export class LevelsColumn {
  readonly kind = "levels";
  readonly name: string;
  readonly type = "levels";
  /** Row → where its levels begin, and how many it has; -1 is null. */
  readonly starts: number[] = [];
  readonly counts: number[] = [];
  /** Millionths of a contract's dollar fit 32 bits. */
  prices: Int32Array = new Int32Array(256);
  sizes: Float64Array = new Float64Array(256);
  #used = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Levels of all rows together. */
  get used(): number {
    return this.#used;
  }

  /** Takes over the lists of as many rows as there are `counts`, in place of what it holds. */
  load(starts: Int32Array, counts: Int32Array, prices: Int32Array, sizes: Float64Array): void {
    this.clear();
    this.#reserve(prices.length);
    this.prices.set(prices);
    this.sizes.set(sizes);
    this.#used = prices.length;
    for (let row = 0; row < counts.length; row++) {
      this.starts[row] = starts[row]!;
      this.counts[row] = counts[row]!;
    }
  }

  set(row: number, levels: Levels | null): void {
    this.starts[row] = this.#used;
    this.counts[row] = levels === null ? -1 : levels.prices.length;
    if (levels === null) return;
    this.#reserve(levels.prices.length);
    this.prices.set(levels.prices, this.#used);
    this.sizes.set(levels.sizes, this.#used);
    this.#used += levels.prices.length;
  }

  get(row: number): Levels | null {
    const start = this.starts[row] ?? 0;
    const count = this.counts[row] ?? -1;
    if (count < 0) return null;
    return {
      prices: [...this.prices.subarray(start, start + count)],
      sizes: [...this.sizes.subarray(start, start + count)],
    };
  }

  /** Copies all `rows` lists of another column behind the `at` lists here. */
  append(from: LevelsColumn, rows: number, at: number): void {
    this.#reserve(from.#used);
    this.prices.set(from.prices.subarray(0, from.#used), this.#used);
    this.sizes.set(from.sizes.subarray(0, from.#used), this.#used);
    for (let row = 0; row < rows; row++) {
      this.starts[at + row] = this.#used + from.starts[row]!;
      this.counts[at + row] = from.counts[row]!;
    }
    this.#used += from.#used;
  }

  /** Copies the list of another column's row. */
  copy(from: LevelsColumn, row: number, at: number): void {
    const start = from.starts[row]!;
    const count = from.counts[row]!;
    this.starts[at] = this.#used;
    this.counts[at] = count;
    if (count <= 0) return;
    this.#reserve(count);
    this.prices.set(from.prices.subarray(start, start + count), this.#used);
    this.sizes.set(from.sizes.subarray(start, start + count), this.#used);
    this.#used += count;
  }

  clear(): void {
    this.starts.length = 0;
    this.counts.length = 0;
    this.#used = 0;
  }

  #reserve(count: number): void {
    if (this.#used + count <= this.prices.length) return;
    const capacity = Math.ceil((this.#used + count) * 1.5);
    this.prices = grown(this.prices, new Int32Array(capacity));
    this.sizes = grown(this.sizes, new Float64Array(capacity));
  }
}

export type ColumnBuffer = NumberColumn | TextColumn | LevelsColumn;

/**
 * Rows of one table as columns. The names in front (venue, market, outcome) are one instrument per row; the identity
 * behind (recorder, frame, n) is `frame` and `n`, the recorder being the same for all. `columns` are those between.
 */
export class TableBuffer {
  readonly table: Table;
  readonly columns: readonly ColumnBuffer[];
  length = 0;
  instrument: (Instrument | null)[] = [];
  /** UTC day (since 1970) of the row's partition time. */
  day: Int32Array;
  frame: Float64Array;
  n: Int32Array;
  #capacity: number;
  readonly #byName: ReadonlyMap<string, ColumnBuffer>;

  constructor(table: Table, capacity: number = 2048) {
    this.table = table;
    this.#capacity = capacity;
    this.day = new Int32Array(capacity);
    this.frame = new Float64Array(capacity);
    this.n = new Int32Array(capacity);
    this.columns = ownColumns(table).map(({ name, type }): ColumnBuffer => {
      if (type === "text" || type === "word" || type === "json") return { kind: "text", name, type, values: [] };
      if (type === "levels") return new LevelsColumn(name);
      return { kind: "number", name, type, values: new Float64Array(capacity) };
    });
    this.#byName = new Map(this.columns.map((column) => [column.name, column]));
  }

  /** Makes room for one more row and returns its index. The caller fills every column. */
  add(instrument: Instrument | null, day: number, frame: number, n: number): number {
    const row = this.length++;
    if (row === this.#capacity) this.#grow();
    this.instrument[row] = instrument;
    this.day[row] = day;
    this.frame[row] = frame;
    this.n[row] = n;
    return row;
  }

  /** Copies every row of a buffer of the same table to the end of this one. */
  append(from: TableBuffer): void {
    const at = this.length;
    const rows = from.length;
    this.length += rows;
    while (this.length > this.#capacity) this.#grow();
    for (let row = 0; row < rows; row++) this.instrument[at + row] = from.instrument[row]!;
    this.day.set(from.day.subarray(0, rows), at);
    this.frame.set(from.frame.subarray(0, rows), at);
    this.n.set(from.n.subarray(0, rows), at);
    for (const [i, column] of this.columns.entries()) {
      const source = from.columns[i];
      if (column.kind === "levels" && source?.kind === "levels") column.append(source, rows, at);
      else if (column.kind === "number" && source?.kind === "number") {
        column.values.set(source.values.subarray(0, rows), at);
      } else if (column.kind === "text" && source?.kind === "text") {
        // A column of nulls, such as hashes that a venue does not send, has no values.
        if (source.values.length > 0) {
          while (column.values.length < at) column.values.push(null);
          for (let row = 0; row < rows; row++) column.values[at + row] = source.values[row] ?? null;
        }
      }
    }
  }

  /** Takes over the rows `order[start, end)` of a buffer of the same table in place of what it holds. */
  gather(from: TableBuffer, order: Int32Array, start: number, end: number): void {
    this.clear();
    const rows = end - start;
    this.length = rows;
    while (this.length > this.#capacity) this.#grow();
    for (let i = 0; i < rows; i++) {
      const row = order[start + i]!;
      this.instrument[i] = from.instrument[row]!;
      this.day[i] = from.day[row]!;
      this.frame[i] = from.frame[row]!;
      this.n[i] = from.n[row]!;
    }
    for (const [c, column] of this.columns.entries()) {
      // The same table has the same columns in the same order.
      const source = from.columns[c];
      if (column.kind === "levels" && source?.kind === "levels") {
        for (let i = 0; i < rows; i++) column.copy(source, order[start + i]!, i);
      } else if (column.kind === "number" && source?.kind === "number") {
        const to = column.values;
        const values = source.values;
        for (let i = 0; i < rows; i++) to[i] = values[order[start + i]!]!;
      } else if (column.kind === "text" && source?.kind === "text") {
        if (source.values.length > 0) {
          for (let i = 0; i < rows; i++) column.values[i] = source.values[order[start + i]!] ?? null;
        }
      }
    }
  }

  number(name: string): NumberColumn {
    return this.#column(name, "number");
  }
  text(name: string): TextColumn {
    return this.#column(name, "text");
  }
  levels(name: string): LevelsColumn {
    return this.#column(name, "levels");
  }

  #column<K extends ColumnBuffer["kind"]>(name: string, kind: K): Extract<ColumnBuffer, { kind: K }> {
    const column = this.#byName.get(name);
    if (column?.kind !== kind) throw new Error(`table ${this.table.name} has no ${kind} column ${name}`);
    return column as Extract<ColumnBuffer, { kind: K }>;
  }

  clear(): void {
    this.length = 0;
    this.instrument.length = 0;
    for (const column of this.columns) {
      if (column.kind === "text") column.values.length = 0;
      else if (column.kind === "levels") column.clear();
    }
  }

  #grow(): void {
    this.#capacity *= 2;
    this.day = grown(this.day, new Int32Array(this.#capacity));
    this.frame = grown(this.frame, new Float64Array(this.#capacity));
    this.n = grown(this.n, new Int32Array(this.#capacity));
    for (const column of this.columns) {
      if (column.kind === "number") column.values = grown(column.values, new Float64Array(this.#capacity));
    }
  }
}

/** `to`, with what `from` holds at its beginning. */
function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** The columns of a table between the names in front and the identity behind. */
export function ownColumns(table: Table): Table["columns"] {
  const names = new Set(["venue", "market_id", "outcome_id", "product"]);
  const identity = new Set(["recorder", "frame", "n"]);
  return table.columns.filter(({ name }) => !names.has(name) && !identity.has(name));
}
