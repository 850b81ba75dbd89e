import { seedNames } from "../../seeds/index.ts";
import { tables } from "../../tables/schema.ts";
import { storedName } from "../sql.ts";
import { SCHEMA } from "./ddl.ts";

/** The three roles, without a password: `ALTER ROLE foretape_reader LOGIN PASSWORD '…'`, or `GRANT foretape_reader TO …`. */
export const MIGRATOR = "foretape_migrator";
export const WRITER = "foretape_writer";
export const READER = "foretape_reader";

/** Roles of a web API's callers: Supabase's names. */
export const PUBLIC_ROLES = ["anon", "authenticated"];

/** A transaction of rows moves the checkpoint, notes the range, then goes through the tables. */
const LOCK_ORDER = ["checkpoints", "recorders", "interpreted", ...tables.map(storedName)];

const list = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(", ");

/** Foretape's own tables, then a schema of views for each seed. */
const SCHEMAS: readonly string[] = [SCHEMA, ...seedNames];
/** SQL of our schemas' numbers. */
export const SCHEMA_OIDS: string = `SELECT oid FROM pg_namespace WHERE nspname IN (${list(SCHEMAS)})`;

/**
 * Makes roles and schema, and becomes the schema's owner for the rest of the transaction, so that nothing belongs to a
 * superuser. Where roles may not be made the schema belongs to who migrates, and there is no other role.
 */
export const ownership = `DO $ownership$
DECLARE
  role text;
  seed text;
  may_create boolean := (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user);
  owner name;
BEGIN
  FOREACH role IN ARRAY ARRAY[${list([MIGRATOR, WRITER, READER])}] LOOP
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      CONTINUE;
    ELSIF NOT may_create THEN
      RAISE NOTICE 'role % is not made: % may not create roles', role, current_user;
      CONTINUE;
    END IF;
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
      EXECUTE format('ALTER ROLE %I SET search_path = ${SCHEMA}, public', role);
      EXECUTE format('ALTER ROLE %I SET timezone = ''UTC''', role);
      IF role = '${READER}' THEN
        EXECUTE format('ALTER ROLE %I SET statement_timeout = ''60s''', role);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- another database of this server was migrated at the same time
    END;
  END LOOP;
  IF to_regnamespace('${SCHEMA}') IS NULL THEN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${MIGRATOR}') THEN
      CREATE SCHEMA ${SCHEMA};
    ELSE
      IF may_create AND NOT pg_has_role('${MIGRATOR}', 'USAGE') THEN
        EXECUTE format('GRANT ${MIGRATOR} TO %I', current_user);
      END IF;
      IF pg_has_role('${MIGRATOR}', 'USAGE') THEN
        CREATE SCHEMA ${SCHEMA} AUTHORIZATION ${MIGRATOR};
      ELSE
        CREATE SCHEMA ${SCHEMA};
      END IF;
    END IF;
  END IF;
  IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database())
    AND EXISTS (SELECT FROM pg_roles WHERE rolname = '${WRITER}') THEN
    -- Rows of a role with policies go through a temporary table: COPY knows no policies.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO ${WRITER}', current_database());
  END IF;
  owner := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = '${SCHEMA}');
  FOREACH seed IN ARRAY ARRAY[${list(seedNames)}] LOOP
    IF to_regnamespace(seed) IS NULL THEN
      EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', seed, owner);
    END IF;
  END LOOP;
  IF owner <> current_user THEN
    EXECUTE format('SET LOCAL ROLE %I', owner);
  END IF;
END
$ownership$`;

/**
 * Who may do what, said anew by each migration: row-level security on every table, the writer changes rows, the reader
 * reads, everybody else nothing, or with `publicRead` the callers of a web API read too.
 */
export function accessStatement(publicRead: boolean): string {
  const known = list([WRITER, READER, ...PUBLIC_ROLES]);
  return `DO $access$
DECLARE
  readers text[] := ARRAY[${list([WRITER, READER, ...(publicRead ? PUBLIC_ROLES : [])])}];
  relation record;
  role text;
  policy text;
  ours text;
BEGIN
  -- In the order in which writers lock them: then this waits for them, and they for this, but never both.
  FOR relation IN
    SELECT oid::regclass AS name FROM pg_class
    WHERE relnamespace = '${SCHEMA}'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    ORDER BY array_position(ARRAY[${list(LOCK_ORDER)}], relname::text)
  LOOP
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', relation.name);
  END LOOP;
  FOREACH ours IN ARRAY ARRAY[${list(SCHEMAS)}] LOOP
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', ours);
  END LOOP;
  REVOKE ALL ON FUNCTION ${SCHEMA}.ensure_partition(text, date) FROM PUBLIC;
  FOR relation IN
    -- Not the partitions: ensure_partition sees to them, and there may be thousands.
    SELECT oid::regclass AS name, relkind <> 'v' AS is_table, relname
    FROM pg_class WHERE relnamespace IN (${SCHEMA_OIDS}) AND relkind IN ('r', 'p', 'v') AND NOT relispartition
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', relation.name);
    IF relation.is_table THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation.name);
      FOR policy IN SELECT polname FROM pg_policy WHERE polrelid = relation.name AND polname LIKE 'foretape%' LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy, relation.name);
      END LOOP;
    END IF;
    FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN (${known}) LOOP
      EXECUTE format('REVOKE ALL ON %s FROM %I', relation.name, role);
      CONTINUE WHEN role <> ALL (readers);
      EXECUTE format('GRANT SELECT ON %s TO %I', relation.name, role);
      CONTINUE WHEN NOT relation.is_table;
      EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO %I USING (true)', 'foretape_read_' || role, relation.name, role);
      CONTINUE WHEN role <> '${WRITER}' OR relation.relname = 'schema_version';
      EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO %I', relation.name, role);
      EXECUTE format('CREATE POLICY foretape_write ON %s TO %I USING (true) WITH CHECK (true)', relation.name, role);
    END LOOP;
  END LOOP;
  FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN (${known}) LOOP
    FOREACH ours IN ARRAY ARRAY[${list(SCHEMAS)}] LOOP
      EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', ours, role);
      CONTINUE WHEN role <> ALL (readers);
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', ours, role);
    END LOOP;
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${WRITER}') THEN
    GRANT EXECUTE ON FUNCTION ${SCHEMA}.ensure_partition(text, date) TO ${WRITER};
  END IF;
END
$access$`;
}
