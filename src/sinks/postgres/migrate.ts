import { StorageError } from "../../ops/errors.ts";
import { accessStatement, ownership } from "./access.ts";
import type { Connection } from "./connection.ts";
import { SCHEMA } from "./ddl.ts";
import { migrations, SCHEMA_VERSION } from "./migrations.ts";

export interface MigrationOptions {
  /** Callers of a web API (`anon`, `authenticated`) may read. */
  readonly publicRead: boolean;
  /** Leaves a database that has the schema by now as it is. */
  readonly onlyFresh?: boolean;
}

/** Two processes that migrate one database wait for each other. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended('${SCHEMA}.migrate', 0))`;

/** The newest step that the database has had, 0 where it has none of ours. */
export async function schemaVersion(connection: Connection): Promise<number> {
  // Not `to_regclass`: what it remembers of names may be older than the lock that `migrate` waits for.
  const [found] = await connection.rows(
    `SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = '${SCHEMA}' AND relname = 'schema_version') AS exists`,
  );
  if (found?.["exists"] !== true) return 0;
  const [row] = await connection.rows(`SELECT coalesce(max(version), 0) AS version FROM ${SCHEMA}.schema_version`);
  return Number(row?.["version"]);
}

/** Refuses a database that a newer program made: exit code 2. */
export function refuseNewer(version: number, database: string): void {
  if (version <= SCHEMA_VERSION) return;
  throw new StorageError(`${database} has schema version ${version}, newer than this program's ${SCHEMA_VERSION}`, {
    hint: "install a newer Foretape",
    exitCode: 2,
  });
}

/** What takes a database from a version to this program's, and says anew who may do what. */
export function migrationStatements(version: number, { publicRead }: MigrationOptions): string[] {
  const steps = migrations.filter((step) => step.version > version);
  return [
    ownership,
    ...steps.flatMap((step) => [
      ...step.statements,
      `-- ${step.summary}\nINSERT INTO ${SCHEMA}.schema_version (version) VALUES (${step.version})`,
    ]),
    accessStatement(publicRead),
  ];
}

/** Brings the schema up to this program's version, in one transaction. Says from which version. Throws `StorageError`. */
export async function migrate(connection: Connection, options: MigrationOptions): Promise<number> {
  await connection.run(["BEGIN", "SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = '60s'", LOCK]);
  try {
    // Read behind the lock: another process may have done it meanwhile.
    const version = await schemaVersion(connection);
    refuseNewer(version, connection.database);
    if (version === 0 || options.onlyFresh !== true) await connection.run(migrationStatements(version, options));
    await connection.run(["COMMIT"]);
    return version;
  } catch (error) {
    await connection.rollback();
    throw error;
  }
}

/** The statements of `migrate`, as a script for psql or a project's SQL editor. */
export function migrationScript(version: number, options: MigrationOptions): string {
  return ["BEGIN", LOCK, ...migrationStatements(version, options), "COMMIT"].map((each) => `${each};\n`).join("\n");
}
