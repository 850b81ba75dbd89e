import { StorageError } from "../../ops/errors.ts";
import { storedName } from "../sql.ts";
import { selectTables } from "../table-selection.ts";
import type { PostgresSinkConfig } from "./config.ts";
import { Connection } from "./connection.ts";
import { qualified, SCHEMA } from "./ddl.ts";
import { schemaVersion } from "./migrate.ts";
import { checkServer, refuseOther, refusePublicWriters } from "./startup.ts";

/** Whether the database can be reached and written, without changing it: what was found. Throws `StorageError`. */
export async function probePostgres({ url, tables }: Pick<PostgresSinkConfig, "url" | "tables">): Promise<string> {
  await using connection = await Connection.open(url);
  const server = `postgres: ${connection.database}, PostgreSQL ${await checkServer(connection)}`;
  const version = await schemaVersion(connection);
  if (version === 0) {
    await requireRight(connection, "has_database_privilege(current_database(), 'CREATE')", `make the schema ${SCHEMA}`);
    return `${server}: the schema ${SCHEMA} will be made`;
  }
  refuseOther(version, connection.database);
  await refusePublicWriters(connection);
  const partition = `has_function_privilege('${SCHEMA}.ensure_partition(text, date)', 'EXECUTE')`;
  await requireRight(connection, partition, "make partitions");
  for (const table of selectTables(tables)) {
    const name = qualified(storedName(table));
    await requireRight(
      connection,
      `has_table_privilege('${name}', 'SELECT') AND has_table_privilege('${name}', 'INSERT') AND has_table_privilege('${name}', 'DELETE')`,
      `write ${name}`,
    );
  }
  return `${server}, schema version ${version}: can be written`;
}

async function requireRight(connection: Connection, condition: string, what: string): Promise<void> {
  const [row] = await connection.rows(`SELECT ${condition} AS allowed`);
  if (row?.["allowed"] === true) return;
  throw new StorageError(`this user may not ${what} in ${connection.database}`, {
    hint: "run `foretape migrate` as the owner of the database, and let the sink's user be foretape_writer",
  });
}
