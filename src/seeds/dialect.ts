/** Types of columns that have nothing to show yet, so that a view has the same columns now and when it has. */
export type SeedType = "text" | "integer" | "real" | "boolean" | "timestamp";

/**
 * What the seeds' views need of an engine's SQL. A view is written once in these terms; everything else in its text is
 * SQL that DuckDB, SQLite and PostgreSQL read alike. Arguments are SQL expressions, results too; null gives null.
 */
export interface Dialect {
  /** One of Foretape's tables, by its plain name. */
  table(name: string): string;
  /** A seed's view, so that another can read it. */
  view(schema: string, name: string): string;
  none(type: SeedType): string;
  /** An exact decimal as floating point, as the seeds stored numbers. */
  real(number: string): string;
  /** What arithmetic made of prices, in dollars and floating point, without its noise. */
  price(dollars: string): string;
  /** Dollars as cents, in floating point: whole where the price is, with its fraction where it is finer than a cent. */
  cents(dollars: string): string;
  /** A time as whole Unix seconds; the fraction is cut. */
  seconds(time: string): string;
  /** A time as whole Unix milliseconds; the fraction is cut. */
  millis(time: string): string;
  /** A decimal as text without trailing zeros. */
  text(number: string): string;
  /** A field of a JSON object, null where it is not there or no such value: a venue's own words may change. */
  field(json: string, key: string, type: SeedType): string;
  /** A list of levels as a JSON array of `{price, size}`, best first; what stands there follows from each level's own. */
  levelsJson(levels: string, price: (price: string) => string, size: (size: string) => string): string;
  /** What rests on all levels of a list. */
  levelsSize(levels: string): string;
  /** To be put into FROM behind the table that has the list: a row for each level, with its price and size. */
  eachLevel(levels: string, alias: string): { readonly from: string; readonly price: string; readonly size: string };
  /** To be put into FROM behind the table that has the JSON array: a row for each element, with its place from 0. */
  eachElement(json: string, alias: string): { readonly from: string; readonly json: string; readonly place: string };
  /** A join to the first row of a table, under `alias`, among those where the condition holds. */
  joinFirst(table: string, alias: string, where: string, order: string): string;
}
