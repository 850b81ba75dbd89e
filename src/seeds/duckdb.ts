import type { Dialect, SeedType } from "./dialect.ts";

const types: Readonly<Record<SeedType, string>> = {
  text: "VARCHAR",
  integer: "BIGINT",
  real: "DOUBLE",
  boolean: "BOOLEAN",
  timestamp: "TIMESTAMP",
};

/** DuckDB over the views of a tape (`tape/tape-database.ts`): each seed is a schema of its own. */
export const duckdb: Dialect = {
  table: (name) => `main."${name}"`,
  view: (schema, name) => `${schema}."${name}"`,
  none: (type) => `CAST(NULL AS ${types[type]})`,
  real: (number) => `CAST(${number} AS DOUBLE)`,
  price: (dollars) => `CAST(round(${dollars}, 7) AS DOUBLE)`,
  // Decimals are exact; a middle is floating point, with what is behind its places noise.
  cents: (dollars) => `CAST(round((${dollars}) * 100, 5) AS DOUBLE)`,
  seconds: (time) => `(epoch_us(${time}) // 1000000)`,
  millis: (time) => `(epoch_us(${time}) // 1000)`,
  text: (number) => `rtrim(rtrim(CAST(${number} AS VARCHAR), '0'), '.')`,
  field: (json, key, type) => `TRY_CAST((${json} ->> '$.${key}') AS ${types[type]})`,
  levelsJson: (levels, price, size) =>
    `CAST(to_json([{price: ${price("level.price")}, size: ${size("level.size")}} FOR level IN ${levels}]) AS VARCHAR)`,
  levelsSize: (levels) => `CAST(list_sum([level.size FOR level IN ${levels}]) AS DECIMAL(38,6))`,
  eachLevel: (levels, alias) => ({
    from: `, unnest(${levels}) AS ${alias}(level)`,
    price: `${alias}.level.price`,
    size: `${alias}.level.size`,
  }),
  eachElement: (json, alias) => ({
    from: `, unnest(CAST(${json} AS JSON[])) WITH ORDINALITY AS ${alias}(element, place)`,
    json: `${alias}.element`,
    place: `(${alias}.place - 1)`,
  }),
  joinFirst: (table, alias, where, order) =>
    `JOIN LATERAL (SELECT * FROM main."${table}" AS ${alias} WHERE ${where} ORDER BY ${order} LIMIT 1) AS ${alias} ON true`,
};
