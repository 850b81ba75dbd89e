import type { Table } from "../../tables/schema.ts";

/**
 * How a table is cut by `date`, the UTC date of a row's partition time. What streams by the million is cut by day: old
 * days are dropped whole, and a question about a day reads that day. Trades are cut by month, because the view with
 * their plain name looks up each row's natural key in every partition. What is few, and asked for over all time
 * (markets, gaps, subscriptions …), is one table.
 */
const units: Readonly<Record<string, "day" | "month">> = {
  orderbook_deltas: "day",
  orderbook_snapshots: "day",
  market_snapshots: "day",
  spot_ticks: "day",
  trades: "month",
  spot_trades: "month",
};

/** The span of a table's partitions, null for one that has none. */
export function partitionUnit(table: Table): "day" | "month" | null {
  return units[table.name] ?? null;
}

/** `2026-11-21` of a UTC day since 1970. */
export function dateText(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
