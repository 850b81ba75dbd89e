import type { Table } from "../../tables/schema.ts";
import { storedName } from "../sql.ts";
import { literal, SCHEMA } from "./ddl.ts";
import { partitionUnit } from "./partitioning.ts";

/**
 * The function that makes the partition of a day. Whoever writes may execute it, not change it: it runs with its
 * owner's rights, with a search path that nobody can put anything into, and takes only our own tables. Nobody is granted
 * anything on a partition itself; it is reached through its table.
 *
 * The partition is made apart and then attached: that waits for no reader and no writer of the table, which
 * `CREATE TABLE … PARTITION OF` does. There is no default partition, so a row can never be in it.
 */
export function partitionFunction(tables: readonly Table[]): string {
  const names = (unit: "day" | "month"): string =>
    tables
      .filter((table) => partitionUnit(table) === unit)
      .map((table) => literal(storedName(table)))
      .join(", ");
  return `CREATE OR REPLACE FUNCTION ${SCHEMA}.ensure_partition(parent text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  unit text := CASE
    WHEN parent IN (${names("day")}) THEN 'day'
    WHEN parent IN (${names("month")}) THEN 'month'
  END;
  low date := date_trunc(unit, day::timestamp)::date;
  high date := (low + ('1 ' || unit)::interval)::date;
  part text := parent || to_char(low, CASE unit WHEN 'day' THEN '_YYYYMMDD' ELSE '_YYYYMM' END);
BEGIN
  IF part IS NULL THEN
    RAISE EXCEPTION 'table % has no partitions', parent USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF to_regclass(format('${SCHEMA}.%I', part)) IS NOT NULL THEN
    RETURN;
  END IF;
  -- What attaching locks anyway. It also makes this session see what others made: an advisory lock does not.
  EXECUTE format('LOCK TABLE ONLY ${SCHEMA}.%I IN SHARE UPDATE EXCLUSIVE MODE', parent);
  IF to_regclass(format('${SCHEMA}.%I', part)) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE ${SCHEMA}.%I (LIKE ${SCHEMA}.%I INCLUDING DEFAULTS INCLUDING INDEXES INCLUDING COMMENTS)', part, parent);
  EXECUTE format('ALTER TABLE ${SCHEMA}.%I ENABLE ROW LEVEL SECURITY', part);
  EXECUTE format('REVOKE ALL ON ${SCHEMA}.%I FROM PUBLIC', part);
  EXECUTE format('ALTER TABLE ${SCHEMA}.%I ATTACH PARTITION ${SCHEMA}.%I FOR VALUES FROM (%L) TO (%L)', parent, part, low, high);
END
$function$`;
}
