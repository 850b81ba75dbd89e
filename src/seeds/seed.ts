import type { Dialect } from "./dialect.ts";

/** A column of a seed's table. */
export interface SeedColumn {
  readonly name: string;
  /** Expression over the view's FROM. */
  readonly sql: string;
  /** Unit and difference, for the documentation: "cents of the YES side". */
  readonly holds: string;
}

/** A table as a seed knows it. */
export interface SeedView {
  readonly name: string;
  /** What one row is, and what makes it unique, for the documentation. */
  readonly row: string;
  readonly columns: readonly SeedColumn[];
  /** FROM and what follows; null where Foretape records nothing yet that would make a row. */
  readonly from: string | null;
}

/** The names of one of the systems that Foretape replaces. */
export interface Seed {
  /** Schema, or prefix of the views where an engine has no schemas. */
  readonly schema: string;
  readonly title: string;
  /** In what the tables as a whole differ from the seed's, for the documentation. */
  readonly differences: string;
  /** In an order in which each reads only those before it. */
  readonly views: (dialect: Dialect) => readonly SeedView[];
}

export const column = (name: string, sql: string, holds: string): SeedColumn => ({ name, sql, holds });

/** The SELECT of a view. */
export function viewSelect({ columns, from }: SeedView): string {
  const list = columns.map(({ name, sql }) => `  ${sql} AS "${name}"`).join(",\n");
  return `SELECT\n${list}\n${from === null ? "WHERE false" : from}`;
}
