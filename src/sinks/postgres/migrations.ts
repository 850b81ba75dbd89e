import { seeds } from "../../seeds/index.ts";
import { postgres } from "../../seeds/postgres.ts";
import { viewSelect } from "../../seeds/seed.ts";
import { tables } from "../../tables/schema.ts";
import { columnComment, tableComments } from "./comments.ts";
import { literal, qualified, SCHEMA, tableStatements } from "./ddl.ts";
import { partitionFunction } from "./partition-function.ts";

/** A step from one version of the schema to the next. */
export interface Migration {
  readonly version: number;
  /** What it does, in words. */
  readonly summary: string;
  readonly statements: readonly string[];
}

const stateTables: Readonly<Record<string, readonly string[]>> = {
  recorders: [
    "recorder integer PRIMARY KEY",
    "name text NOT NULL",
    "journal text NOT NULL UNIQUE",
    "host text NOT NULL",
    "since timestamptz NOT NULL",
  ],
  checkpoints: [
    `recorder integer PRIMARY KEY REFERENCES ${SCHEMA}.recorders`,
    "journal text NOT NULL",
    "frame bigint NOT NULL",
    "crc bigint NOT NULL",
  ],
  interpreted: [
    `recorder integer NOT NULL REFERENCES ${SCHEMA}.recorders`,
    "first_frame bigint NOT NULL",
    "last_frame bigint NOT NULL",
    "interpreter integer NOT NULL",
    "tables text NOT NULL",
    "PRIMARY KEY (recorder, first_frame)",
  ],
  schema_version: ["version integer PRIMARY KEY", "applied_at timestamptz NOT NULL DEFAULT now()"],
};

function stateStatements(): string[] {
  return Object.entries(stateTables).flatMap(([name, columns]) => [
    `CREATE TABLE ${qualified(name)} (\n  ${columns.join(",\n  ")}\n)`,
    `COMMENT ON TABLE ${qualified(name)} IS ${literal(tableComments[name] ?? name)}`,
    ...columns
      .map((column) => column.split(" ", 1)[0]!)
      .filter((column) => column !== "PRIMARY")
      .map((column) => `COMMENT ON COLUMN ${qualified(name)}.${column} IS ${literal(columnComment(column))}`),
  ]);
}

const AS_NAMED = "as the venue gives it, or as the name says";

/** The seeds' views, each in its seed's schema, which `ownership` makes. */
function seedStatements(): string[] {
  return seeds.flatMap(({ schema, views }) =>
    views(postgres).flatMap((view) => {
      const name = postgres.view(schema, view.name);
      return [
        `CREATE VIEW ${name} WITH (security_invoker = true) AS ${viewSelect(view)}`,
        `COMMENT ON VIEW ${name} IS ${literal(view.row)}`,
        ...view.columns.map(
          (column) => `COMMENT ON COLUMN ${name}."${column.name}" IS ${literal(column.holds || AS_NAMED)}`,
        ),
      ];
    }),
  );
}

/**
 * Every step that the schema has taken, oldest first; a database gets those that it has not had. A step that was
 * released is never changed (a test holds its text): what comes later is a step of its own.
 */
export const migrations: readonly Migration[] = [
  {
    version: 1,
    summary: "tables, views, the function that makes partitions, the seeds' names",
    statements: [
      ...stateStatements(),
      ...tables.flatMap(tableStatements),
      partitionFunction(tables),
      ...seedStatements(),
    ],
  },
];

/** The version that this program writes. */
export const SCHEMA_VERSION: number = migrations.at(-1)?.version ?? 0;
