import type { Dialect } from "./dialect.ts";

const PRICE = "(level.value ->> 'price')";
const SIZE = "(level.value ->> 'size')";

/** SQLite as its sink stores it: no schemas, so that the seed's name stands before the view's; times are text. */
export const sqlite: Dialect = {
  table: (name) => `"${name}"`,
  view: (schema, name) => `"${schema}_${name}"`,
  none: () => "NULL",
  real: (number) => number,
  // Prices have six places, their middle seven; what is behind these is noise of the REALs.
  price: (dollars) => `round(${dollars}, 7)`,
  cents: (dollars) => `round((${dollars}) * 100, 5)`,
  // Without its fraction, which SQLite would round to milliseconds.
  seconds: (time) => `unixepoch(substr(${time}, 1, 19))`,
  millis: (time) => `(unixepoch(substr(${time}, 1, 19)) * 1000 + CAST(substr(${time}, 21, 3) AS INTEGER))`,
  text: (number) => `rtrim(rtrim(printf('%.6f', ${number}), '0'), '.')`,
  field: (json, key, type) => {
    const value = `(${json} ->> '$.${key}')`;
    if (type === "boolean") return `iif(json_type(${json}, '$.${key}') IN ('true', 'false'), ${value}, NULL)`;
    if (type !== "real" && type !== "integer") return value;
    // CAST makes 0 of what is no number.
    return `iif(${value} GLOB '*[0-9]*' AND ${value} NOT GLOB '*[^0-9.eE+-]*', CAST(${value} AS ${type}), NULL)`;
  },
  levelsJson: (levels, price, size) =>
    `iif(${levels} IS NULL, NULL, (SELECT json_group_array(json_object('price', ${price(PRICE)}, 'size', ${size(SIZE)})) FROM json_each(${levels}) AS level))`,
  levelsSize: (levels) => `(SELECT sum(${SIZE}) FROM json_each(${levels}) AS level)`,
  eachLevel: (levels, alias) => ({
    from: `, json_each(${levels}) AS ${alias}`,
    price: `(${alias}.value ->> 'price')`,
    size: `(${alias}.value ->> 'size')`,
  }),
  eachElement: (json, alias) => ({
    from: `, json_each(${json}) AS ${alias}`,
    json: `${alias}.value`,
    place: `${alias}.key`,
  }),
  // One look into the index per row of what is joined to; a window function would read the whole table.
  joinFirst: (table, alias, where, order) =>
    `JOIN "${table}" AS ${alias} ON ${alias}.rowid = (SELECT rowid FROM "${table}" AS ${alias} WHERE ${where} ORDER BY ${order} LIMIT 1)`,
};
