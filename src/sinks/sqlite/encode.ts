import { formatMillionths } from "../../model/decimal.ts";
import type { Levels } from "../../model/events.ts";
import type { ColumnBuffer, NumberColumn, TableBuffer } from "../../tables/buffer.ts";
import type { Table } from "../../tables/schema.ts";
import { storedName, timeFormat } from "../sql.ts";
import type { SqlValue } from "./database.ts";

export { timeFormat };

type Encode = (row: number) => SqlValue;

/** The statement that takes the values of `rowEncoder`. */
export function insertStatement(table: Table): string {
  const names = table.columns.map(({ name }) => `"${name}"`);
  return `INSERT INTO "${storedName(table)}" (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
}

/** Fills an array with the values of one row of the buffer, in the order of the table's columns. */
export function rowEncoder(buffer: TableBuffer, recorder: number): (row: number, values: SqlValue[]) => void {
  const withOutcome = buffer.table.columns.some(({ name }) => name === "outcome_id");
  const encoders = buffer.columns.map(encoder);
  return (row, values) => {
    const instrument = buffer.instrument[row] ?? null;
    let i = 0;
    values[i++] = instrument?.venue ?? null;
    values[i++] = instrument === null || instrument.market === "" ? null : instrument.market;
    if (withOutcome) values[i++] = instrument?.outcome ?? null;
    for (const encode of encoders) values[i++] = encode(row);
    values[i++] = recorder;
    values[i++] = buffer.frame[row]!;
    values[i] = buffer.n[row]!;
  };
}

function encoder(column: ColumnBuffer): Encode {
  switch (column.kind) {
    case "text":
      return (row) => column.values[row] ?? null;
    case "levels":
      return (row) => {
        const levels = column.get(row);
        return levels === null ? null : levelsJson(levels);
      };
    case "number":
      return numberEncoder(column);
  }
}

function numberEncoder(column: NumberColumn): Encode {
  switch (column.type) {
    case "price":
    case "size":
    case "usd":
    case "strike":
      return (row) => nullable(column.values[row]! / 1_000_000);
    case "spot":
      return (row) => nullable(column.values[row]! / 100_000_000);
    case "integer":
    case "bigint":
    case "boolean":
      return (row) => nullable(column.values[row]!);
    case "timestamp": {
      const format = timeFormat();
      return (row) => {
        const micros = column.values[row]!;
        return Number.isNaN(micros) ? null : format(micros);
      };
    }
  }
}

function nullable(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function levelsJson({ prices, sizes }: Levels): string {
  const items = prices.map((price, i) => `{"price":${formatMillionths(price)},"size":${formatMillionths(sizes[i]!)}}`);
  return `[${items.join(",")}]`;
}
