import {
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
} from "@duckdb/node-api";
import { formatTime } from "../model/time.ts";

/** A value of a result as text: times as `2026-11-21T16:59:00.000000Z`, decimals with all their places, lists as JSON. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return timeText(value.micros, String(value));
  if (value instanceof DuckDBListValue || value instanceof DuckDBStructValue || value instanceof DuckDBMapValue)
    return cellJson(value);
  return typeof value === "string" ? value : (value as { toString(): string }).toString();
}

/** A value of a result as JSON; numbers keep every digit. */
export function cellJson(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean" || typeof value === "bigint" || value instanceof DuckDBDecimalValue)
    return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (value instanceof DuckDBListValue) return `[${value.items.map(cellJson).join(",")}]`;
  if (value instanceof DuckDBStructValue) {
    return `{${Object.entries(value.entries)
      .map(([name, each]) => `${JSON.stringify(name)}:${cellJson(each)}`)
      .join(",")}}`;
  }
  if (value instanceof DuckDBMapValue) {
    return `{${value.entries.map(({ key, value: each }) => `${JSON.stringify(cellText(key))}:${cellJson(each)}`).join(",")}}`;
  }
  return JSON.stringify(cellText(value));
}

function timeText(micros: bigint, otherwise: string): string {
  const number = Number(micros);
  return Number.isSafeInteger(number) && Math.abs(number) < 8.64e18 ? formatTime(number) : otherwise;
}

/** A line of CSV (RFC 4180): quotes only where they are needed. An empty text is `""`, so that null is not the same. */
export function csvLine(values: readonly unknown[]): string {
  return `${values.map(csvField).join(",")}\n`;
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = cellText(value);
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A row as a JSON object. A name that occurs twice keeps both values: the second as `name_2`. */
export function jsonObject(names: readonly string[], values: readonly unknown[]): string {
  return `{${names.map((name, i) => `${JSON.stringify(name)}:${cellJson(values[i])}`).join(",")}}`;
}

/** Column names, each once. */
export function distinctNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}_${count}`;
  });
}
