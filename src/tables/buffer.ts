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

export interface TextColumn {
  readonly kind: "text";
  readonly name: string;
  readonly type: "text" | "word" | "json";
  readonly values: (string | null)[];
}

export interface LevelsColumn {
  readonly kind: "levels";
  readonly name: string;
  readonly type: "levels";
  readonly values: (Levels | null)[];
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
      if (type === "levels") return { kind: "levels", name, type, values: [] };
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

  /** Copies row `row` of a buffer of the same table to the end of this one. */
  copy(from: TableBuffer, row: number): void {
    const at = this.add(from.instrument[row] ?? null, from.day[row]!, from.frame[row]!, from.n[row]!);
    for (const [i, column] of this.columns.entries()) {
      // Same table, so the same columns in the same order.
      (column.values as unknown[])[at] = from.columns[i]!.values[row];
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
    this.instrument = [];
    for (const column of this.columns) if (column.kind !== "number") column.values.length = 0;
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

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** The columns of a table between the names in front and the identity behind. */
export function ownColumns(table: Table): Table["columns"] {
  const names = new Set(["venue", "market_id", "outcome_id"]);
  const identity = new Set(["recorder", "frame", "n"]);
  return table.columns.filter(({ name }) => !names.has(name) && !identity.has(name));
}
