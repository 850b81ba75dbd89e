import type { Table } from "../tables/schema.ts";

/** Name of the table that holds all rows; where a fact can be seen more than once the plain name is a view. */
export function storedName(table: Table): string {
  return table.naturalKey === null ? table.name : `${table.name}_history`;
}

/** Prints microseconds as `2026-11-21 16:59:00.000000`. Neighbouring rows share their second, so it is kept. */
export function timeFormat(): (micros: number) => string {
  let lastSecond = Number.NaN;
  let prefix = "";
  return (micros) => {
    const second = Math.floor(micros / 1_000_000);
    if (second !== lastSecond) {
      lastSecond = second;
      prefix = `${new Date(second * 1_000).toISOString().slice(0, 19).replace("T", " ")}.`;
    }
    return prefix + String(micros - second * 1_000_000 + 1_000_000).slice(1);
  };
}
