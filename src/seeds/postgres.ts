import type { Dialect, SeedType } from "./dialect.ts";

const types: Readonly<Record<SeedType, string>> = {
  text: "text",
  integer: "bigint",
  real: "double precision",
  boolean: "boolean",
  timestamp: "timestamptz",
};

/** What may be cast; a failing cast would fail the whole query. */
const VALID: Partial<Readonly<Record<SeedType, string>>> = {
  integer: "^-?[0-9]{1,18}$",
  real: "^-?[0-9]+([.][0-9]+)?$",
  boolean: "^(true|false)$",
};
const PRICE = "CAST(one.level ->> 'price' AS numeric)";
const SIZE = "CAST(one.level ->> 'size' AS numeric)";

/** PostgreSQL: Foretape's tables in schema `foretape`, levels and other JSON as `json`, each seed a schema of its own. */
export const postgres: Dialect = {
  table: (name) => `foretape."${name}"`,
  view: (schema, name) => `${schema}."${name}"`,
  none: (type) => `CAST(NULL AS ${types[type]})`,
  real: (number) => `CAST(${number} AS double precision)`,
  price: (dollars) => `CAST(round(${dollars}, 7) AS double precision)`,
  cents: (dollars) => `CAST(round((${dollars}) * 100, 5) AS double precision)`,
  seconds: (time) => `CAST(floor(extract(epoch FROM ${time})) AS bigint)`,
  millis: (time) => `CAST(floor(extract(epoch FROM ${time}) * 1000) AS bigint)`,
  text: (number) => `CAST(trim_scale(${number}) AS text)`,
  field: (json, key, type) => {
    const value = `(CAST(${json} AS json) ->> '${key}')`;
    const valid = VALID[type];
    return valid === undefined ? value : `CASE WHEN ${value} ~ '${valid}' THEN CAST(${value} AS ${types[type]}) END`;
  },
  // Of an empty list there is nothing to aggregate.
  levelsJson: (levels, price, size) =>
    `CASE WHEN ${levels} IS NOT NULL THEN (SELECT coalesce(json_agg(json_build_object('price', ${price(PRICE)}, 'size', ${size(SIZE)}) ORDER BY place), '[]') FROM json_array_elements(${levels}) WITH ORDINALITY AS one(level, place)) END`,
  levelsSize: (levels) => `(SELECT sum(${SIZE}) FROM json_array_elements(${levels}) AS one(level))`,
  eachLevel: (levels, alias) => ({
    from: `, json_array_elements(${levels}) AS ${alias}(level)`,
    price: `CAST(${alias}.level ->> 'price' AS numeric)`,
    size: `CAST(${alias}.level ->> 'size' AS numeric)`,
  }),
  eachElement: (json, alias) => ({
    from: `, json_array_elements(CAST(${json} AS json)) WITH ORDINALITY AS ${alias}(element, place)`,
    json: `${alias}.element`,
    place: `(${alias}.place - 1)`,
  }),
  joinFirst: (table, alias, where, order) =>
    `JOIN LATERAL (SELECT * FROM foretape."${table}" AS ${alias} WHERE ${where} ORDER BY ${order} LIMIT 1) AS ${alias} ON true`,
};
