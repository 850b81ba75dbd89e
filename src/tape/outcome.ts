import type { DuckDBConnection } from "@duckdb/node-api";
import { ForetapeError, UsageError } from "../ops/errors.ts";
import type { BookName } from "./book-replay.ts";

/**
 * The outcome that a request means: its id, its name in the venue's own words, or the only one that the tape has a book
 * of. Throws `UsageError` where that is not one, `ForetapeError` where the tape knows nothing of the market.
 */
export async function resolveOutcome(
  connection: DuckDBConnection,
  request: { readonly venue: string; readonly market: string; readonly outcome?: string | undefined },
): Promise<BookName> {
  const { venue, market, outcome } = request;
  const known = await connection.runAndReadAll(
    "SELECT DISTINCT outcome_id FROM orderbook_snapshots WHERE venue = $1 AND market_id = $2 ORDER BY 1",
    [venue, market],
  );
  const ids = known.getRows().map(([id]) => String(id));
  if (ids.length === 0) {
    throw new ForetapeError("not_found", `the tape has no book of market "${market}" on ${venue}`, {
      hint: '`foretape query "SELECT DISTINCT venue, market_id FROM orderbook_snapshots"` lists those it has',
    });
  }
  if (outcome !== undefined && ids.includes(outcome)) return { venue, market, outcome };
  const names = await outcomeNames(connection, venue, market);
  const listed = ids.map((id) => (names.has(id) ? `${id} (${names.get(id)})` : id)).join(", ");
  if (outcome === undefined) {
    if (ids.length === 1) return { venue, market, outcome: ids[0]! };
    throw new UsageError(`market ${market} has ${ids.length} outcomes`, {
      hint: `choose one with --outcome: ${listed}`,
    });
  }
  const named = ids.find((id) => names.get(id)?.toLowerCase() === outcome.toLowerCase());
  if (named !== undefined) return { venue, market, outcome: named };
  throw new UsageError(`market ${market} has no outcome "${outcome}"`, { hint: `it has ${listed}` });
}

async function outcomeNames(connection: DuckDBConnection, venue: string, market: string): Promise<Map<string, string>> {
  const rows = await connection.runAndReadAll("SELECT outcomes FROM markets WHERE venue = $1 AND market_id = $2", [
    venue,
    market,
  ]);
  const text = rows.getRows()[0]?.[0];
  const listed = typeof text === "string" ? (JSON.parse(text) as { outcome_id: string; name: string | null }[]) : [];
  return new Map(listed.flatMap(({ outcome_id: id, name }) => (name === null ? [] : [[id, name] as const])));
}
