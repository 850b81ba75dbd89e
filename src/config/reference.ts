import { z } from "zod";
import { environmentName } from "./environment.ts";
import { type Field, fields, marks, type Path, unwrap } from "./fields.ts";
import { presets } from "./presets.ts";
import { configSchema } from "./schema.ts";
import { seedAliases, seedAliasesLater } from "./seed-aliases.ts";
import { formatBytes, formatDuration } from "./units.ts";

/** JSON Schema of the configuration file, for editors. */
export function configJsonSchema(): unknown {
  return {
    title: "foretape.yaml",
    ...z.toJSONSchema(configSchema, {
      io: "input",
      override: ({ jsonSchema }) => {
        // Our own marks are no JSON Schema vocabulary.
        for (const mark of ["secret", "path", "unit"]) delete jsonSchema[mark];
      },
    }),
  };
}

/** The reference page of the configuration, `docs/configuration.md`. */
export function configReference(): string {
  return [
    "# Configuration",
    "",
    "<!-- Generated from the schema by `npm run docs`; do not edit. -->",
    "",
    "`foretape.yaml` of the current directory, or the file that `--config` names. Order, the later wins: defaults, the file,",
    "`.env` beside the file, the environment, flags (`--tape`, `--recorder`, `--set path=value`). An unknown key or a bad value is",
    "an error that names its path, where it stands and the nearest right name. `foretape init` writes a commented file; editors",
    "complete and check it with [`foretape.schema.json`](foretape.schema.json).",
    "",
    "Durations are written `100ms`, `5s`, `10m`, `2h`, `1d`; sizes `512kB`, `64MB`, `2GB` (binary multiples). Relative paths in the file and",
    "in `.env` are relative to the file, others to the current directory. `*` in a path stands for the index of a list; in the",
    "environment a list is `a, b`, and a list of objects is one YAML or JSON text (`FORETAPE_LISTENERS`, `FORETAPE_SINKS`).",
    "Values marked *secret* never appear in logs, errors or the journal; credentials inside URLs neither.",
    "",
    ...sections(),
    "## Presets",
    "",
    "`listeners: [{ preset: kalshi-btc }]`; `name`, `max_markets`, `discovery_every` and `channels` beside it override it.",
    "",
    "| preset | venue | filters |",
    "|---|---|---|",
    ...Object.entries(presets).map(
      ([name, { venue, filters }]) => `| \`${name}\` | ${venue} | \`${JSON.stringify(filters)}\` |`,
    ),
    "",
    "## Other recorders' environment names",
    "",
    "Accepted as they are, in `.env` and in the environment; a `FORETAPE_…` name beside one of them wins. The Kalshi filters among them",
    "make one listener named `environment`; `DB_PATH` adds a SQLite sink.",
    "",
    "| name | sets |",
    "|---|---|",
    ...Object.entries(seedAliases).map(([name, alias]) => `| \`${name}\` | ${aliasTarget(alias("1").path)} |`),
    "",
    `Named in a warning and not read yet, because what they configure comes with a later release: ${seedAliasesLater.map((name) => `\`${name}\``).join(", ")}.`,
    "",
  ].join("\n");
}

function sections(): readonly string[] {
  const groups = Map.groupBy(fields(configSchema), ({ path }) => sectionOf(path));
  return [...groups].flatMap(([title, members]) => [
    `## ${title}`,
    "",
    "| path | value | default | environment | meaning |",
    "|---|---|---|---|---|",
    ...new Set(members.filter(isOwn).map((field, _index, all) => row(field, isShared(field, all)))),
    "",
  ]);
}

function sectionOf(path: Path): string {
  if (path.length === 1 && (path[0] === "tape" || path[0] === "recorder")) return "The tape";
  return path[0] === "venues" ? `venues.${path[1]}` : String(path[0]);
}

/** What a preset takes beside its name is said in the section on presets. */
function isOwn({ path, variant }: Field): boolean {
  return variant !== "preset" || path.at(-1) === "preset";
}

/** Whether every variant has this field with the same meaning. */
function isShared({ path, description }: Field, all: readonly Field[]): boolean {
  const same = all.filter((other) => other.path.join() === path.join() && other.description === description);
  return description !== "" && same.length > 1;
}

function row({ path, schema, fallback, description, variant }: Field, shared: boolean): string {
  const { secret, unit } = marks(schema);
  const only = variant === null || shared ? "" : ` (only ${variant})`;
  const environment = path.includes("*") ? "" : `\`${environmentName(path)}\``;
  const cells = [
    `\`${path.join(".")}\`${only}`,
    `${typeName(schema)}${secret === true ? ", *secret*" : ""}`,
    fallback === undefined ? "" : `\`${shown(fallback, unit)}\``,
    environment,
    description.replaceAll("|", "\\|"),
  ];
  return `| ${cells.join(" | ")} |`;
}

function shown(value: unknown, unit: "duration" | "size" | undefined): string {
  if (typeof value === "number" && unit === "duration") return formatDuration(value);
  if (typeof value === "number" && unit === "size") return formatBytes(value);
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  return value === "" ? '""' : String(value);
}

/** What a value looks like, in words. */
function typeName(schema: z.core.$ZodType): string {
  const { unit } = marks(schema);
  if (unit !== undefined) return unit;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodEnum) return inner.options.map((option) => `\`${option}\``).join(" or ");
  if (inner instanceof z.ZodLiteral) return `\`${String(inner.value)}\``;
  if (inner instanceof z.ZodArray) return `list of ${typeName(inner.element)}`;
  if (inner instanceof z.ZodUnion) return inner.options.map(typeName).join(" or ");
  if (inner instanceof z.ZodNumber) return inner.isInt ? "integer" : "number";
  if (inner instanceof z.ZodBoolean) return "`true` or `false`";
  if (inner instanceof z.ZodURL) return "URL";
  return "text";
}

function aliasTarget(path: Path): string {
  if (path[0] === "postgres") return "`sinks`: a PostgreSQL sink with this url";
  if (path[0] === "sqlite") return "`sinks`: a SQLite sink with this path";
  return path[0] === "listener"
    ? `\`${path.slice(1).join(".")}\` of the listener \`environment\``
    : `\`${path.join(".")}\``;
}
