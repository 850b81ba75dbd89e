import { StorageError } from "../../ops/errors.ts";
import { PUBLIC_ROLES, SCHEMA_OIDS } from "./access.ts";
import type { Connection } from "./connection.ts";
import { literal, SCHEMA } from "./ddl.ts";
import { migrate, refuseNewer, schemaVersion } from "./migrate.ts";
import { SCHEMA_VERSION } from "./migrations.ts";

/** PostgreSQL 15: views with `security_invoker`. */
const OLDEST = 150_000;

/** The server's version in words. Throws where it is too old, or where nothing can be written. */
export async function checkServer(connection: Connection): Promise<string> {
  const [row] = await connection.rows(
    "SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version, pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS read_only",
  );
  const version = String(row?.["version"]).split(" ", 1)[0] ?? "";
  if (Number(row?.["number"]) < OLDEST)
    throw new StorageError(`${connection.database} is PostgreSQL ${version}; 15 is the oldest that works`, {
      hint: "upgrade the server",
    });
  if (row?.["read_only"] === true)
    throw new StorageError(`${connection.database} is read-only`, {
      hint: "it is a standby, or a project over its quota; the journal goes on, and this sink catches up when it can be written",
    });
  return version;
}

/**
 * Makes the schema in a database that has none of ours, and refuses one that is older or newer than this program, or
 * whose rows a web API's caller or everybody could change.
 */
export async function prepareSchema(connection: Connection): Promise<void> {
  const version = await schemaVersion(connection);
  if (version === 0) await create(connection);
  else refuseOther(version, connection.database);
  await refusePublicWriters(connection);
}

async function create(connection: Connection): Promise<void> {
  try {
    await migrate(connection, { publicRead: false, onlyFresh: true });
  } catch (cause) {
    if (!(cause instanceof StorageError) || cause.context["code"] !== "42501") throw cause;
    throw new StorageError(`${connection.database} has no schema ${SCHEMA}, and this user may not make it`, {
      cause,
      hint: "run `foretape migrate --url …` once as the owner of the database",
    });
  }
}

/** Refuses a schema of another version than this program's. */
export function refuseOther(version: number, database: string): void {
  refuseNewer(version, database);
  if (version < SCHEMA_VERSION)
    throw new StorageError(`${database} has schema version ${version}, older than this program's ${SCHEMA_VERSION}`, {
      hint: "run `foretape migrate`",
      exitCode: 2,
    });
}

/** Throws where anybody but Foretape's own roles could change rows: whoever has the public key of the project could. */
export async function refusePublicWriters(connection: Connection): Promise<void> {
  const writes = "'INSERT, UPDATE, DELETE, TRUNCATE'";
  const [row] = await connection.rows(
    `SELECT c.oid::regclass::text AS relation, r.rolname FROM pg_class AS c, pg_roles AS r
     WHERE c.relnamespace IN (${SCHEMA_OIDS}) AND c.relkind IN ('r', 'p', 'v')
       AND r.rolname IN (${PUBLIC_ROLES.map(literal).join(", ")}) AND has_table_privilege(r.oid, c.oid, ${writes})
     UNION ALL
     SELECT c.oid::regclass::text, 'PUBLIC' FROM pg_class AS c, aclexplode(c.relacl) AS granted
     WHERE c.relnamespace IN (${SCHEMA_OIDS}) AND granted.grantee = 0
       AND granted.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
     LIMIT 1`,
  );
  if (row === undefined) return;
  throw new StorageError(
    `in ${connection.database} the role ${String(row["rolname"])} can change ${String(row["relation"])}`,
    { hint: "`foretape migrate` takes that right away" },
  );
}
