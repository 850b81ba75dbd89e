import { formatMillionths, formatSpot } from "../../model/decimal.ts";
import type { Levels } from "../../model/events.ts";
import type { ColumnBuffer, NumberColumn, TableBuffer } from "../../tables/buffer.ts";
import type { Table } from "../../tables/schema.ts";
import { timeFormat } from "../sql.ts";
import { dateText, partitionUnit } from "./partitioning.ts";

type Encode = (row: number) => string;

/** Null in COPY's text format (PostgreSQL's manual, COPY, "Text Format"). */
const NULL = "\\N";
const PIECE_CHARACTERS = 128 * 1024;

/** The names of the columns in the order of `copyText`, quoted. */
export function columnList(table: Table): string {
  const names = table.columns.map(({ name }) => `"${name}"`);
  return [...names, ...(partitionUnit(table) === null ? [] : ["date"])].join(", ");
}

/** The rows of these frames in COPY's text format, in pieces of about 128 thousand characters. */
export function* copyText(buffer: TableBuffer, recorder: number, from: number, to: number): Generator<string> {
  const { table, instrument, frame, n, day } = buffer;
  const withOutcome = table.columns.some(({ name }) => name === "outcome_id");
  const withDate = partitionUnit(table) !== null;
  const encoders = buffer.columns.map(encoder);
  const date = dateFormat();
  let text = "";
  for (let row = 0; row < buffer.length; row++) {
    const at = frame[row]!;
    if (at < from || at > to) continue;
    const subject = instrument[row] ?? null;
    text += escaped(subject?.venue ?? null);
    text += `\t${subject?.market === "" ? NULL : escaped(subject?.market ?? null)}`;
    if (withOutcome) text += `\t${escaped(subject?.outcome ?? null)}`;
    for (const encode of encoders) text += `\t${encode(row)}`;
    text += `\t${recorder}\t${at}\t${n[row]!}`;
    text += withDate ? `\t${date(day[row]!)}\n` : "\n";
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = "";
  }
  if (text !== "") yield text;
}

function encoder(column: ColumnBuffer): Encode {
  switch (column.kind) {
    case "text":
      return (row) => escaped(column.values[row] ?? null);
    case "levels":
      return (row) => {
        const levels = column.get(row);
        return levels === null ? NULL : levelsJson(levels);
      };
    case "number": {
      const format = numberFormat(column);
      return (row) => {
        const value = column.values[row]!;
        return Number.isNaN(value) ? NULL : format(value);
      };
    }
  }
}

function numberFormat({ type }: NumberColumn): (value: number) => string {
  switch (type) {
    case "price":
    case "size":
    case "usd":
    case "strike":
      return formatMillionths;
    case "spot":
      return formatSpot;
    case "integer":
    case "bigint":
      return (value) => value.toFixed(0);
    case "boolean":
      return (value) => (value === 0 ? "f" : "t");
    case "timestamp": {
      const format = timeFormat();
      return (micros) => `${format(micros)}+00`;
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  // PostgreSQL's text cannot hold it; the recorded frame can.
  "\0": "\u{FFFD}",
};

function escaped(text: string | null): string {
  if (text === null) return NULL;
  // oxlint-disable-next-line no-control-regex -- these are what COPY gives a meaning
  return /[\\\n\r\t\0]/.test(text) ? text.replaceAll(/[\\\n\r\t\0]/g, (found) => ESCAPES[found]!) : text;
}

function levelsJson({ prices, sizes }: Levels): string {
  const items = prices.map((price, i) => `{"price":${formatMillionths(price)},"size":${formatMillionths(sizes[i]!)}}`);
  return `[${items.join(",")}]`;
}

/** Neighbouring rows share their day. */
function dateFormat(): (day: number) => string {
  let last = Number.NaN;
  let text = "";
  return (day) => {
    if (day !== last) text = dateText((last = day));
    return text;
  };
}
