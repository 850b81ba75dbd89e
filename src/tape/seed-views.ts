import { duckdb } from "../seeds/duckdb.ts";
import { seeds } from "../seeds/index.ts";
import { viewSelect } from "../seeds/seed.ts";
import { wordsOf } from "./views.ts";

/** A seed's view in DuckDB's SQL. */
export interface SeedViewText {
  readonly schema: string;
  readonly name: string;
  readonly select: string;
}

const texts: readonly SeedViewText[] = seeds.flatMap(({ schema, views }) =>
  views(duckdb).map((view) => ({ schema, name: view.name, select: viewSelect(view) })),
);

/** Names of a seed's views; none without a seed. */
export function seedViewNames(schema: string | undefined): readonly string[] {
  return texts.filter((view) => view.schema === schema).map(({ name }) => name);
}

/**
 * The seeds' views that `sql` may read, each behind those that it reads: of a schema that is named or chosen, the views
 * that are named, or all where none is (`SHOW TABLES`). A query that names no seed makes none, and pays for none.
 */
export function seedViewsIn(sql: string, chosen?: string): readonly SeedViewText[] {
  const words = wordsOf(sql);
  return seeds.flatMap(({ schema }) => {
    if (schema !== chosen && !words.has(schema)) return [];
    const views = texts.filter((view) => view.schema === schema);
    const needed = new Set(views.map(({ name }) => name).filter((name) => words.has(name)));
    if (needed.size === 0) return views;
    // A view reads only those before it.
    for (const { name, select } of views.toReversed()) {
      if (needed.has(name)) for (const word of wordsOf(select)) needed.add(word);
    }
    return views.filter(({ name }) => needed.has(name));
  });
}
