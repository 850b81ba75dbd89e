import { UsageError } from "../ops/errors.ts";
import { postgresUrl } from "../sinks/postgres/config.ts";
import { Connection } from "../sinks/postgres/connection.ts";
import { migrate, migrationScript, refuseNewer, schemaVersion } from "../sinks/postgres/migrate.ts";
import { SCHEMA_VERSION } from "../sinks/postgres/migrations.ts";
import { checkServer } from "../sinks/postgres/startup.ts";
import { type CommandContext, defineCommand } from "./command.ts";

/** `foretape migrate`: the schema of databases, and who may do what in them. */
export const migrateCommand = defineCommand({
  name: "migrate",
  summary: "creates or upgrades the schema of PostgreSQL sinks",
  description:
    "Brings the schema foretape of every configured PostgreSQL database to this program's version, in one transaction, and says anew which roles may do what (docs/postgres.md). It may run any number of times, also while rows are written. SQLite files bring themselves up to date when they are opened.",
  options: {
    dryRun: { description: "prints the SQL and changes nothing" },
    publicRead: {
      description: "callers of a web API (the roles anon and authenticated) may read; without it they may not",
    },
    url: {
      value: "<url>",
      description:
        "this database, as its owner, in place of the configured ones; PGPASSWORD keeps the password out of the list of processes",
      schema: postgresUrl.optional(),
    },
  },
  examples: [
    "foretape migrate",
    "foretape migrate --dry-run > schema.sql",
    "PGPASSWORD=… foretape migrate --url postgres://postgres@db.example.com:5432/postgres",
  ],
  async run({ config, json, out, outJson }: CommandContext, { dryRun, publicRead, url }) {
    const configured = config.sinks.flatMap((sink) => (sink.type === "postgres" ? [sink.url] : []));
    const urls = url === undefined ? configured : [url];
    if (urls.length === 0)
      throw new UsageError("no PostgreSQL sink is configured", {
        hint: "put one into the configuration's sinks, DATABASE_URL into the environment, or name one with --url",
      });
    const results: { database: string; from: number; to: number; sql?: string }[] = [];
    for (const each of urls) {
      await using connection = await Connection.open(each);
      const { database } = connection;
      await checkServer(connection);
      if (dryRun) {
        const from = await schemaVersion(connection);
        refuseNewer(from, database);
        const sql = migrationScript(from, { publicRead });
        results.push({ database, from, to: SCHEMA_VERSION, sql });
        if (!json) out(`-- ${database}: schema version ${from} to ${SCHEMA_VERSION}\n${sql}`);
      } else {
        const from = await migrate(connection, { publicRead });
        results.push({ database, from, to: SCHEMA_VERSION });
        if (!json) out(`${database}: ${said(from)}`);
      }
    }
    if (json) outJson(results);
  },
});

function said(from: number): string {
  if (from === 0) return `the schema was made, version ${SCHEMA_VERSION}`;
  return from === SCHEMA_VERSION
    ? `the schema is at version ${from}; roles and rights were set`
    : `the schema went from version ${from} to ${SCHEMA_VERSION}`;
}
